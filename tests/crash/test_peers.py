"""How others lose or double files: 46 cases, and the tests that exclude each.

The cases that no other test proves are proven here, with the program as a person runs it.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.workspace import BUCKET, Workspace
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox
    from watcher.sandbox.http_server import Answer, Request


TESTS = CHECKOUT / "tests"
CASES: dict[int, tuple[str, ...]] = {
    # Discovery
    1: ("crash/test_peers.py::test_many_objects_of_the_same_second_some_after_the_scan",),
    2: ("crash/test_peers.py::test_an_object_that_appears_older_than_the_newest_one_seen",),
    3: ("crash/test_peers.py::test_keys_smaller_than_the_last_one_seen",),
    4: ("crash/test_peers.py::test_dates_in_keys_without_leading_zeros",),
    5: ("crash/test_peers.py::test_an_old_prefix_is_still_listed_after_a_newer_one",),
    6: (
        "crash/test_peers.py::test_pages_of_exactly_a_thousand_and_one_more",
        "crash/test_peers.py::test_a_first_page_without_anything_wanted",
        "crash/test_peers.py::test_an_empty_page_that_says_there_is_more",
    ),
    7: (
        "crash/test_fault_table.py::test_a_page_that_cannot_be_trusted_leaves_an_incomplete_scan_that_the_next_goes_on_with",
    ),
    8: (
        "crash/test_peers.py::test_an_empty_listing_is_believed_at_the_third_time_and_takes_nothing_away",
    ),
    9: (
        "crash/test_fault_table.py::test_a_page_that_cannot_be_trusted_leaves_an_incomplete_scan_that_the_next_goes_on_with",
        "cli/test_main_job.py::test_a_file_that_vanished_before_its_call_is_gone",
    ),
    10: ("unit/test_selection.py::test_every_documented_extension_is_media_in_any_letter_case",),
    11: (
        "crash/test_peers.py::test_a_multipart_upload_is_found_and_an_overwrite_of_the_same_size_seen",
    ),
    12: ("cli/test_main_job.py::test_odd_keys_come_back_byte_for_byte",),
    13: (
        "unit/test_selection.py::test_a_folder_marker_is_a_directory_whatever_the_globs_say",
        "unit/test_selection.py::test_an_empty_object_stays_out_even_if_no_size_is_asked",
    ),
    14: (
        "unit/test_selection.py::test_a_prefix_is_only_text",
        "later: `doctor` names a prefix or a pattern that matches nothing",
    ),
    15: (
        "cli/test_one_shots.py::test_a_long_listing_is_not_mute_and_holds_one_page",
        "later: the daemon starts the next scan no sooner than the last one took",
    ),
    16: ("later: events only speed listing up, and there are none yet",),
    17: (
        "cli/test_one_shots.py::test_an_instant_without_offset_is_of_the_configured_timezone_and_inclusive",
    ),
    # State
    18: (
        "sandbox/test_faults.py::test_a_program_killed_at_a_call_loses_nothing",
        "crash/test_histories.py::test_whatever_happens_every_object_is_registered_once_or_failed_with_a_true_reason",
    ),
    19: (
        "crash/test_power_loss.py::test_claims_and_settlements_are_synchronous_full",
        "crash/test_power_loss.py::test_a_log_cut_anywhere_after_the_last_synced_commit_loses_nothing",
    ),
    20: (
        "ledger/test_trouble.py::test_a_scan_waits_for_a_ledger_that_is_locked_for_a_while",
        "ledger/test_trouble.py::test_a_ledger_that_stays_locked_is_exit_1_with_the_cure",
    ),
    21: (
        "ledger/test_untrusted.py::test_a_file_that_is_no_ledger_is_refused",
        "ledger/test_untrusted.py::test_a_ledger_that_was_cut_off_is_refused",
        "ledger/test_backup.py::test_a_backup_replaces_a_damaged_ledger",
    ),
    22: (
        "ledger/test_untrusted.py::test_an_unreadable_ledger_is_refused",
        "cli/test_cli_errors.py::test_ledger_init_never_replaces",
    ),
    23: ("cli/test_main_job.py::test_two_buckets_share_a_key_and_two_keys_share_a_name",),
    24: ("crash/test_peers_state.py::test_no_number_of_objects_makes_it_forget_the_first",),
    25: (
        "ledger/test_migrations.py::test_a_scan_migrates_an_older_ledger_and_sends_no_registered_file",
    ),
    26: (
        "crash/test_peers_state.py::test_another_prefix_is_another_place_and_the_way_back_asks_for_nothing",
        "ledger/test_ledger.py::test_the_form_of_file_urls_cannot_change_once_a_file_was_sent",
    ),
    27: (
        "cli/test_one_shots.py::test_a_long_listing_is_not_mute_and_holds_one_page",
        "later: `make bench` measures bytes an object, and no test holds them to a limit",
    ),
    28: ("ledger/test_ledger.py::test_claims_of_a_dead_process_are_queued_again",),
    29: (
        "crash/test_peers_state.py::test_a_file_that_failed_is_not_passed_over_because_later_ones_were_registered",
    ),
    30: (
        "crash/test_peers_state.py::test_a_file_that_failed_and_is_uploaded_again_starts_afresh",
        "cli/test_retry.py::test_a_named_entry_goes_back_in_line_and_is_registered",
    ),
    31: (
        "cli/test_one_shots.py::test_a_scan_beside_a_registering_process_records_only",
        "later: a tick of the daemon that meets the one before",
    ),
    32: (
        "ledger/test_trouble.py::test_a_disk_that_stays_full_ends_all_work",
        "ledger/test_trouble.py::test_a_settlement_that_waits_for_room_is_written_before_the_next_claim",
    ),
    # Processing
    33: (
        "crash/test_fault_table.py::test_a_call_refused_for_one_file_is_halved_and_the_others_are_registered",
    ),
    34: ("cli/test_main_job.py::test_a_file_that_vanished_before_its_call_is_gone",),
    35: (
        "crash/test_fault_table.py::test_a_file_that_is_refused_for_good_fails_after_its_attempts",
        "crash/test_peers_state.py::test_a_file_that_failed_costs_no_further_call",
    ),
    36: (
        "crash/test_peers.py::test_a_multipart_upload_is_found_and_an_overwrite_of_the_same_size_seen",
    ),
    37: (
        "contract/test_credentials.py::test_rotated_files_are_seen_by_the_next_call",
        "cli/test_breakers.py::test_wrong_credentials_stop_calls_at_once_and_heal_by_themselves",
    ),
    38: (
        "crash/test_fault_table.py::test_a_fault_that_passes_costs_a_call_and_nothing_else",
        "crash/test_fault_table.py::test_a_file_that_no_answer_mentions_waits_and_stops_nobody",
    ),
    39: ("later: the daemon and `backfill`; `scan` is the only way so far",),
    40: ("cli/test_one_shots.py::test_an_interrupted_scan_says_what_is_left_and_the_next_goes_on",),
    41: (
        "cli/test_one_shots.py::test_a_long_listing_is_not_mute_and_holds_one_page",
        "later: the metric of how far a scan is",
    ),
    42: (
        "crash/test_peers_state.py::test_an_idle_scan_costs_one_call_for_each_thousand_objects_and_none_to_vod",
        "later: the bill of an idle hour of the daemon",
    ),
    43: ("cli/test_one_shots.py::test_a_long_listing_is_not_mute_and_holds_one_page",),
    44: (
        "unit/test_config_problems.py::test_a_wrong_key_of_a_watch_is_named_with_its_cure",
        "later: `init` asks",
    ),
    45: (
        "crash/test_fault_table.py::test_a_file_that_is_refused_for_good_fails_after_its_attempts",
    ),
    46: (
        "cli/test_one_shots.py::test_the_rate_stays_within_the_quota_and_uses_it",
        "crash/test_fault_table.py::test_a_fault_of_everyone_stops_calls_at_once_and_heals_by_itself",
    ),
}
"""Case -> the tests that prove it, or "later: " and what is still to come."""


def test_every_case_names_tests_that_exist() -> None:
    assert sorted(CASES) == list(range(1, 47))
    for case, proofs in CASES.items():
        for file, _, name in (
            proof.partition("::") for proof in proofs if not proof.startswith("later: ")
        ):
            tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
            known = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert name in known, (case, file, name)


def registered(workspace: Workspace) -> list[str]:
    return [entry["key"] for entry in workspace.entries() if entry["state"] == "registered"]


def one_media_each(sandbox: Sandbox) -> list[str]:
    """Return the keys that VOD knows, each asked for once and no more."""
    assert {media.times_asked for media in sandbox.vod.media.values()} == {1}
    return sorted(key for _, key in sandbox.vod.media)


def found_later(workspace: Workspace, sandbox: Sandbox, first: list[str], later: list[str]) -> None:
    """Put some, scan, put the others, scan: all are registered, and nothing is asked for twice."""
    for keys in (first, later):
        sandbox.oss.fill(BUCKET, keys)
        assert workspace.scan().json["registered"] == len(keys)
    assert one_media_each(sandbox) == sorted([*first, *later]) == sorted(registered(workspace))


def test_many_objects_of_the_same_second_some_after_the_scan(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for half in ("even", "odd"):
        sandbox.oss.fill(BUCKET, [f"{n:02}-{half}.mp4" for n in range(30)], modified_at=at)
        assert workspace.scan().json["registered"] == 30
    assert len(one_media_each(sandbox)) == 60


def test_an_object_that_appears_older_than_the_newest_one_seen(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """As a long multipart upload does, or a writer whose clock is behind."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    for key, age in (
        ("m.mp4", timedelta(0)),
        ("z.mp4", timedelta(days=400)),
        ("a.mp4", timedelta(seconds=1)),
    ):
        sandbox.oss.put(BUCKET, key, modified_at=now - age)
        assert workspace.scan().json["registered"] == 1, key
    assert one_media_each(sandbox) == ["a.mp4", "m.mp4", "z.mp4"]


def test_keys_smaller_than_the_last_one_seen(workspace: Workspace, sandbox: Sandbox) -> None:
    found_later(
        workspace, sandbox, ["f81d4fae.mp4", "z.mp4"], ["00a1.mp4", "f81d4fad.mp4", "\x01.mp4"]
    )


def test_dates_in_keys_without_leading_zeros(workspace: Workspace, sandbox: Sandbox) -> None:
    found_later(
        workspace,
        sandbox,
        ["2022/2/9/a.mp4"],
        ["2022/2/10/a.mp4", "2022/12/1/a.mp4", "2022/2/9/b.mp4"],
    )


def test_an_old_prefix_is_still_listed_after_a_newer_one(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    found_later(
        workspace, sandbox, ["2024/a.mp4", "2025/a.mp4", "2026/a.mp4"], ["2024/b.mp4", "2025/b.mp4"]
    )


@pytest.mark.parametrize(("n", "calls"), [(999, 1), (1000, 1), (1001, 2), (2000, 2)])
def test_pages_of_exactly_a_thousand_and_one_more(
    workspace: Workspace, sandbox: Sandbox, n: int, calls: int
) -> None:
    sandbox.oss.fill(
        BUCKET, [f"{k:05}.{'mp4' if k in (0, 999, 1000, n - 1) else 'txt'}" for k in range(n)]
    )
    done = workspace.scan()
    (scan,) = done.json["scans"]
    assert (done.status, scan["complete"], scan["listed"], scan["list_calls"]) == (
        0,
        True,
        n,
        calls,
    )
    assert one_media_each(sandbox) == [
        f"{k:05}.mp4" for k in sorted({0, 999, 1000, n - 1}) if k < n
    ]


def test_a_first_page_without_anything_wanted(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, [*(f"a/{n:05}.txt" for n in range(1500)), "b.mp4"])
    assert workspace.scan().json["registered"] == 1


@pytest.mark.parametrize("token", ["<NextContinuationToken>AAAA</NextContinuationToken>", ""])
def test_an_empty_page_that_says_there_is_more(
    workspace: Workspace, sandbox: Sandbox, token: str
) -> None:
    """With a token the scan continues there; without one it is incomplete."""
    sandbox.oss.fill(BUCKET, [f"{n:05}.mp4" for n in range(3)])
    body = (
        "<?xml "
        f"version='1.0'?><ListBucketResult><Name>{BUCKET}</Name><EncodingType>url</EncodingType>"
        f"<KeyCount>0</KeyCount><IsTruncated>true</IsTruncated>{token}</ListBucketResult>"
    ).encode()

    def empty(request: Request) -> Answer:
        true = sandbox.oss.take_effect(request)
        return replace(true, headers={**true.headers, "Content-Length": str(len(body))}, body=body)

    sandbox.hook = faults = Faults()
    faults.on("ListObjectsV2", empty, next=1, effect="none")
    first = workspace.scan()
    assert faults.hits.total() == 1
    assert (first.status, first.json["scans"][0]["complete"]) == (
        (0, True) if token else (5, False)
    )
    assert first.json["registered"] + workspace.scan().json["registered"] == 3
    assert len(one_media_each(sandbox)) == 3


def test_an_empty_listing_is_believed_at_the_third_time_and_takes_nothing_away(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, ["a.mp4", "b.mp4"])
    workspace.scan()
    sandbox.hook = Faults(Fault(operation="ListObjectsV2", kind="empty_listing", next=3))
    done = [workspace.scan() for _ in range(4)]
    assert [each.status for each in done] == [5, 5, 0, 0]
    assert [each.json["scans"][0]["complete"] for each in done] == [False, False, True, True]
    assert "lists no objects below" in done[0].err
    assert [each.json["register_calls"] for each in done] == [0, 0, 0, 0]
    assert registered(workspace) == one_media_each(sandbox) == ["a.mp4", "b.mp4"]


def test_a_multipart_upload_is_found_and_an_overwrite_of_the_same_size_seen(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Its ETag is no MD5, and is only ever compared."""
    sandbox.oss.put(BUCKET, "a.mp4", b"one", type="Multipart")
    assert workspace.scan().json["registered"] == 1
    sandbox.oss.put(BUCKET, "a.mp4", b"two", type="Multipart")
    second = workspace.scan()
    assert (second.json["scans"][0]["changed"], second.json["register_calls"]) == (1, 0)
    assert [entry["changed"] for entry in workspace.entries()] == [True]

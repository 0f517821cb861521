"""A backfill, end to end: all that the watches select, narrowed by filters, and resumed."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.lock_owner import entries, until
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

QUICK = "calls_per_second = 400"  # `fill` lets VOD take more, or a late call would be throttled


def fill(sandbox: Sandbox, *keys: str, days_old: float = 3, body: bytes = b"x") -> None:
    sandbox.oss.fill(BUCKET, keys, body, modified_at=sandbox.clock.now() - timedelta(days=days_old))
    sandbox.vod.calls_per_second = 500


def registered(sandbox: Sandbox) -> list[str]:
    return sorted(key for _, key in sandbox.vod.media)


def from_now_on(workspace: Workspace, more: str = "") -> None:
    workspace.configure(workspace.watch(more=more).replace('"all"', '"now"'), vod=QUICK)


def rows(workspace: Workspace, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(workspace.ledger)) as db:
        return db.execute(sql).fetchall()


def test_it_registers_what_start_left_out_and_the_scan_stays_as_it_is(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """A backfill reports as a scan does; it ignores `start`, and later scans do not."""
    from_now_on(workspace)
    fill(sandbox, "old-1.mp4", "old-2.mp4", "note.txt")
    assert workspace.scan().json["scans"][0]["excluded"] == {"before_start": 2, "extension": 1}
    scanned = rows(workspace, "SELECT complete_started_at, complete_at, complete_listed FROM watch")

    done = workspace.backfill()

    assert done.status == 0, done.err
    assert registered(sandbox) == ["old-1.mp4", "old-2.mp4"]
    assert set(done.json) == set(workspace.scan().json)
    (report,) = done.json["scans"]
    assert (report["complete"], report["listed"], report["matched"], report["new"]) == (
        True,
        3,
        2,
        2,
    )
    assert report["excluded"] == {"extension": 1}
    assert (done.json["registered"], done.json["register_calls"], done.json["pending"]) == (2, 1, 0)
    fill(sandbox, "old-3.mp4")
    assert workspace.scan().json["registered"] == 0
    assert workspace.backfill().json["registered"] == 1
    again = rows(workspace, "SELECT complete_listed FROM watch")
    assert (scanned[0][2], again) == (3, [(4,)])  # the scans', not the backfills'


def test_a_backfill_is_never_a_complete_scan(workspace: Workspace, sandbox: Sandbox) -> None:
    fill(sandbox, "old.mp4")
    assert workspace.backfill().status == 0
    assert rows(
        workspace, "SELECT complete_started_at, complete_at, complete_rules FROM watch"
    ) == [(None, None, None)]
    assert rows(workspace, "SELECT * FROM listing WHERE is_open = 1") == []


def test_what_it_finds_waits_behind_fresh_uploads_though_the_watch_is_up_to_date(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Fresh is only what was modified within the last hour."""
    from_now_on(workspace)
    fill(sandbox, "old.mp4")
    assert workspace.scan().status == 0
    fill(sandbox, "young.mp4", days_old=0.5 / 24)
    sandbox.vod.remove_bucket(BUCKET)  # all stays queued
    assert workspace.backfill().status == 5
    assert rows(workspace, "SELECT key, lane FROM entry") == [("old.mp4", 1), ("young.mp4", 0)]


FILTERED = [
    (("--include", "*.mov", "--include", "a/**"), ["a/1.mp4", "a/2.mp4", "c.mov"], {"include": 2}),
    (
        ("--exclude", "*.MOV", "--exclude", "a/1*"),
        ["a/2.mp4", "b/1.mp4", "large.mp4"],
        {"exclude": 2},
    ),
    (("--min-size", "1K"), ["large.mp4"], {"too_small": 4}),
    (("--max-size", "1K"), ["a/1.mp4", "a/2.mp4", "b/1.mp4", "c.mov"], {"too_large": 1}),
    (("--min-age", "2w"), ["c.mov"], {"too_young": 4}),
    (("--max-age", "14d"), ["a/1.mp4", "a/2.mp4", "b/1.mp4", "large.mp4"], {"before_start": 1}),
    (("--start-after", "a/1.mp4", "--end-with", "b/1.mp4"), ["a/2.mp4", "b/1.mp4"], {}),
    (("--end-with", "a/1.mp5"), ["a/1.mp4"], {}),
]


@pytest.mark.parametrize(("options", "expected", "excluded"), FILTERED)
def test_each_filter_narrows_what_the_watch_selects(
    workspace: Workspace,
    sandbox: Sandbox,
    options: tuple[str, ...],
    expected: list[str],
    excluded: dict[str, int],
) -> None:
    """A filtered object counts under its reason; key bounds cut the listing itself."""
    fill(sandbox, "a/1.mp4", "a/2.mp4", "b/1.mp4")
    fill(sandbox, "c.mov", days_old=20)
    fill(sandbox, "large.mp4", body=b"x" * 2000)
    fill(sandbox, "note.txt", "z.txt")

    done = workspace.backfill(*options)

    assert done.status == 0, done.err
    assert registered(sandbox) == expected
    (report,) = done.json["scans"]
    bounded = options[0] in {"--start-after", "--end-with"}
    assert report["excluded"] == (excluded if bounded else excluded | {"extension": 2})
    assert report["listed"] == (len(expected) if bounded else 7)


def test_globs_are_of_the_key_below_the_prefix_and_both_rules_and_filters_must_select(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(workspace.watch(source=f"oss://{BUCKET}/in/", more='exclude = ["*.mov"]'))
    fill(sandbox, "in/a/1.mp4", "in/a/2.mov", "in/b/3.mp4", "a/4.mp4")
    done = workspace.backfill("--include", "a/*")
    assert registered(sandbox) == ["in/a/1.mp4"]
    assert done.json["scans"][0]["excluded"] == {"exclude": 1, "include": 1}


def test_what_is_in_line_already_is_registered_by_a_filtered_backfill_too(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    fill(sandbox, "a.mp4", "b.mp4")
    sandbox.vod.remove_bucket(BUCKET)
    assert workspace.backfill("--include", "a*").status == 5
    sandbox.vod.add_bucket(BUCKET)
    done = workspace.backfill("--include", "b*")
    assert (done.status, done.json["scans"][0]["new"], done.json["registered"]) == (0, 1, 2)


@pytest.mark.parametrize(
    "options",
    [
        ("--min-size", "2M", "--max-size", "1M"),
        ("--min-age", "2d", "--max-age", "1d"),
        ("--start-after", "b", "--end-with", "a"),
        ("--include", "*.mp4", "--exclude", "*.mp4"),
        ("--min-age", "5x"),
        ("--max-size", "ten"),
        ("--include", "[a"),
        ("--watch", "nobody"),
        ("--files-from", "missing"),
    ],
)
def test_filters_that_are_wrong_or_contradict_each_other_touch_nothing(
    workspace: Workspace, sandbox: Sandbox, options: tuple[str, ...]
) -> None:
    done = workspace.backfill(*options)
    assert done.status == 2, done.err
    assert done.err.strip()
    assert not sandbox.oss.journal


def test_one_watch_of_two(workspace: Workspace, sandbox: Sandbox) -> None:
    workspace.configure(
        workspace.watch("a", f"oss://{BUCKET}/a/"), workspace.watch("b", f"oss://{BUCKET}/b/")
    )
    fill(sandbox, "a/1.mp4", "b/1.mp4")
    assert [scan["watch"] for scan in workspace.backfill("--watch", "b").json["scans"]] == ["b"]
    assert registered(sandbox) == ["b/1.mp4"]


def test_an_empty_range_is_no_empty_bucket(workspace: Workspace, sandbox: Sandbox) -> None:
    """Nothing between two keys is believed at once, though the last scan found objects."""
    fill(sandbox, "a.mp4")
    assert workspace.scan().status == 0
    done = workspace.backfill("--start-after", "b")
    assert (done.status, done.json["scans"][0]["listed"]) == (0, 0)


def test_a_dry_run_predicts_what_the_real_run_then_does(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Objects, calls, bytes and list requests; nothing is written."""
    from_now_on(workspace)
    fill(sandbox, *(f"{n:05}.mp4" for n in range(1234)), body=b"12345")
    before = workspace.ledger.read_bytes()
    options = ("--start-after", "00009.mp4", "--exclude", "*0.mp4")

    shown = workspace.backfill("--dry-run", *options)

    assert shown.status == 0
    assert workspace.ledger.read_bytes() == before
    assert not sandbox.vod.journal
    predicted = shown.json
    assert (predicted["dry_run"], predicted["would_register"], predicted["would_call"]) == (
        True,
        1101,
        111,
    )
    assert predicted["would_take_s"] == round(111 / 400, 3)
    sandbox.oss.journal.clear()
    done = workspace.backfill(*options)
    assert predicted["would_register"] == done.json["registered"] == len(sandbox.vod.media)
    assert predicted["would_call"] == done.json["register_calls"] == len(sandbox.vod.journal)
    assert predicted["would_register_bytes"] == sum(
        entry["size_bytes"] for entry in workspace.entries()
    )
    lists = [call for call in sandbox.oss.journal if call.operation == "ListObjectsV2"]
    assert predicted["list_calls"] == len(lists)
    assert "listing takes 2 requests" in workspace.run("backfill", "--dry-run", *options).out


def test_something_that_became_failed_is_status_6(workspace: Workspace, sandbox: Sandbox) -> None:
    fill(sandbox, "a.mp4", "5" + "影" * 120 + ".mp4")
    done = workspace.backfill()
    assert (done.status, done.json["registered"], done.json["failed"]) == (6, 1, 1)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_cut_short_while_it_lists_the_same_command_goes_on_there(
    workspace: Workspace, sandbox: Sandbox, number: signal.Signals
) -> None:
    """Only under the same filters: under others it begins at the front."""
    keys = [f"{n:05}.{'mp4' if n % 100 == 0 else 'txt'}" for n in range(2500)]
    fill(sandbox, *keys)
    workspace.configure(workspace.watch(more="list_calls_per_second = 1"))
    with workspace.begin("backfill", "--exclude", "00100.mp4") as child:
        until(lambda: entries(workspace) > 0, child)
        child.send_signal(number)
        _, err = child.communicate(timeout=30)
    assert child.returncode == (130 if number == signal.SIGINT else -number)
    assert ("run the command again to continue" in err) == (number == signal.SIGINT)
    sandbox.oss.journal.clear()

    done = workspace.backfill("--exclude", "00100.mp4")

    assert _asked_after(sandbox) == [keys[999], keys[1999]]
    assert (done.status, done.json["scans"][0]["listed"]) == (0, 2500)
    assert registered(sandbox) == [
        key for key in keys if key.endswith(".mp4") and key != "00100.mp4"
    ]
    sandbox.oss.journal.clear()
    assert workspace.backfill().json["registered"] == 1
    assert _asked_after(sandbox)[0] == ""


def _asked_after(sandbox: Sandbox) -> list[str]:
    return [
        call.params.get("start-after", "")
        for call in sandbox.oss.journal
        if call.operation == "ListObjectsV2"
    ]


def test_killed_while_it_registers_nothing_is_lost_or_doubled(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    fill(sandbox, *(f"{n:05}.mp4" for n in range(300)))
    sandbox.vod.latency_s = 0.2
    with workspace.begin("backfill") as child:
        until(lambda: sandbox.vod.media, child)
        child.kill()
    assert 0 < len(sandbox.vod.media) < 300
    sandbox.vod.latency_s = 0.0
    workspace.configure(vod=QUICK)

    assert workspace.backfill().status == 0

    assert {entry["state"] for entry in workspace.entries()} == {"registered"}
    assert len({media.media_id for media in sandbox.vod.media.values()}) == 300

"""Faults of the account or a bucket stop calls, fail no entry, are remembered and heal."""

from __future__ import annotations

import itertools
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long


def keys(n: int, prefix: str = "") -> list[str]:
    return [f"{prefix}{i:03}.mp4" for i in range(n)]


def refuse(sandbox: Sandbox, names: list[str]) -> None:
    for key in names:
        sandbox.oss.put(BUCKET, key)
        sandbox.vod.refuse(BUCKET, key)


def accept(sandbox: Sandbox, names: list[str]) -> None:
    for key in names:
        sandbox.vod.accept(BUCKET, key)


def status(workspace: Workspace) -> Any:
    return workspace.run("status", "--output-format", "json").json


def events(ran: Any, event: str) -> list[dict[str, Any]]:
    return [found for found in ran.events if found["event"] == event]


def test_fifty_different_files_refused_are_a_fault_of_the_bucket(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Calls stop and no attempt counts. Each run probes with another file until one is accepted."""
    names = keys(120)
    refuse(sandbox, names)

    first = workspace.scan()

    assert first.status == 5
    assert (first.json["failed"], first.json["pending"]) == (0, 120)
    assert first.json["register_calls"] <= 5 + 8
    assert {entry["attempts"] for entry in workspace.entries()} == {0}
    assert "different files of bucket" in first.err
    (watch,) = status(workspace)["watches"]
    assert "different files" in watch["breaker"]["reason"]
    assert [event["bucket"] for event in events(first, "breaker.opened")] == [BUCKET]

    sandbox.vod.journal.clear()
    for _ in range(3):
        again = workspace.scan()
        assert (again.status, again.json["register_calls"], again.json["failed"]) == (5, 1, 0)
    probed = [[item["FileURL"] for item in call.items] for call in sandbox.vod.journal]
    assert [len(items) for items in probed] == [1, 1, 1]
    assert len({items[0] for items in probed}) == 3
    assert {entry["attempts"] for entry in workspace.entries()} == {0}

    accept(sandbox, names)
    last = workspace.scan()
    assert (last.status, last.json["registered"], last.json["pending"]) == (0, 120, 0)
    assert [event["bucket"] for event in events(last, "breaker.closed")] == [BUCKET]
    assert status(workspace)["watches"][0]["breaker"] is None


def test_the_entries_of_a_streak_count_one_refusal_when_it_ends(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Most stay bad: they are tried alone until max_attempts, from one on."""
    names = keys(60)
    refuse(sandbox, names)
    assert workspace.scan().status == 5
    sandbox.oss.put(BUCKET, "zz-good.mp4")  # found last, and fresh like the others
    accept(sandbox, ["000.mp4", "001.mp4", "002.mp4", *names[10:]])
    sandbox.vod.journal.clear()

    done = workspace.scan()
    while done.status == 5 and len(sandbox.vod.journal) < 60:
        done = workspace.scan()

    assert done.json["pending"] == 0
    by_state = {entry["key"]: (entry["state"], entry["attempts"]) for entry in workspace.entries()}
    assert {by_state[key] for key in names[3:10]} == {("failed", 3)}
    assert {by_state[key][0] for key in ("zz-good.mp4", *names[10:])} == {"registered"}
    asked = [str(item["FileURL"]) for call in sandbox.vod.journal for item in call.items]
    bad = [sum(url.endswith(key) for url in asked) for key in names[3:10]]
    assert max(bad) <= 2 + 1  # two more refusals, and at most one as a probe


def test_forty_nine_bad_files_are_bad_files(workspace: Workspace, sandbox: Sandbox) -> None:
    refuse(sandbox, keys(49))
    done = workspace.scan()
    assert (done.status, done.json["failed"], done.json["pending"]) == (6, 49, 0)
    assert status(workspace)["watches"][0]["breaker"] is None


def test_files_that_had_failed_in_the_streak_are_taken_back(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Forty fail in one run, ten more are refused in the next: it was the bucket all along."""
    refuse(sandbox, keys(40))
    assert workspace.scan().json["failed"] == 40
    refuse(sandbox, keys(15, "later/"))

    done = workspace.scan()

    assert (done.status, done.json["failed"], done.json["pending"]) == (5, 0, 55)
    assert {(entry["state"], entry["attempts"]) for entry in workspace.entries()} == {
        ("pending", 0)
    }
    assert status(workspace)["watches"][0]["failed"] == 0


def test_one_accepted_between_restarts_the_count(workspace: Workspace, sandbox: Sandbox) -> None:
    refuse(sandbox, keys(40))
    workspace.scan()
    sandbox.oss.put(BUCKET, "good.mp4")
    workspace.scan()
    refuse(sandbox, keys(40, "later/"))
    assert workspace.scan().json["failed"] == 40


def test_a_bucket_whose_files_are_gone_is_no_broken_bucket(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Each has its own reason. A probe that finds one is followed at once by the next."""
    names = keys(70)
    for key in names:
        sandbox.oss.put(BUCKET, key)
    sandbox.vod.remove_bucket(BUCKET)
    assert workspace.scan().status == 5
    sandbox.vod.add_bucket(BUCKET)
    for key in names:
        sandbox.oss.delete(BUCKET, key)
    sandbox.oss.put(BUCKET, "zz.mp4")

    done = workspace.scan()

    assert done.status == 6
    assert (done.json["failed"], done.json["registered"], done.json["pending"]) == (70, 1, 0)
    assert {entry["reason"] for entry in workspace.entries()} == {"gone", None}


def test_another_bucket_goes_on_while_one_is_stopped(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.create_bucket("other-bucket")
    workspace.configure(workspace.watch(), workspace.watch("other", "oss://other-bucket/"))
    refuse(sandbox, keys(60))
    for key in keys(25):
        sandbox.oss.put("other-bucket", key)

    done = workspace.scan()

    assert (done.status, done.json["registered"], done.json["pending"]) == (5, 25, 60)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAInobody"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wrong")],
)
def test_wrong_credentials_stop_calls_at_once_and_heal_by_themselves(
    workspace: Workspace, sandbox: Sandbox, name: str, value: str
) -> None:
    for key in keys(300):
        sandbox.oss.put(BUCKET, key)
    sandbox.vod.remove_bucket(BUCKET)
    workspace.scan()  # recorded, none registered
    sandbox.vod.add_bucket(BUCKET)
    sandbox.vod.journal.clear()

    bad = workspace.run("scan", "--output-format", "json", env=workspace.env | {name: value})

    assert bad.status == 5
    assert len(sandbox.vod.journal) == 1
    assert {entry["attempts"] for entry in workspace.entries()} == {0}
    assert status(workspace)["breaker"]["reason"].startswith("VOD refused the call")
    assert workspace.scan().status == 0
    assert status(workspace)["breaker"] is None


def test_a_bucket_not_added_to_vod_is_remembered_and_probed_with_one_file(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    for key in keys(100):
        sandbox.oss.put(BUCKET, key)
    sandbox.vod.remove_bucket(BUCKET)
    first, second = workspace.scan(), workspace.scan()
    assert (first.status, second.status) == (5, 5)
    assert first.json["register_calls"] <= 8
    assert second.json["register_calls"] == 1
    assert len(sandbox.vod.journal[-1].items) == 1
    (watch,) = status(workspace)["watches"]
    assert "storageLocation" in watch["breaker"]["reason"]
    assert watch["breaker"]["since"] < watch["breaker"]["next_probe_at"]
    assert status(workspace)["breaker"] is None


def test_status_shows_what_the_account_gives_and_the_next_run_starts_there(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:04}.mp4" for n in range(600)])
    sandbox.vod.calls_per_second = 6
    assert workspace.scan().status == 0
    shown = status(workspace)["calls_per_second"]
    assert 2 <= shown <= 12
    with sqlite3.connect(workspace.ledger) as db:
        (kept,) = db.execute("SELECT calls_per_second FROM quota").fetchone()
    db.close()
    assert round(kept, 2) == shown
    assert "RegisterMedia calls a second" in workspace.run("status").out


def test_a_stopped_bucket_with_one_file_left_to_try_is_probed_and_heals(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """No other file waits, so the same one is the probe again; no run goes on for ever."""
    names = keys(60)
    refuse(sandbox, names)
    workspace.scan()
    workspace.configure(workspace.watch(more='include = ["059.mp4"]'))
    for _ in range(2):
        again = workspace.scan()
        assert (again.status, again.json["register_calls"]) == (5, 1)
    accept(sandbox, names)
    assert workspace.scan().json["registered"] == 1


def test_a_watch_whose_only_file_was_the_last_probe_ends_its_scan(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Others wait in the bucket, but not for this run."""
    workspace.configure(
        workspace.watch("a", f"oss://{BUCKET}/a/"), workspace.watch("b", f"oss://{BUCKET}/b/")
    )
    refuse(sandbox, [*keys(60, "a/"), "b/1.mp4"])
    assert workspace.scan().status == 5
    calls = []
    for _ in range(3):
        ran = workspace.scan("--watch", "b")
        assert ran.status == 5
        assert "different files" in ran.err
        calls.append(ran.json["register_calls"])
    assert max(calls) <= 1
    assert all(a + b <= 1 for a, b in itertools.pairwise(calls))


def test_failures_that_are_taken_back_are_not_reported_whatever_another_bucket_does(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.create_bucket("other-bucket")
    refuse(sandbox, keys(40, "a/"))
    for key in keys(10):
        sandbox.oss.put("other-bucket", key)
    refuse(sandbox, keys(15, "z/"))
    slow = "list_calls_per_second = 1"
    workspace.configure(
        workspace.watch("a", f"oss://{BUCKET}/a/"),
        workspace.watch("b", "oss://other-bucket/", slow),
        workspace.watch("z", f"oss://{BUCKET}/z/", slow),
        more="[retry]\nmax_attempts = 1",
    )
    done = workspace.scan()
    failed = sum(entry["state"] == "failed" for entry in workspace.entries())
    assert (done.json["failed"], failed) == (0, 0)

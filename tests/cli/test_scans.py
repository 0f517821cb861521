"""Scans that were cut short, and answers that are not believed: real program, real ledger."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.lock_owner import entries, until
from tests.support.workspace import BUCKET, Ran, Workspace
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long

OBJECTS = [f"{n:05}.{'mp4' if n % 100 == 0 else 'txt'}" for n in range(2500)]
MEDIA = [key for key in OBJECTS if key.endswith(".mp4")]


def scan_of(ran: Ran) -> dict[str, Any]:
    (found,) = ran.json["scans"]
    return dict(found)


def asked_after(sandbox: Sandbox) -> list[str]:
    """Return behind which key each list call of the last run began."""
    return [
        call.params.get("start-after", "")
        for call in sandbox.oss.journal
        if call.operation == "ListObjectsV2"
    ]


def cut_at_page(sandbox: Sandbox, workspace: Workspace, page: int) -> Ran:
    """Scan with a listing that is refused from that page on, once."""
    sandbox.hook = Faults(
        Fault(operation="ListObjectsV2", kind="access_denied", skip=page - 1, next=1)
    )
    ran = workspace.scan()
    assert ran.status == 5
    sandbox.hook = Faults()
    sandbox.oss.journal.clear()
    return ran


def test_the_counts_of_a_resumed_scan_are_of_the_whole_listing(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, OBJECTS)
    cut = scan_of(cut_at_page(sandbox, workspace, 2))
    assert (cut["listed"], cut["matched"], cut["excluded"]) == (1000, 10, {"extension": 990})
    rest = scan_of(workspace.scan())
    assert (rest["listed"], rest["matched"], rest["excluded"]) == (2500, 25, {"extension": 2475})
    assert (rest["list_calls"], rest["new"]) == (2, 15)
    assert asked_after(sandbox) == [OBJECTS[999], OBJECTS[1999]]
    sandbox.oss.journal.clear()
    assert scan_of(workspace.scan())["listed"] == 2500
    assert asked_after(sandbox)[0] == ""


def test_a_resumed_scan_keeps_its_first_start_as_its_start(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """An object that came behind it meanwhile is `new` to an audit; the next scan finds it."""
    sandbox.oss.fill(BUCKET, OBJECTS)
    cut_at_page(sandbox, workspace, 2)
    with closing(sqlite3.connect(workspace.ledger)) as db:
        (first_start,) = db.execute("SELECT started_at FROM listing WHERE is_open = 1").fetchone()
    sandbox.clock_offset_s = 100
    sandbox.oss.put(BUCKET, "00000-late.mp4")
    sandbox.oss.put(BUCKET, "zz.mp4")

    assert workspace.scan().status == 0

    assert "zz.mp4" in {key for _, key in sandbox.vod.media}
    assert "00000-late.mp4" not in {key for _, key in sandbox.vod.media}
    with closing(sqlite3.connect(workspace.ledger)) as db:
        assert db.execute("SELECT complete_started_at FROM watch").fetchone() == (first_start,)
        assert db.execute("SELECT count(*) FROM listing WHERE is_open = 1").fetchone() == (0,)
    (watch,) = workspace.run("audit", "--output-format", "json").json["watches"]
    assert (watch["new"], watch["unaccounted"]) == (1, 0)
    assert workspace.scan().json["registered"] == 1


@pytest.mark.parametrize("change", ["rules", "start", "deleted row", "earlier watch"])
def test_a_cut_scan_begins_again_when_what_it_saw_no_longer_counts(
    workspace: Workspace, sandbox: Sandbox, change: str
) -> None:
    sandbox.oss.fill(BUCKET, OBJECTS)
    cut_at_page(sandbox, workspace, 3)
    if change == "rules":
        workspace.configure(workspace.watch(more='include = ["*.mp4", "*.mov"]'))
    elif change == "start":
        workspace.configure(workspace.watch().replace('"all"', '"2020-01-01T00:00:00Z"'))
    elif change == "earlier watch":
        workspace.configure(workspace.watch("first", f"oss://{BUCKET}/000"), workspace.watch())
    else:
        with closing(sqlite3.connect(workspace.ledger, isolation_level=None)) as db:
            db.execute("DELETE FROM entry WHERE key = '00100.mp4'")

    done = workspace.scan()

    assert done.status == 0
    assert "" in asked_after(sandbox)
    found = {entry["key"] for entry in workspace.entries()}
    assert found >= set(MEDIA)


def test_a_scan_that_is_stopped_or_killed_is_gone_on_with(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, OBJECTS)
    workspace.configure(workspace.watch(more="list_calls_per_second = 1"))

    def scan_until(recorded: int, number: signal.Signals) -> None:
        command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), "scan"]
        with subprocess.Popen(
            command, env=workspace.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as child:
            until(lambda: entries(workspace) == recorded, child)
            child.send_signal(number)

    scan_until(10, signal.SIGKILL)  # each page has ten
    scan_until(20, signal.SIGTERM)
    sandbox.oss.journal.clear()
    done = workspace.scan()
    assert (done.status, scan_of(done)["listed"]) == (0, 2500)
    assert asked_after(sandbox) == [OBJECTS[1999]]
    assert sorted(key for _, key in sandbox.vod.media) == MEDIA


def test_an_empty_answer_where_objects_were_is_believed_the_third_time(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    assert workspace.scan().status == 0
    sandbox.hook = Faults(Fault(operation="ListObjectsV2", kind="empty_listing"))
    for times in (1, 2):
        doubted = workspace.scan()
        assert (doubted.status, scan_of(doubted)["complete"]) == (5, False)
        assert f"this is number {times}" in doubted.err
        assert [event["event"] for event in doubted.events][-1] == "scan.incomplete"
    believed = workspace.scan()
    assert (believed.status, scan_of(believed)["complete"], scan_of(believed)["listed"]) == (
        0,
        True,
        0,
    )
    assert workspace.scan().status == 0
    assert [entry["state"] for entry in workspace.entries()] == ["registered"]


def test_an_answer_with_objects_between_restarts_the_count_of_empty_ones(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    empty = Faults(Fault(operation="ListObjectsV2", kind="empty_listing"))
    statuses = []
    for hook in (Faults(), empty, empty, Faults(), empty, empty, empty):
        sandbox.hook = hook
        statuses.append(workspace.scan().status)
    assert statuses == [0, 5, 5, 0, 5, 5, 0]


def test_an_empty_prefix_is_accepted_when_another_one_had_objects(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, "a/1.mp4")
    assert workspace.scan().status == 0
    workspace.configure(workspace.watch(source=f"oss://{BUCKET}/b/"))
    assert workspace.scan().status == 0


def test_a_new_and_empty_bucket_is_believed_at_once(workspace: Workspace) -> None:
    assert workspace.scan().status == 0


def test_objects_changed_by_timestamp_alone_are_not_changed(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """ETag and size show it; LastModified alone does not; an ETag is never parsed."""
    now = sandbox.clock.now()
    for key in ("same.mp4", "other.mp4"):
        sandbox.oss.put(BUCKET, key, body=b"one", modified_at=now - timedelta(hours=2))
    workspace.scan()
    sandbox.oss.put(BUCKET, "same.mp4", body=b"one", modified_at=now)
    sandbox.oss.put(BUCKET, "other.mp4", body=b"two", modified_at=now - timedelta(hours=2))
    done = workspace.scan()
    assert [event["key"] for event in done.events if event["event"] == "object.changed"] == [
        "other.mp4"
    ]
    assert {entry["key"]: entry["changed"] for entry in workspace.entries()} == {
        "same.mp4": False,
        "other.mp4": True,
    }

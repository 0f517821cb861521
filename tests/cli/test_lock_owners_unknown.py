"""Beside a process that holds the lock, and does not say what it serves, or decides nothing."""

from __future__ import annotations

import time
from contextlib import closing
from sqlite3 import connect
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import known, put
from tests.support.lock_owner import entries, owner, until
from watcher.ledger.sqlite import ProcessLock
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox


@pytest.mark.long
def test_a_scan_waits_half_a_minute_for_a_process_that_does_not_say_what_it_serves(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """As `ledger check` holds the lock, or an owner that still starts."""
    put(sandbox, "a.mp4")
    with ProcessLock(workspace.ledger) as lock:
        assert lock.try_acquire()
        began = time.monotonic()  # noqa: TID251
        done = workspace.scan()
        assert 29 < time.monotonic() - began < 36  # noqa: TID251
        assert (done.status, done.json["pending"]) == (5, 1)
        assert f"process {lock.owner_pid()} holds the ledger's lock, and does not say" in done.err


def test_a_scan_registers_itself_when_that_process_lets_go(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    put(sandbox, "a.mp4")
    with ProcessLock(workspace.ledger) as lock:
        assert lock.try_acquire()
        child = workspace.begin("scan", "--output-format", "json")
        until(lambda: entries(workspace) == 1, child)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, known(sandbox)) == (0, {"a.mp4"}), (out, err)
    assert "registering: pid" not in err


@pytest.mark.parametrize("command", ["scan", "backfill"])
def test_what_an_earlier_owner_served_says_nothing_of_one_with_the_same_pid(
    workspace: Workspace, sandbox: Sandbox, command: str
) -> None:
    """In a container each of them is process 1; and one that died took nothing back."""
    with owner(workspace):
        pass
    put(sandbox, "a.mp4")
    with ProcessLock(workspace.ledger) as lock:
        assert lock.try_acquire()
        child = workspace.begin(command)
        until(lambda: entries(workspace) == 1, child)
        time.sleep(1)  # noqa: TID251
        assert child.poll() is None
    child.communicate(timeout=30)
    assert (child.returncode, known(sandbox)) == (0, {"a.mp4"})


def test_a_backfill_gives_up_an_owner_that_decides_nothing(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """It serves the watch, and hangs."""
    put(sandbox, "a.mp4")
    with owner(workspace) as lock:
        began = time.monotonic()  # noqa: TID251
        done = workspace.backfill("--give-up-after", "2s")
        assert 2 <= time.monotonic() - began < 8  # noqa: TID251
        assert (done.status, done.json["pending"]) == (5, 1)
        assert f"gave up: process {lock.owner_pid()} registers, and no file was" in done.err


# Two processes that write the same watch


def test_a_scan_whose_watch_another_process_put_elsewhere_records_nothing_more(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Objects of one bucket never become entries of another."""
    put(sandbox, *(f"{n:04}.mp4" for n in range(3)))

    def put_elsewhere(_request: object) -> None:
        with closing(connect(workspace.ledger)) as db, db:
            db.execute(
                "INSERT INTO bucket SELECT 99, 'other-bucket', region, file_url, encoding FROM "
                "bucket"
            )
            db.execute("UPDATE watch SET bucket_id = 99")

    sandbox.hook = Faults(
        Fault(operation="ListObjectsV2", kind="call", callback=put_elsewhere, next=1)
    )
    with owner(workspace, endless=False):
        done = workspace.scan()
    assert done.status == 5, done.err
    assert (
        "lists oss://media-bucket/ here, and oss://other-bucket/ in another process with this "
        "ledger" in done.err
    )
    assert not done.json["scans"][0]["complete"]
    assert entries(workspace) == 0

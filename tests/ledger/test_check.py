"""`ledger check`, and the check after a process died at work."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.damage import filled, spoil
from tests.support.workspace import BUCKET, Workspace
from watcher.errors import LedgerUntrusted
from watcher.ledger.sqlite import Ledger, ProcessLock, create

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.sandbox import Sandbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create(tmp_path / "ledger.db")
    return tmp_path / "ledger.db"


def sleep(seconds: float) -> bool:
    """Wait for real, and never ask to stop."""
    return threading.Event().wait(seconds)


def owned(path: Path) -> None:
    """Open the ledger as the lock's owner, and close it."""
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        assert lock.try_acquire()
        ledger.check_after_unclean_stop()
        assert not lock.found_unclean


def test_the_lock_holds_a_pid_while_it_is_held_and_nothing_after_an_orderly_end(path: Path) -> None:
    with ProcessLock(path) as lock, ProcessLock(path) as beside:
        assert lock.try_acquire()
        assert not lock.found_unclean
        assert int(lock.path.read_text()) == os.getpid()
        assert not beside.try_acquire()
        assert beside.owner_pid() == os.getpid()
        lock.release()
        assert lock.path.read_bytes() == b""
        assert ProcessLock(path).owner_pid() is None


def test_the_lock_of_a_dead_owner_is_unclean_until_a_check_has_passed(path: Path) -> None:
    """An owner that ends before the check leaves the lock unclean."""
    lock = ProcessLock(path)
    lock.path.write_text("4711\n")
    for _ in range(2):
        with ProcessLock(path) as lock:
            assert lock.try_acquire()
            assert lock.found_unclean
        assert lock.path.read_bytes() != b""
    owned(path)
    assert lock.path.read_bytes() == b""


def test_a_damaged_ledger_stays_unclean_and_unchanged(path: Path) -> None:
    spoil(path)
    before = path.read_bytes()
    ProcessLock(path).path.write_text("4711\n")
    for _ in range(2):
        with pytest.raises(LedgerUntrusted, match="damaged"):
            owned(path)
    assert path.read_bytes() == before
    assert ProcessLock(path).path.read_bytes() != b""


def test_the_next_owner_checks_a_ledger_that_was_found_damaged_at_work(path: Path) -> None:
    lock = ProcessLock(path)
    lock.try_acquire()
    lock.__exit__(LedgerUntrusted)
    with ProcessLock(path) as lock:
        assert lock.try_acquire()
        assert lock.found_unclean


def test_a_process_that_dies_at_work_leaves_its_pid(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:04}.mp4" for n in range(100)])
    sandbox.vod.latency_s = 0.3
    command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), "scan"]
    with subprocess.Popen(
        command, env=workspace.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        while not sandbox.vod.journal:
            threading.Event().wait(0.01)
        child.kill()
    sandbox.vod.latency_s = 0.0
    lock = ProcessLock(workspace.ledger)
    assert lock.owner_pid() == child.pid

    done = workspace.scan()

    assert (done.status, len(sandbox.vod.media)) == (0, 100)
    assert lock.path.read_bytes() == b""


def test_the_check_of_a_sound_ledger_shows_its_counts(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    filled(workspace, sandbox)
    before = workspace.ledger.read_bytes()

    ran = workspace.run("ledger", "check", "--output-format", "json")

    assert ran.status == 0
    assert ran.json["entries"] == {
        "pending": 0,
        "claimed": 0,
        "registered": 25,
        "failed": 0,
        "changed": 0,
    }
    assert ran.json["schema"].startswith("0")
    assert {each["check"]: each["sound"] for each in ran.json["checks"]} == dict.fromkeys(
        ("pages and indexes", "references", "entries", "ranges", "tally"), True
    )
    assert workspace.ledger.read_bytes() == before
    shown = workspace.run("ledger", "check")
    assert "registered 25" in shown.out
    assert "sound" in shown.out


def test_wrong_counts_are_corrected_beside_a_writer(workspace: Workspace, sandbox: Sandbox) -> None:
    filled(workspace, sandbox)
    with sqlite3.connect(workspace.ledger) as db:
        db.execute("UPDATE tally SET n = n + 7 WHERE state = 'registered'")
    with ProcessLock(workspace.ledger) as lock:
        assert lock.try_acquire()
        ran = workspace.run("ledger", "check")  # while `db` is open
    db.close()

    assert ran.status == 0
    assert "32 noted, 25 there" in ran.out
    assert "corrected" in ran.out
    (watch,) = workspace.run("status", "--output-format", "json").json["watches"]
    assert watch["registered"] == 25
    assert not workspace.run("ledger", "check", "--output-format", "json").json["tally_corrected"]


WRONG = [
    (
        """
        UPDATE entry SET state = 'claimed', media_id = NULL, batch_id = 4711
         WHERE key = '0001.mp4'
        """,
        "call",
    ),
    (
        """
        UPDATE entry SET state = 'failed', media_id = NULL, reason = 'weather'
         WHERE key = '0001.mp4'
        """,
        "reason",
    ),
    (
        "UPDATE entry SET state = 'pending', media_id = NULL, changed = 1 WHERE key = '0001.mp4'",
        "changed",
    ),
    ("UPDATE entry SET watch_id = 4711 WHERE key = '0001.mp4'", "entry"),
    (
        "INSERT INTO listed_range VALUES (1, 'a', 'b', 1, 0, 0, '', 0, x'')",
        "ranges that overlap the next one: 1",
    ),
    (
        "INSERT INTO listed_range VALUES (1, 'b', 'b', 1, 0, 0, '', 0, x'')",
        "ranges that end before they begin: 1",
    ),
    ("UPDATE listed_range SET hi = 'a', listed = -1", "ranges with a negative count: 1"),
    ("UPDATE listed_range SET matched = -1", "ranges with a negative count: 1"),
    ("UPDATE listing SET scan = scan - 1", "ranges that a scan listed which never began: 1"),
    ("INSERT INTO listed_range VALUES (4711, '', NULL, 1, 0, 0, '', 0, x'')", "listed_range"),
]


@pytest.mark.parametrize(("change", "word"), WRONG)
def test_rows_that_the_watcher_never_writes_are_damage(
    workspace: Workspace, sandbox: Sandbox, change: str, word: str
) -> None:
    filled(workspace, sandbox)
    with sqlite3.connect(workspace.ledger) as db:
        db.execute(change)
    db.close()

    ran = workspace.run("ledger", "check", "--output-format", "json")

    assert ran.status == 4
    assert ran.json["damaged"]
    assert word in " ".join(line for each in ran.json["checks"] for line in each["found"])
    assert "ledger init --replace" in ran.err


def test_a_damaged_page_and_an_index_that_lacks_a_row_are_exit_4(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, [f"{i:04}.mp4" for i in range(20)])
    sandbox.vod.remove_bucket(BUCKET)
    workspace.scan()
    with sqlite3.connect(workspace.ledger) as db:
        db.execute("PRAGMA writable_schema = ON")
        (sql,) = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'entry_due'").fetchone()
        db.execute(
            """
            UPDATE sqlite_schema SET sql = replace(sql, 'pending', 'claimed')
             WHERE name = 'entry_due'
            """
        )
        db.execute("PRAGMA schema_version = 4711")
    db.close()
    with sqlite3.connect(workspace.ledger) as db:
        db.execute("REINDEX entry_due")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'entry_due'", (sql,))
        db.execute("PRAGMA schema_version = 4712")
    db.close()
    ran = workspace.run("ledger", "check")
    assert ran.status == 4
    assert "entry_due" in ran.out

    spoil(workspace.ledger)
    before = workspace.ledger.read_bytes()
    ran = workspace.run("ledger", "check")
    assert ran.status == 4
    assert "damaged" in ran.err
    assert workspace.ledger.read_bytes() == before

"""The ledger's file: created once, recognised, and migrated by one process at a time."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from watcher.errors import LedgerUntrusted, UsageError
from watcher.ledger.sqlite import Ledger, LedgerReader, ProcessLock, create

if TYPE_CHECKING:
    from pathlib import Path


def sleep(seconds: float) -> bool:
    """Wait for real, and never ask to stop."""
    return threading.Event().wait(seconds)


def test_two_processes_cannot_both_hold_the_lock(path: Path) -> None:
    with ProcessLock(path) as one, ProcessLock(path) as two:
        assert one.try_acquire()
        assert not two.try_acquire()
        assert two.owner_pid() is not None
        one.release()
        assert two.try_acquire()


def test_create_replaces_no_file_and_leaves_no_draft(path: Path) -> None:
    with pytest.raises(UsageError):
        create(path)
    assert [found.name for found in path.parent.iterdir()] == ["ledger.db"]


def test_a_foreign_database_and_a_newer_ledger_are_refused(path: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    with ProcessLock(foreign) as lock, pytest.raises(LedgerUntrusted, match="not a ledger"):
        Ledger(foreign, lock, wait=sleep)
    with sqlite3.connect(path) as db:
        db.execute(
            """
            INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
            VALUES ('oss-vod-watcher', '9999_x', '')
            """
        )
    db.close()
    with ProcessLock(path) as lock, pytest.raises(LedgerUntrusted, match="newer version"):
        Ledger(path, lock, wait=sleep)
    with pytest.raises(LedgerUntrusted, match="newer version"):
        LedgerReader(path)


def older(path: Path) -> None:
    """Create a ledger without any migration."""
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA application_id = {0x4F565731}")
        db.execute("PRAGMA journal_mode = WAL")
    db.close()


def opened(path: Path) -> None:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        assert ledger.queue.pending() == 0


def test_two_processes_that_find_an_older_ledger_both_open_it(tmp_path: Path) -> None:
    for n in range(5):
        path = tmp_path / f"{n}.db"
        older(path)
        both = [
            multiprocessing.get_context("spawn").Process(target=opened, args=(path,))
            for _ in range(2)
        ]
        for process in both:
            process.start()
        for process in both:
            process.join()
        assert [process.exitcode for process in both] == [0, 0]


def test_an_older_ledger_in_use_by_another_version_names_the_process(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    older(path)
    with ProcessLock(path) as theirs, ProcessLock(path) as ours:
        theirs.try_acquire()
        waited: list[float] = []

        def note(seconds: float) -> bool:
            waited.append(seconds)
            return False

        with pytest.raises(LedgerUntrusted, match=str(theirs.owner_pid())):
            Ledger(path, ours, wait=note)
    assert round(sum(waited)) == 10
    with pytest.raises(LedgerUntrusted, match="older version"):
        LedgerReader(path)

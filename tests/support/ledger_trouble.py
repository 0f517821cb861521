"""Ledgers that cannot be written: full, failing or locked."""

from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.ledgers import adopt, obj, sleep
from watcher.errors import LocalFailure
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.ledger.sqlite.busy_retry import TRIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import SpawnProcess
    from multiprocessing.synchronize import Event


def fill_up(ledger: Ledger) -> None:
    """Allow the database no further page: from here on SQLite raises SQLITE_FULL."""
    with ledger._transactions.look() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")


def free(ledger: Ledger) -> None:
    with ledger._transactions.look() as db:
        db.execute("PRAGMA max_page_count = 1000000")


def opened(
    path: Path,
    lock: ProcessLock,
    wait: Callable[[float], bool] = sleep,
    *,
    tries: int | None = TRIES,
) -> Ledger:
    ledger = Ledger(path, lock, wait=wait, tries=tries)
    adopt(ledger)
    return ledger


PAGE = [obj(f"{n:04}{'x' * 500}") for n in range(500)]


def failing(ledger: Ledger, name: str) -> None:
    with pytest.raises(LocalFailure):
        adopt(ledger, *(f"{name}{n}{'x' * 2000}" for n in range(50)))


def hold(path: Path, seconds: float, locked: Event) -> None:
    """Hold the write lock, as a forgotten `sqlite3 ledger.db` with BEGIN IMMEDIATE does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        locked.set()
        sleep(seconds)
        db.execute("ROLLBACK")


def holding(path: Path, seconds: float) -> SpawnProcess:
    """Start a process, and return once it holds the write lock."""
    context = multiprocessing.get_context("spawn")
    locked = context.Event()
    other = context.Process(target=hold, args=(path, seconds, locked))
    other.start()
    assert locked.wait(30)
    return other


def until_open(path: Path, pid: int) -> None:
    """Wait until a process has a file open."""
    while not any(_is_same(each, path) for each in Path(f"/proc/{pid}/fd").iterdir()):
        sleep(0.01)


def _is_same(descriptor: Path, path: Path) -> bool:
    try:
        return descriptor.samefile(path)
    except FileNotFoundError:  # it was closed meanwhile
        return False

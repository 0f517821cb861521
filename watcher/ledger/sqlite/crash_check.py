"""Check every page of the ledger, after a crash above all."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from watcher.errors import LedgerUntrusted, LocalFailure
from watcher.ledger.sqlite.file_check import RESTORE
from watcher.ledger.sqlite.raw_connection import open_query_only
from watcher.ledger.sqlite.sqlite_errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watcher.ledger.sqlite.lock import ProcessLock

_STEPS_BETWEEN_STOPS = 1_000_000  # instructions of SQLite: a fraction of a second


def check_after_crash(
    path: Path, lock: ProcessLock, *, stop: Callable[[], bool] = lambda: False
) -> None:
    """Check the ledger if the last owner of `lock` died while it held the lock.

    Until the check has passed, every new owner of the lock repeats it. `stop()` is called all the
    while and ends the check when it returns True.

    Raises:
        LedgerUntrusted: the ledger is damaged.
        LocalFailure: the check was stopped.
    """
    if not (lock.held and lock.found_unclean):
        return
    with translated(path), contextlib.closing(open_query_only(path)) as connection:
        connection.set_progress_handler(stop, _STEPS_BETWEEN_STOPS)
        try:
            refuse_damaged(path, connection)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_INTERRUPT":
                raise
            raise LocalFailure(
                f"the check of the ledger {path} was interrupted",
                hint="Run the command again: it begins with the check.",
            ) from error
    lock.trust()


def refuse_damaged(path: Path, connection: sqlite3.Connection) -> None:
    """Check every page with SQLite's quick_check.

    Raises:
        LedgerUntrusted: SQLite found damage.
    """
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise LedgerUntrusted(f"the ledger {path} is damaged: {found}", hint=RESTORE)

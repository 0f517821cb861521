"""When an audit last proved that nothing is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.errors import LocalFailure
from watcher.ledger.sqlite.busy_retry import retry_busy
from watcher.ledger.sqlite.connection import open_for_writing
from watcher.ledger.sqlite.file_check import is_in_wal_mode, recognise
from watcher.ledger.sqlite.lock import ProcessLock
from watcher.ledger.sqlite.raw_connection import no_checkpoint
from watcher.ledger.sqlite.sqlite_errors import translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path


_TRIES: Final = 10  # about a second each: others write, or the disk is full


def remember_audit(path: Path, *, now_ms: int, wait: Callable[[float], bool]) -> None:
    """Keep when an audit ended.

    Only the write-ahead log grows: the bytes of the main file stay the same.

    Raises:
        LocalFailure: the ledger cannot be written now.
        LedgerUntrusted: the ledger is gone, or has another name; see `open_for_writing`.
    """
    recognise(path)
    if not is_in_wal_mode(path):
        raise LocalFailure(
            f"the ledger {path} was restored, and not used since",
            hint="Run a scan, then the audit again.",
        )
    retry_busy(lambda: _put(path, now_ms, wait), wait=wait, tries=_TRIES)


def _put(path: Path, now_ms: int, wait: Callable[[float], bool]) -> None:
    connection = open_for_writing(path, ProcessLock(path), wait)
    try:
        with translated(path):
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute(
                "INSERT INTO last_audit VALUES (1, :at) ON CONFLICT DO UPDATE SET at = :at",
                {"at": now_ms},
            )
    finally:
        with no_checkpoint(path):
            connection.close()


def read_audit(db: sqlite3.Connection) -> int | None:
    """Return when the last complete audit of all watches ended, or None."""
    row = db.execute("SELECT at FROM last_audit").fetchone()
    return row[0] if row else None

"""When an audit last proved that nothing is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.errors import MachineFailed
from watcher.ledger.lock import ProcessLock
from watcher.ledger.opening import as_it_is, open_for_writing, translated
from watcher.ledger.patience import patiently
from watcher.ledger.recognising import is_in_wal_mode, recognise

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path


_TRIES: Final = 10  # about a second each: others write, or the disk is full


def remember_audit(path: Path, *, now_ms: int, wait: Callable[[float], bool]) -> None:
    """Keep when an audit ended, in the log beside the ledger: the file's own bytes stay as they are.

    Raises:
        MachineFailed: it cannot be written now.
        LedgerUntrusted: it is gone, or has another name; see `open_for_writing`.
    """
    recognise(path)
    if not is_in_wal_mode(path):
        raise MachineFailed(
            f"the ledger {path} was restored, and not used since", hint="Run a scan, then the audit again."
        )
    patiently(lambda: _put(path, now_ms, wait), wait=wait, tries=_TRIES)


def _put(path: Path, now_ms: int, wait: Callable[[float], bool]) -> None:
    connection = open_for_writing(path, ProcessLock(path), wait)
    try:
        with translated(path):
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute(
                "INSERT INTO last_audit VALUES (1, :at) ON CONFLICT DO UPDATE SET at = :at", {"at": now_ms}
            )
    finally:
        with as_it_is(path):
            connection.close()


def read_audit(db: sqlite3.Connection) -> int | None:
    """Return when the last complete audit of all watches ended, or None."""
    row = db.execute("SELECT at FROM last_audit").fetchone()
    return row[0] if row else None

"""Turn SQLite's errors into sentences with a cure."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from watcher.errors import LedgerUntrusted, LocalFailure, WatcherError
from watcher.ledger.sqlite.disk_errors import is_full, ledger_disk_full
from watcher.ledger.sqlite.file_check import RESTORE
from watcher.ledger.sqlite.file_owner import why_denied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# SQLite also raises these where its own files beside the ledger find no room.
_UNWRITTEN = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_DENIED = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")
_BUSY_RETRY_S = 0.01  # SQLite itself has waited already
_DISK_RETRY_S = 1.0


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's errors inside the block as errors of the ledger at `path`."""
    try:
        yield
    except sqlite3.Error as error:
        raise watcher_error(path, error) from error


def watcher_error(path: Path, error: sqlite3.Error) -> WatcherError:
    """Return the error that people see for an error of SQLite."""
    name = error_name(error)
    undecodable = isinstance(error, sqlite3.OperationalError) and str(error).startswith(
        "Could not decode"
    )
    if undecodable or name.startswith(_DAMAGED):
        return LedgerUntrusted(f"the ledger {path} is damaged: {error}", hint=RESTORE)
    if name.startswith(_BUSY):
        return LocalFailure(
            f"the ledger {path} stays locked by another process",
            hint=(
                "Find the process with `fuser` or `lsof` on the ledger file, wait until it has "
                "finished, and run the command again."
            ),
            again_in_s=_BUSY_RETRY_S,
        )
    if is_out_of_room(error, path.parent):
        return ledger_disk_full(path)
    if name.startswith("SQLITE_IOERR"):
        return LocalFailure(
            f"the disk of the ledger {path} fails: {error} ({name})",
            hint=(
                "Check the disk and its space, then run the command again. Work that was not "
                "written is done again."
            ),
            again_in_s=_DISK_RETRY_S,
        )
    if name.startswith(_DENIED):
        return unwritable(path, str(error))
    return WatcherError(f"the ledger {path}: {error}")


def error_name(error: sqlite3.Error) -> str:
    """Return SQLite's name of an error, such as SQLITE_BUSY; else the name of its class."""
    return getattr(error, "sqlite_errorname", "") or type(error).__name__


def is_out_of_room(error: sqlite3.Error, folder: Path) -> bool:
    """Return whether SQLite failed for lack of room in `folder`.

    SQLite reports a full disk under other names where it creates its own files.
    """
    name = error_name(error)
    return name.startswith("SQLITE_FULL") or (name.startswith(_UNWRITTEN) and is_full(folder))


def unwritable(path: Path, why: str) -> LocalFailure:
    """Return the error for a ledger that this user cannot write."""
    denied = why_denied(path, ledger=path)
    if denied:
        return LocalFailure(
            f"the ledger {path} cannot be written: {denied.sentence}", hint=denied.hint
        )
    return LocalFailure(
        f"the ledger {path} cannot be written: {why}",
        hint=(
            f"Check the disk, and that {path} and the folder {path.parent} are writable for "
            "this user."
        ),
    )

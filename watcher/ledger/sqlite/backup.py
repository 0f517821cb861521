"""Back up the ledger while other processes use it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from watcher.errors import LocalFailure, UsageError, WatcherError
from watcher.ledger.sqlite import file_owner
from watcher.ledger.sqlite.connection import open_read_only
from watcher.ledger.sqlite.crash_check import refuse_damaged
from watcher.ledger.sqlite.create import draft_name, fsync_folder, remove_database
from watcher.ledger.sqlite.disk_errors import failed, full
from watcher.ledger.sqlite.file_names import LOGS, beside
from watcher.ledger.sqlite.lock import REGISTERING, RUN
from watcher.ledger.sqlite.migrations import MIGRATIONS
from watcher.ledger.sqlite.raw_connection import open_immutable
from watcher.ledger.sqlite.rename import rename_new
from watcher.ledger.sqlite.sqlite_errors import error_name, is_out_of_room, watcher_error

if TYPE_CHECKING:
    from pathlib import Path

_PAGES_A_STEP = 4096  # Ctrl-C is noticed between two steps


def backup(path: Path, target: Path) -> int:
    """Write the ledger as it is at this moment to `target`; return the size in bytes.

    Other processes continue meanwhile. `target` is written whole or not at all. It is a checked
    ledger, and not in WAL mode. So `file_check` recognises a backup that was put beside the log of
    another ledger.

    Raises:
        UsageError: `target` exists, is a folder, or is a name that the ledger uses.
        LedgerUntrusted: the ledger cannot be trusted.
        LocalFailure: the copy cannot be written.
    """
    if target.name in {beside(path, suffix).name for suffix in (*LOGS, REGISTERING, RUN)}:
        raise UsageError(
            f"{target} is a name that the ledger itself uses", hint="Name another file."
        )
    if target.is_dir():
        raise UsageError(
            f"{target} is a folder",
            hint=f"Nothing was touched. Name a file in it, e.g. {target / path.name}.",
        )
    draft = draft_name(target)
    try:
        if target.exists() or target.is_symlink():
            raise _exists(target)
        with contextlib.closing(open_read_only(path, older=True)) as source:
            os.close(file_owner.create(draft, file_owner.Owner(uid=os.geteuid(), gid=os.getegid())))
            _copy(path, source, draft)
        _verify(path, draft)
        _fsync(draft)
        n_bytes = draft.stat().st_size
        rename_new(draft, target)
        fsync_folder(target.parent)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError as error:
        raise failed(
            f"cannot write the backup {target}", error, target, ledger=None, hint=_cure(target)
        ) from error
    finally:
        remove_database(draft)
    return n_bytes


def _copy(path: Path, source: sqlite3.Connection, draft: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            # One transaction over all steps: the copy is of one moment, and SQLite does not start
            # over when other processes write.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            source.backup(copy, pages=_PAGES_A_STEP)
            source.execute("ROLLBACK")
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise _copy_error(path, draft, error) from error


def _verify(path: Path, draft: Path) -> None:
    """Check the copy as it lies on the disk: nobody opens a backup before it is needed."""
    try:
        with contextlib.closing(open_immutable(draft)) as copy:
            MIGRATIONS.applied(copy)
            refuse_damaged(path, copy)
    except sqlite3.Error as error:
        raise _copy_error(path, draft, error) from error


def _copy_error(path: Path, draft: Path, error: sqlite3.Error) -> WatcherError:
    """Return why there is no backup: a damaged ledger, or a disk that does not take the copy."""
    if error_name(error).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return watcher_error(path, error)
    if is_out_of_room(error, draft.parent):
        return full(f"cannot write the backup {draft}: the disk is full", draft.parent)
    return LocalFailure(f"cannot write the backup {draft}: {error}", hint=_cure(draft))


def _fsync(draft: Path) -> None:
    with draft.open("rb") as file:
        os.fsync(file.fileno())


def _exists(target: Path) -> UsageError:
    return UsageError(
        f"there is a file already: {target}",
        hint="Nothing was touched. Name one that does not exist yet.",
    )


def _cure(target: Path) -> str:
    return (
        f"Check that the folder {target.parent} exists and is writable for this user. No part of "
        "the backup was left there."
    )

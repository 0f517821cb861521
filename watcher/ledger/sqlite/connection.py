"""Open the ledger: for writing, migrated to this version, or for queries only.

A file that is missing, foreign, damaged or newer is refused.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from watcher.errors import LedgerUntrusted
from watcher.ledger.sqlite.busy_retry import BUSY_S
from watcher.ledger.sqlite.crash_check import check_after_crash
from watcher.ledger.sqlite.disk_errors import refuse_full_disk
from watcher.ledger.sqlite.file_check import RESTORE, recognise
from watcher.ledger.sqlite.file_names import refuse_other_names
from watcher.ledger.sqlite.file_owner import refuse_planted
from watcher.ledger.sqlite.migrations import MIGRATIONS
from watcher.ledger.sqlite.mounts import refuse_network_file_system
from watcher.ledger.sqlite.raw_connection import (
    connect,
    no_checkpoint,
    open_query_only,
    query_mode,
)
from watcher.ledger.sqlite.schema import APPLICATION_ID
from watcher.ledger.sqlite.sqlite_errors import translated, unwritable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from watcher.ledger.sqlite.lock import ProcessLock

_MIGRATION_POLLS, _MIGRATION_POLL_S = 100, 0.1


def open_for_writing(
    path: Path, lock: ProcessLock, wait: Callable[[float], bool]
) -> sqlite3.Connection:
    """Open the ledger for writing, and migrate it to the schema of this version.

    `wait(seconds)` returns whether to stop.

    Raises:
        LedgerUntrusted: the file is missing, empty, foreign, damaged, newer or has two names; or
            it is older, and another process has held `lock` for 10 s.
        LocalFailure: the file cannot be read or written.
    """
    recognise(path)
    refuse_other_names(path)
    refuse_planted(path)
    refuse_full_disk(path)
    refuse_network_file_system(path.parent)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise unwritable(path, "its file, or its folder, is read-only for this user")
    with translated(path):
        connection = connect(path)
        try:
            _check_identity(path, connection)
            connection.execute("PRAGMA journal_mode = WAL")  # a restored backup is not in WAL mode
            _migrate(path, connection, lock, wait)
        except BaseException:
            with no_checkpoint(path):
                connection.close()
            raise
    return connection


def open_read_only(path: Path, *, older: bool = False) -> sqlite3.Connection:
    """Open the ledger for queries only, and leave its bytes as they are.

    With `older`, the ledger of an earlier version is accepted.

    Raises:
        LedgerUntrusted: the file is missing, empty, foreign, damaged or newer, or older without
            `older`.
        LocalFailure: the file cannot be read.
    """
    recognise(path)
    refuse_planted(path)
    refuse_full_disk(path)
    with translated(path):
        return _checked(path, open_query_only(path, mode=query_mode(path)), older=older)


def open_beside(path: Path) -> sqlite3.Connection:
    """Open the ledger for queries only, in a process that has the ledger open already.

    The connection may move from one thread to another.

    Raises:
        LedgerUntrusted: the file is damaged, newer or older.
        LocalFailure: the file cannot be read.
    """
    with translated(path):
        return _checked(path, open_query_only(path, busy_s=BUSY_S, any_thread=True), older=False)


def _checked(path: Path, connection: sqlite3.Connection, *, older: bool) -> sqlite3.Connection:
    """Return the connection if it is one to a ledger of this version; else close it."""
    try:
        _check_identity(path, connection)
        if not older:
            _refuse_older(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_older(path: Path, connection: sqlite3.Connection) -> None:
    if MIGRATIONS.pending(connection):
        raise LedgerUntrusted(
            f"the ledger {path} was made by an older version",
            hint="Run `oss-vod-watcher scan` once: it migrates the ledger.",
        )


def _check_identity(path: Path, connection: sqlite3.Connection) -> None:
    (identity,) = connection.execute("PRAGMA application_id").fetchone()
    if identity != APPLICATION_ID:
        raise LedgerUntrusted(
            f"the database {path} is not a ledger of oss-vod-watcher", hint=RESTORE
        )
    newer = [name for name in MIGRATIONS.applied(connection) if name not in MIGRATIONS.names]
    if newer:
        raise LedgerUntrusted(
            f"the ledger {path} was written by a newer version of oss-vod-watcher ({newer[-1]})",
            hint="Install that version again. An older version must not write to the ledger.",
        )


def _migrate(
    path: Path, connection: sqlite3.Connection, lock: ProcessLock, wait: Callable[[float], bool]
) -> None:
    """Apply pending migrations under `lock`; wait up to 10 s while another process has it."""
    was_held = lock.held
    for _ in range(_MIGRATION_POLLS):
        if not MIGRATIONS.pending(connection):
            return
        if lock.try_acquire():
            break
        if wait(_MIGRATION_POLL_S):
            break
    if not lock.held:
        raise LedgerUntrusted(
            f"the ledger {path} must be migrated, but {lock.owner_text()} of another version is "
            "using it",
            hint=f"Restart {lock.owner_text()} with this version, then run the command again.",
        )
    try:
        check_after_crash(path, lock, stop=lambda: wait(0))
        # Another process may have applied some in the meantime: this applies the rest.
        MIGRATIONS.apply(connection)
    finally:
        if not was_held:
            lock.release()

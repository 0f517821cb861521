"""Open and migrate the ledger, and see that it is whole after an unclean stop.  It fails closed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from watcher.errors import LedgerUntrusted, MachineFailed, WatcherError
from watcher.ledger.disk import SHARED_MEMORY_BYTES, full, is_full
from watcher.ledger.migrations import MIGRATIONS
from watcher.ledger.mounts import refuse_network_file_system
from watcher.ledger.names import refuse_other_names
from watcher.ledger.owner import refuse_planted, why_denied
from watcher.ledger.patience import BUSY_S
from watcher.ledger.recognising import RESTORE, is_in_wal_mode, recognise
from watcher.ledger.schema import APPLICATION_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from watcher.ledger.lock import ProcessLock

_READERS_WAIT_S = 30.0
_MIGRATION_POLLS, _MIGRATION_POLL_S = 100, 0.1
_UNWRITTEN = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")  # also for want of room beside the ledger
_STEPS_BETWEEN_QUESTIONS = 1_000_000  # of SQLite's machine: a fraction of a second


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into a sentence with a cure."""
    try:
        yield
    except sqlite3.Error as error:
        raise sentence(path, error) from error


def sentence(path: Path, error: sqlite3.Error) -> WatcherError:
    """Return what an error of SQLite is reported as."""
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    undecodable = isinstance(error, sqlite3.OperationalError) and str(error).startswith("Could not decode")
    if undecodable or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")):
        return LedgerUntrusted(f"the ledger {path} is damaged: {error}", hint=RESTORE)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return MachineFailed(
            f"the ledger {path} stays locked by another process",
            hint="Find it with `fuser` or `lsof` on the ledger file, let it finish, and run the command again.",
            again_in_s=0.01,
        )
    if is_out_of_room(error, path.parent):
        return full(f"the disk of the ledger {path} is full", path.parent)
    if name.startswith("SQLITE_IOERR"):
        return MachineFailed(
            f"the disk of the ledger {path} fails: {error} ({name})",
            hint="Check the disk and its space, then run the command again; what was not written is done again.",
            again_in_s=1.0,
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return _unwritable(path, str(error))
    return WatcherError(f"the ledger {path}: {error}")


def refuse_without_room(path: Path) -> None:
    """Refuse a disk too full for what SQLite makes beside a ledger when it opens it: it would leave half of that there.

    Raises:
        MachineFailed: the disk is full.
    """
    shared = path.with_name(path.name + "-shm")
    if not shared.exists() and is_full(path.parent, SHARED_MEMORY_BYTES) and is_in_wal_mode(path):
        raise full(f"the disk of the ledger {path} is full", path.parent)


def is_out_of_room(error: sqlite3.Error, folder: Path) -> bool:
    """Return whether SQLite failed for want of room: it has other names for that where it makes its own files."""
    name = getattr(error, "sqlite_errorname", "")
    return name.startswith("SQLITE_FULL") or (name.startswith(_UNWRITTEN) and is_full(folder))


def _unwritable(path: Path, why: str) -> MachineFailed:
    denied = why_denied(path, ledger=path)
    return MachineFailed(
        f"the ledger {path} cannot be written: {denied.sentence if denied else why}",
        hint=denied.hint
        if denied
        else f"Check the disk, and that {path} and the folder {path.parent} are writable for this user.",
    )


def open_for_writing(path: Path, lock: ProcessLock, wait: Callable[[float], bool]) -> sqlite3.Connection:
    """Open the ledger, migrated to this version.

    Raises:
        LedgerUntrusted: missing, empty, foreign, damaged, newer, under two names, or old while `lock` is taken
            elsewhere for 10 s.
        MachineFailed: it cannot be read or written.
    """
    recognise(path)
    refuse_other_names(path)
    refuse_planted(path)
    refuse_without_room(path)
    refuse_network_file_system(path.parent)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise _unwritable(path, "its file, or its folder, is read-only for this user")
    with translated(path):
        connection = connect(path)
        try:
            _check_identity(path, connection)
            connection.execute("PRAGMA journal_mode = WAL")  # a restored backup is not in it yet
            _migrate(path, connection, lock, wait)
        except BaseException:
            with as_it_is(path):
                connection.close()
            raise
    return connection


def open_as_it_is(path: Path, mode: str = "ro") -> sqlite3.Connection:
    """Open for looking only, whatever it is.  `ro` never writes what a log holds into the file."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_READERS_WAIT_S, isolation_level=None
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


@contextlib.contextmanager
def as_it_is(path: Path) -> Iterator[None]:
    """Let connections be closed without writing the log into the file, as the last of them does if it can write."""
    if not _has_log(path):
        yield
        return
    with contextlib.closing(open_as_it_is(path)) as witness:
        with contextlib.suppress(sqlite3.Error):
            witness.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield


def open_read_only(path: Path, *, older: bool = False) -> sqlite3.Connection:
    """Open the ledger for looking only; its bytes stay as they are.  `older`: of whatever version before this.

    Raises:
        LedgerUntrusted: missing, empty, foreign, damaged, newer or older than this version reads.
        MachineFailed: it cannot be read.
    """
    recognise(path)
    refuse_planted(path)
    refuse_without_room(path)
    with translated(path):
        connection = open_as_it_is(path, reading_mode(path))
        try:
            _check_identity(path, connection)
            if not older:
                _refuse_older(path, connection)
        except BaseException:
            connection.close()
            raise
    return connection


def open_beside(path: Path) -> sqlite3.Connection:
    """Open the ledger for looking only, in a process that has it open already; for one thread after another.

    Raises:
        LedgerUntrusted: damaged, newer or older than this version reads.
        MachineFailed: it cannot be read.
    """
    with translated(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA query_only = ON")
            _check_identity(path, connection)
            _refuse_older(path, connection)
        except BaseException:
            connection.close()
            raise
    return connection


def reading_mode(path: Path) -> str:
    """Return how to open for looking only, so that neither the file changes nor others are left beside it.

    SQLite's `ro` leaves the -wal and -shm that reading needs behind; `rw` removes them, but would write a log
    that a crash left into the file.
    """
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return "ro" if _has_log(path) or not writable else "rw"


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _refuse_older(path: Path, connection: sqlite3.Connection) -> None:
    if MIGRATIONS.pending(connection):
        raise LedgerUntrusted(
            f"the ledger {path} was made by an older version",
            hint="Run `oss-vod-watcher scan` once: it migrates the ledger.",
        )


def connect(path: Path) -> sqlite3.Connection:
    """Open for writing, in autocommit mode, whatever it is."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _check_identity(path: Path, connection: sqlite3.Connection) -> None:
    (identity,) = connection.execute("PRAGMA application_id").fetchone()
    if identity != APPLICATION_ID:
        raise LedgerUntrusted(f"the database {path} is not a ledger of oss-vod-watcher", hint=RESTORE)
    newer = [name for name in MIGRATIONS.applied(connection) if name not in MIGRATIONS.names]
    if newer:
        raise LedgerUntrusted(
            f"the ledger {path} was written by a newer version of oss-vod-watcher ({newer[-1]})",
            hint="Install that version again; an older one must not write to it.",
        )


def _migrate(path: Path, connection: sqlite3.Connection, lock: ProcessLock, wait: Callable[[float], bool]) -> None:
    """Bring an older schema up to date, one process at a time; wait a while for another that is at it."""
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
            f"the ledger {path} must be migrated, and {lock.owner_text()} of another version is using it",
            hint=f"Restart {lock.owner_text()} with this version, then run the command again.",
        )
    try:
        see_that_it_is_whole(path, lock, stop=lambda: wait(0))
        MIGRATIONS.apply(connection)  # applies what is still pending: another process may have been quicker
    finally:
        if not was_held:
            lock.release()


def see_that_it_is_whole(path: Path, lock: ProcessLock, *, stop: Callable[[], bool] = lambda: False) -> None:
    """Check the ledger if the last owner of `lock`, which is held, died at work.

    Until the check has passed, whoever takes the lock next must make it again.  `stop` is asked all the while.

    Raises:
        LedgerUntrusted: it is damaged.
        MachineFailed: the check was stopped.
    """
    if not (lock.held and lock.found_unclean):
        return
    with translated(path), contextlib.closing(open_as_it_is(path)) as connection:
        connection.set_progress_handler(stop, _STEPS_BETWEEN_QUESTIONS)
        try:
            refuse_damaged(path, connection)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_INTERRUPT":
                raise
            raise MachineFailed(
                f"the check of the ledger {path} was cut short", hint="Run the command again: it begins with the check."
            ) from error
    lock.trust()


def refuse_damaged(path: Path, connection: sqlite3.Connection) -> None:
    """Let SQLite look at every page.

    Raises:
        LedgerUntrusted: it found something.
    """
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise LedgerUntrusted(f"the ledger {path} is damaged: {found}", hint=RESTORE)

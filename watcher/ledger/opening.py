"""Create, recognise, open and migrate the ledger file.  It fails closed: what looks wrong is never a first run."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from sqlite_utils import Database

from watcher.errors import LedgerUntrusted, MachineFailed, UsageError, WatcherError
from watcher.ledger.schema import APPLICATION_ID, MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from watcher.ledger.lock import ProcessLock

BUSY_TIMEOUT_S = 30.0
_MIGRATION_POLLS, _MIGRATION_POLL_S = 100, 0.1
RESTORE = (
    "Restore a backup of the ledger, or move the file away, with its -wal and -shm, and run "
    "`oss-vod-watcher ledger init`: every file is then asked again, and VOD answers with the media IDs it already has."
)
_MAGIC = b"SQLite format 3\0"
_NETWORK_FILE_SYSTEMS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "fuse.sshfs",
    "fuse.ossfs",
}


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into a sentence with a cure."""
    try:
        yield
    except sqlite3.Error as error:
        raise _sentence(path, error) from error


def _sentence(path: Path, error: sqlite3.Error) -> WatcherError:
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")):
        return LedgerUntrusted(f"the ledger {path} is damaged: {error}", hint=RESTORE)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return MachineFailed(
            f"the ledger {path} stayed locked for {BUSY_TIMEOUT_S:.0f} s by another process",
            hint="Find it with `fuser` or `lsof` on the ledger file, let it finish, and run the command again.",
        )
    if name.startswith("SQLITE_FULL"):
        return MachineFailed(
            f"the disk of the ledger {path} is full",
            hint="Free some space and run the command again; nothing is lost.",
            may_pass=True,
        )
    if name.startswith("SQLITE_IOERR"):
        return MachineFailed(
            f"the disk of the ledger {path} fails: {error} ({name})",
            hint="Check the disk and its space, then run the command again; what was not written is done again.",
            may_pass=True,
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return MachineFailed(
            f"the ledger {path} cannot be written: {error}",
            hint=f"Check the disk, and that {path} and the folder {path.parent} are writable for this user.",
        )
    return WatcherError(f"the ledger {path}: {error}")


def create(path: Path) -> None:
    """Create an empty ledger at `path`, whole or not at all.

    Raises:
        UsageError: there is a file already.
        MachineFailed: the folder cannot be written, or lies on a network file system.
    """
    if path.exists():
        raise UsageError(
            f"there is a ledger already: {path}",
            hint="Nothing was touched. `oss-vod-watcher status` shows what it holds.",
        )
    for suffix in ("-wal", "-shm"):
        if (left := path.with_name(path.name + suffix)).exists():
            raise LedgerUntrusted(
                f"{left} was left by another ledger, and would be read as part of the new one",
                hint=f"Move {path.name}-wal and {path.name}-shm to where that ledger went: they hold its last changes.",
            )
    draft = path.with_name(f"{path.name}.new-{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_network_file_system(path.parent)
        with translated(path):
            _write_draft(draft)
        _put_in_place(draft, path)
    except OSError as error:
        raise MachineFailed(
            f"cannot create the ledger {path}: {error.strerror}",
            hint=f"Make the folder {path.parent} writable for the user that runs the watcher, or set [ledger] path.",
        ) from error
    finally:
        for leftover in (draft, draft.with_name(draft.name + "-wal"), draft.with_name(draft.name + "-shm")):
            with contextlib.suppress(OSError):
                leftover.unlink()


def _write_draft(draft: Path) -> None:
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with contextlib.closing(_connect(draft)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
        MIGRATIONS.apply(Database(connection))


def _put_in_place(draft: Path, path: Path) -> None:
    """Give the draft its name, unless another process was quicker; never replace."""
    try:
        os.link(draft, path)
    except FileExistsError as error:
        raise UsageError(f"there is a ledger already: {path}") from error
    fd = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _refuse_network_file_system(folder: Path) -> None:
    """WAL needs shared memory between the processes of one machine (sqlite.org/wal.html)."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:  # noqa: PTH123 (a kernel file)
            rows = [line.split(" - ") for line in mounts]
    except OSError:
        return
    where = str(folder.resolve()) + "/"
    best, kind = "", ""
    for left, right in (row for row in rows if len(row) == 2):  # noqa: PLR2004 (mount point, file system)
        point = left.split()[4].encode().decode("unicode_escape").rstrip("/") + "/"
        if where.startswith(point) and len(point) >= len(best):
            best, kind = point, right.split()[0]
    if kind in _NETWORK_FILE_SYSTEMS:
        raise MachineFailed(
            f"{folder} lies on a network file system ({kind}), where SQLite's write-ahead log is not safe",
            hint="Set [ledger] path to a folder on a local disk.",
        )


def open_for_writing(path: Path, lock: ProcessLock, wait: Callable[[float], bool]) -> sqlite3.Connection:
    """Open the ledger, migrated to this version.

    Raises:
        LedgerUntrusted: missing, empty, foreign, damaged, newer, or old while `lock` is taken elsewhere for 10 s.
        MachineFailed: it cannot be read or written.
    """
    recognise(path)
    _refuse_network_file_system(path.parent)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise MachineFailed(
            f"the ledger {path} cannot be written by this user",
            hint=f"Run as the user that owns it, or make {path} and the folder {path.parent} writable.",
        )
    with translated(path):
        connection = _connect(path)
        try:
            _check_identity(path, connection)
            _migrate(path, connection, lock, wait)
        except BaseException:
            connection.close()
            raise
    return connection


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open the ledger for looking only; its bytes stay as they are.

    Raises:
        LedgerUntrusted: missing, empty, foreign, damaged, newer or older than this version reads.
        MachineFailed: it cannot be read.
    """
    recognise(path)
    with translated(path):
        mode = _reading_mode(path)
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
        )
        connection.execute("PRAGMA query_only = ON")
        try:
            _check_identity(path, connection)
            _refuse_older(path, connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _reading_mode(path: Path) -> str:
    """Return how to open for looking only, so that neither the file changes nor others are left beside it.

    SQLite's `ro` leaves the -wal and -shm that reading needs behind; `rw` removes them, but would write a log
    that a crash left into the file.
    """
    log = path.with_name(path.name + "-wal")
    left_over = log.exists() and log.stat().st_size > 0
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return "ro" if left_over or not writable else "rw"


def _refuse_older(path: Path, connection: sqlite3.Connection) -> None:
    if MIGRATIONS.pending(Database(connection)):
        raise LedgerUntrusted(
            f"the ledger {path} was made by an older version",
            hint="Run `oss-vod-watcher scan` once: it migrates the ledger.",
        )


def recognise(path: Path) -> None:
    """Look at the file before SQLite opens it (opening it by hand later would drop SQLite's locks)."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError as error:
        raise LedgerUntrusted(
            f"there is no ledger at {path}",
            hint="On a first start run `oss-vod-watcher ledger init`; otherwise restore the ledger from a backup.",
        ) from error
    except OSError as error:
        raise LedgerUntrusted(
            f"the ledger {path} cannot be read: {error.strerror}", hint="Run as the user that owns it."
        ) from error
    if not head.strip(b"\0"):
        raise LedgerUntrusted(
            f"the ledger {path} is empty ({'no bytes' if not head else 'only NUL bytes'})", hint=RESTORE
        )
    if not head.startswith(_MAGIC):
        raise LedgerUntrusted(f"the file {path} is not a SQLite database", hint=RESTORE)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _check_identity(path: Path, connection: sqlite3.Connection) -> None:
    (identity,) = connection.execute("PRAGMA application_id").fetchone()
    if identity != APPLICATION_ID:
        raise LedgerUntrusted(f"the database {path} is not a ledger of oss-vod-watcher", hint=RESTORE)
    known = {migration.name for migration in MIGRATIONS._migrations}  # noqa: SLF001 (no public list)
    newer = [m.name for m in MIGRATIONS.applied(Database(connection)) if m.name not in known]
    if newer:
        raise LedgerUntrusted(
            f"the ledger {path} was written by a newer version of oss-vod-watcher ({newer[-1]})",
            hint="Install that version again; an older one must not write to it.",
        )


def _migrate(path: Path, connection: sqlite3.Connection, lock: ProcessLock, wait: Callable[[float], bool]) -> None:
    """Bring an older schema up to date, one process at a time; wait a while for another that is at it."""
    database = Database(connection)
    was_held = lock.held
    for _ in range(_MIGRATION_POLLS):
        if not MIGRATIONS.pending(database):
            return
        if lock.try_acquire():
            break
        if wait(_MIGRATION_POLL_S):
            break
    if not lock.held:
        raise LedgerUntrusted(
            f"the ledger {path} must be migrated, and process {lock.owner_pid()} of another version is using it",
            hint=f"Restart process {lock.owner_pid()} with this version, then run the command again.",
        )
    try:
        MIGRATIONS.apply(database)  # applies what is still pending: another process may have been quicker
    finally:
        if not was_held:
            lock.release()

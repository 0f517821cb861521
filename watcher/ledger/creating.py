"""Create the ledger, whole or not at all.  Nothing else ever does."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from watcher.errors import LedgerUntrusted, MachineFailed, UsageError
from watcher.ledger import owner
from watcher.ledger.disk import failed, full
from watcher.ledger.migrations import MIGRATIONS
from watcher.ledger.mounts import refuse_network_file_system
from watcher.ledger.opening import connect, is_out_of_room
from watcher.ledger.recognising import STUB, is_foreign, recognise, stub_of
from watcher.ledger.renaming import rename_new
from watcher.ledger.schema import APPLICATION_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from watcher.ledger.starts import SourceStart


def create(path: Path, starts: Sequence[SourceStart] = ()) -> None:
    """Create an empty ledger at `path`, whole or not at all; see `draft_of` for `starts`.

    Raises:
        UsageError: there is a file already.
        LedgerUntrusted: another ledger left its log there, or was being replaced.
        MachineFailed: the folder cannot be written, has no room, or lies on a network file system.
    """
    try:
        _refuse_what_lies_there(path)
        with draft_of(path, starts) as draft:
            try:
                rename_new(draft, path, placeholder=STUB + b"{}")
            except FileExistsError as error:
                raise _already(path) from error
            fsync_folder(path.parent)
    except OSError as error:
        raise cannot_create(path, error) from error


def _refuse_what_lies_there(path: Path) -> None:
    if os.path.lexists(path) or stub_of(path).exists():
        raise _already(path)
    for suffix in ("-wal", "-shm"):
        if (left := path.with_name(path.name + suffix)).exists():
            if path.exists():  # another process was quicker, and is at work already
                raise _already(path)
            raise LedgerUntrusted(
                f"{left} was left by another ledger, and would be read as part of the new one",
                hint=f"Move {path.name}-wal and {path.name}-shm to where that ledger went: they hold its last changes.",
            )


def _already(path: Path) -> UsageError:
    nothing = "Nothing was touched."
    with contextlib.suppress(OSError):
        if is_foreign(path):
            return UsageError(
                f"there is a file already, and it is no ledger of oss-vod-watcher: {path}",
                hint=f"{nothing} Set [ledger] path to a name that does not exist yet, or move that file away.",
            )
    try:
        recognise(path)
    except LedgerUntrusted as error:
        return UsageError(f"there is a ledger already: {path}; {error}", hint=f"{nothing} {error.hint}")
    return UsageError(
        f"there is a ledger already: {path}",
        hint=f"{nothing} `oss-vod-watcher status` shows what it holds.",
    )


def cannot_create(path: Path, error: OSError) -> MachineFailed:
    """Return what a ledger that cannot be created is reported as."""
    return failed(
        f"cannot create the ledger {path}",
        error,
        path,
        ledger=path,
        hint=f"Make the folder {path.parent} writable for the user that runs the watcher, or set [ledger] path.",
    )


@contextlib.contextmanager
def draft_of(path: Path, starts: Sequence[SourceStart] = (), unknown: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a new ledger under another name, whole, to be put in place; it has the owner of what it replaces.

    `starts` is what `start = "now"` came to mean, `unknown` are sources for which that is not known.

    Raises:
        OSError: the folder cannot be written.
        MachineFailed: the disk is full, or a network file system.
    """
    draft = draft_name(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_network_file_system(path.parent)
    os.close(owner.create(draft, owner.Owner.of(path)))
    try:
        try:
            _write(draft, starts, unknown)
            prove(draft)
        except sqlite3.Error as error:
            raise _cannot_write(path, error) from error
        yield draft
    finally:
        remove_database(draft)


def _cannot_write(path: Path, error: sqlite3.Error) -> MachineFailed:
    """Return what a draft that SQLite cannot write, or read again, is reported as."""
    if is_out_of_room(error, path.parent):
        return full(f"cannot create the ledger {path}: the disk is full", path.parent)
    return MachineFailed(
        f"cannot create the ledger {path}: {error}",
        hint=f"Check the disk of {path.parent}, or set [ledger] path to another one; nothing was left there.",
    )


def draft_name(path: Path) -> Path:
    """Return a name for a draft of `path` that no other process has, in whatever container."""
    return path.with_name(f"{path.name}.new-{os.getpid()}-{os.urandom(4).hex()}")


def _write(draft: Path, starts: Sequence[SourceStart], unknown: Sequence[str]) -> None:
    with contextlib.closing(connect(draft)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        MIGRATIONS.apply(connection)
        connection.executemany("INSERT INTO source_start (source, start_at, clock) VALUES (?, ?, ?)", starts)
        connection.executemany("INSERT INTO unknown_start VALUES (?)", [(each,) for each in unknown])
        # At the end: what a log holds is lost if the disk has no room for the checkpoint, which fails silently.
        connection.execute("PRAGMA journal_mode = WAL")


def prove(draft: Path) -> None:
    """See that the file alone holds a whole ledger, and that it can be opened where it lies.

    Raises:
        sqlite3.Error: it does not, or cannot: the disk is full, or does not keep what is written.
    """
    log = draft.with_name(draft.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise sqlite3.OperationalError("its log could not be written into the file")
    with contextlib.closing(sqlite3.connect(f"{draft.absolute().as_uri()}?immutable=1", uri=True)) as alone:
        (identity,) = alone.execute("PRAGMA application_id").fetchone()
        if identity != APPLICATION_ID or MIGRATIONS.pending(alone):
            raise sqlite3.DatabaseError("what was written is not there")
        (found,) = alone.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    with contextlib.closing(connect(draft)) as opened:
        opened.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def remove_database(path: Path) -> None:
    """Remove a draft and what SQLite keeps beside it, as far as they are there."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

"""Create the ledger, whole or not at all. Only `ledger init` calls this."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from watcher.errors import LedgerUntrusted, LocalFailure, UsageError
from watcher.ledger.sqlite import file_owner
from watcher.ledger.sqlite.disk_errors import failed, full
from watcher.ledger.sqlite.file_check import STUB, is_foreign, recognise, stub_of
from watcher.ledger.sqlite.file_names import LOGS, beside, has_log
from watcher.ledger.sqlite.migrations import MIGRATIONS
from watcher.ledger.sqlite.mounts import refuse_network_file_system
from watcher.ledger.sqlite.raw_connection import connect, open_immutable
from watcher.ledger.sqlite.rename import rename_new
from watcher.ledger.sqlite.schema import APPLICATION_ID
from watcher.ledger.sqlite.sqlite_errors import is_out_of_room

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from watcher.ledger.sqlite.starts import SourceStart


def create(path: Path, starts: Sequence[SourceStart] = ()) -> None:
    """Create an empty ledger at `path`, whole or not at all.

    `starts` holds what `start = "now"` means for each source.

    Raises:
        UsageError: a file of that name exists, or the replacement of a ledger has not finished.
        LedgerUntrusted: another ledger left its log there.
        LocalFailure: the folder cannot be written, has no room, or lies on a network file system.
    """
    try:
        _refuse_leftovers(path)
        with draft_of(path, starts) as draft:
            try:
                rename_new(draft, path, placeholder=STUB + b"{}")
            except FileExistsError as error:
                raise _exists(path) from error
            fsync_folder(path.parent)
    except OSError as error:
        raise cannot_create(path, error) from error


def _refuse_leftovers(path: Path) -> None:
    if os.path.lexists(path) or stub_of(path).exists():
        raise _exists(path)
    for left in (beside(path, "-wal"), beside(path, "-shm")):
        if not left.exists():
            continue
        if path.exists():  # another process has created the ledger meanwhile, and uses it
            raise _exists(path)
        raise LedgerUntrusted(
            f"{left} was left by another ledger, and would be read as part of the new one",
            hint=(
                f"Move {path.name}-wal and {path.name}-shm to where that ledger is now: they "
                "hold its last changes."
            ),
        )


def _exists(path: Path) -> UsageError:
    nothing = "Nothing was touched."
    with contextlib.suppress(OSError):
        if is_foreign(path):
            return UsageError(
                f"there is a file already, and it is no ledger of oss-vod-watcher: {path}",
                hint=(
                    f"{nothing} Set [ledger] path to a name that does not exist yet, or move that "
                    "file away."
                ),
            )
    try:
        recognise(path)
    except LedgerUntrusted as error:
        return UsageError(
            f"there is a ledger already: {path}; {error}", hint=f"{nothing} {error.hint}"
        )
    return UsageError(
        f"there is a ledger already: {path}",
        hint=f"{nothing} `oss-vod-watcher status` shows what it holds.",
    )


def cannot_create(path: Path, error: OSError) -> LocalFailure:
    """Return the error for a ledger that cannot be created."""
    return failed(
        f"cannot create the ledger {path}",
        error,
        path,
        ledger=path,
        hint=(
            f"Make the folder {path.parent} writable for the user that runs the watcher, or set "
            "[ledger] path."
        ),
    )


@contextlib.contextmanager
def draft_of(
    path: Path, starts: Sequence[SourceStart] = (), unknown: Sequence[str] = ()
) -> Iterator[Path]:
    """Yield a new, complete ledger under another name; the caller renames it to `path`.

    The draft has the owner of the file that it replaces.

    Args:
        path: the name of the ledger to be.
        starts: what `start = "now"` means for each source.
        unknown: the sources for which that is not known.

    Raises:
        OSError: the folder cannot be written.
        LocalFailure: the disk is full, or a network file system.
    """
    draft = draft_name(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_network_file_system(path.parent)
    os.close(file_owner.create(draft, file_owner.Owner.of(path)))
    try:
        try:
            _write(draft, starts, unknown)
            _verify(draft)
        except sqlite3.Error as error:
            raise _draft_error(path, error) from error
        yield draft
    finally:
        remove_database(draft)


def _draft_error(path: Path, error: sqlite3.Error) -> LocalFailure:
    """Return the error for a draft that SQLite cannot write, or cannot read again."""
    if is_out_of_room(error, path.parent):
        return full(f"cannot create the ledger {path}: the disk is full", path.parent)
    return LocalFailure(
        f"cannot create the ledger {path}: {error}",
        hint=(
            f"Check the disk of {path.parent}, or set [ledger] path to another one. No file was "
            "left there."
        ),
    )


def draft_name(path: Path) -> Path:
    """Return a name for a draft of `path` that no other process uses, in any container."""
    return beside(path, f".new-{os.getpid()}-{os.urandom(4).hex()}")


def _write(draft: Path, starts: Sequence[SourceStart], unknown: Sequence[str]) -> None:
    with contextlib.closing(connect(draft)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        MIGRATIONS.apply(connection)
        connection.executemany(
            "INSERT INTO source_start (source, start_at, clock) VALUES (?, ?, ?)", starts
        )
        connection.executemany(
            "INSERT INTO unknown_start VALUES (?)", [(each,) for each in unknown]
        )
        # Last of all: a checkpoint that finds no room fails silently, and the log is lost.
        connection.execute("PRAGMA journal_mode = WAL")


def _verify(draft: Path) -> None:
    """Check that the file alone is a whole ledger, and that SQLite can open it where it lies.

    Raises:
        sqlite3.Error: the disk is full, or does not keep what is written.
    """
    if has_log(draft):
        raise sqlite3.OperationalError("its log could not be written into the file")
    with contextlib.closing(open_immutable(draft)) as alone:
        (identity,) = alone.execute("PRAGMA application_id").fetchone()
        if identity != APPLICATION_ID or MIGRATIONS.pending(alone):
            raise sqlite3.DatabaseError("what was written is not there")
        (found,) = alone.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    with contextlib.closing(connect(draft)) as opened:
        opened.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def remove_database(path: Path) -> None:
    """Remove a draft and SQLite's files beside it, as far as they exist."""
    for suffix in ("", *LOGS):
        with contextlib.suppress(OSError):
            beside(path, suffix).unlink()


def fsync_folder(folder: Path) -> None:
    """Write the names in `folder` to the disk, so that they survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

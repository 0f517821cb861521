"""Create the ledger, whole or not at all.  Nothing else ever does."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from sqlite_utils import Database

from watcher.errors import LedgerUntrusted, MachineFailed, UsageError
from watcher.ledger.opening import connect, refuse_network_file_system, translated
from watcher.ledger.schema import APPLICATION_ID, MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from watcher.ledger.starts import SourceStart


def create(path: Path, starts: Sequence[SourceStart] = ()) -> None:
    """Create an empty ledger at `path`, whole or not at all; see `draft_of` for `starts`.

    Raises:
        UsageError: there is a file already.
        MachineFailed: the folder cannot be written, or lies on a network file system.
    """
    if path.exists():
        raise _already(path)
    for suffix in ("-wal", "-shm"):
        if (left := path.with_name(path.name + suffix)).exists():
            if path.exists():  # another process was quicker, and is at work already
                raise _already(path)
            raise LedgerUntrusted(
                f"{left} was left by another ledger, and would be read as part of the new one",
                hint=f"Move {path.name}-wal and {path.name}-shm to where that ledger went: they hold its last changes.",
            )
    with draft_of(path, starts) as draft:
        try:
            os.link(draft, path)
        except FileExistsError as error:
            raise _already(path) from error
        fsync_folder(path.parent)


def _already(path: Path) -> UsageError:
    return UsageError(
        f"there is a ledger already: {path}",
        hint="Nothing was touched. `oss-vod-watcher status` shows what it holds.",
    )


@contextlib.contextmanager
def draft_of(path: Path, starts: Sequence[SourceStart] = (), unknown: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a new ledger under another name, to be put in place.

    `starts` is what `start = "now"` came to mean, `unknown` are sources for which that is not known.

    Raises:
        MachineFailed: the folder cannot be written, or lies on a network file system.
    """
    draft = path.with_name(f"{path.name}.new-{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_network_file_system(path.parent)
        with translated(path):
            _write(draft, starts, unknown)
        yield draft
    except OSError as error:
        raise MachineFailed(
            f"cannot create the ledger {path}: {error.strerror}",
            hint=f"Make the folder {path.parent} writable for the user that runs the watcher, or set [ledger] path.",
        ) from error
    finally:
        remove_database(draft)


def _write(draft: Path, starts: Sequence[SourceStart], unknown: Sequence[str]) -> None:
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with contextlib.closing(connect(draft)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
        MIGRATIONS.apply(Database(connection))
        connection.executemany("INSERT INTO source_start (source, start_at, clock) VALUES (?, ?, ?)", starts)
        connection.executemany("INSERT INTO unknown_start VALUES (?)", [(each,) for each in unknown])


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

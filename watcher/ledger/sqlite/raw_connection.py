"""Open SQLite connections without a look at what the file holds."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from watcher.ledger.sqlite.busy_retry import BUSY_S
from watcher.ledger.sqlite.file_names import has_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_READERS_WAIT_S = 30.0


def connect(path: Path) -> sqlite3.Connection:
    """Open a database for writing, in autocommit mode."""
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def open_query_only(
    path: Path, *, mode: str = "ro", busy_s: float = _READERS_WAIT_S, any_thread: bool = False
) -> sqlite3.Connection:
    """Open a database for queries only.

    Args:
        path: the database.
        mode: "ro" or "rw", see `query_mode`. "ro" never writes the log into the file.
        busy_s: how long a query waits for a lock, in seconds.
        any_thread: whether one thread may hand the connection to another.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=busy_s,
        isolation_level=None,
        check_same_thread=not any_thread,
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def open_immutable(path: Path) -> sqlite3.Connection:
    """Open the file alone: SQLite reads no log beside it and takes no lock."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)


def query_mode(path: Path) -> str:
    """Return the mode that leaves the database and its folder as they are.

    SQLite's "ro" leaves the -wal and -shm files behind that reading needs. "rw" removes them, but
    would write the log of a crashed process into the file.
    """
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return "ro" if has_log(path) or not writable else "rw"


@contextlib.contextmanager
def no_checkpoint(path: Path) -> Iterator[None]:
    """Keep a connection that closes inside the block from writing the log into the file.

    SQLite does so when the last connection closes. A second connection stays open meanwhile.
    """
    if not has_log(path):
        yield
        return
    with contextlib.closing(open_query_only(path)) as witness:
        with contextlib.suppress(sqlite3.Error):
            witness.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield

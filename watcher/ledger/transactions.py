"""One connection, one writer at a time, one transaction a method."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from watcher.ledger.opening import translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class Transactions:
    """Hands the connection to one thread at a time, inside BEGIN IMMEDIATE."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._turn = threading.Lock()

    @contextmanager
    def begin(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction that is committed at the end, or rolled back.

        `durable`: synchronous=FULL, so that the commit survives a power cut once this returns.  What a
        scan saw needs less: it is seen again.
        """
        with self._turn, translated(self._path):
            db = self._connection
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # SQLite may have rolled back already
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection for reading."""
        with self._turn, translated(self._path):
            yield self._connection

    def close(self) -> None:
        """Close the connection."""
        with self._turn:
            self._connection.close()


def add_to_tally(db: sqlite3.Connection, changes: Mapping[tuple[int, str], int]) -> None:
    """Add to the counts, within the caller's transaction; keys are (watch_id, state)."""
    db.executemany(
        """
        INSERT INTO tally (watch_id, state, n) VALUES (?, ?, ?)
            ON CONFLICT (watch_id, state) DO UPDATE SET n = n + excluded.n
        """,
        [(watch_id, state, n) for (watch_id, state), n in changes.items() if n],
    )

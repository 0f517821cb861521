"""The record of the watches that the owner of the registering lock serves.

The owner writes the record. Processes that run beside the owner read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.ledger.sqlite import starts
from watcher.ledger.sqlite.transactions import patient
from watcher.ledger.sqlite.watches import adopt_beside
from watcher.model import Owner

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watcher.ledger.sqlite.lock import ProcessLock
    from watcher.ledger.sqlite.transactions import Transactions
    from watcher.model import BucketSpec, WatchSpec


class Ownership:
    """The rows of `owner` and `owner_watch`; they hold until another process takes the lock."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @patient()
    def publish(self, lock: ProcessLock, command: str, watches: Sequence[WatchSpec]) -> None:
        """Record that this process, which holds `lock`, registers for these watches only."""
        with self._transactions.begin(durable=True) as db:
            db.execute("DELETE FROM owner_watch")
            db.execute(
                """
                INSERT INTO owner VALUES (1, ?, ?, ?)
                    ON CONFLICT DO UPDATE
                   SET pid = excluded.pid, locked_at = excluded.locked_at,
                       command = excluded.command
                """,
                (lock.owner_pid(), lock.taken_at, command),
            )
            db.executemany(
                "INSERT INTO owner_watch VALUES (?, ?, ?)",
                [(watch.name, watch.bucket, watch.serving_digest) for watch in watches],
            )

    def withdraw(self) -> None:
        """Remove the record: other processes register what is found from now on.

        Raises:
            LocalFailure: the ledger cannot be written now.
        """
        with self._transactions.begin(durable=True) as db:
            db.execute("DELETE FROM owner")

    def published(self, lock: ProcessLock) -> Owner | None:
        """Return what the owner of `lock` has recorded; None if nothing yet."""
        with self._transactions.look() as db:
            return _published(db, lock)

    @patient()
    def adopt_beside(
        self,
        lock: ProcessLock,
        buckets: Sequence[BucketSpec],
        watches: Sequence[WatchSpec],
        *,
        config_path: str,
    ) -> frozenset[str]:
        """Adopt what the owner of `lock` does not serve; return the watches it serves otherwise.

        The returned watches stay as they are. Do not scan them: their owner would register the
        finds by its own settings.

        Raises:
            ConfigError: see `Assignments.adopt`.
        """
        with self._transactions.begin(durable=True) as db:
            starts.refuse_unknown(db, watches, config_path)
            return adopt_beside(db, _published(db, lock), buckets, watches, config_path=config_path)


def _published(db: sqlite3.Connection, lock: ProcessLock) -> Owner | None:
    row = db.execute(
        "SELECT pid, command FROM owner WHERE locked_at = ?", (lock.taken_at,)
    ).fetchone()
    if row is None:
        return None
    watches = db.execute("SELECT name, bucket, terms FROM owner_watch").fetchall()
    return Owner(
        pid=row[0],
        command=row[1],
        watches={name: digest for name, _, digest in watches},
        buckets=frozenset(bucket for _, bucket, _ in watches),
    )

"""Whether VOD refused RegisterMetadatas in a form body, kept from one process to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.ledger.sqlite.transactions import patient
from watcher.model import BodyRefusal

if TYPE_CHECKING:
    import sqlite3

    from watcher.ledger.sqlite.transactions import Transactions


class BodyRefusalRow:
    """The row of `refused_body`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def refused_body(self) -> BodyRefusal | None:
        """Return when VOD last refused a form body, or None."""
        with self._transactions.look() as db:
            return read(db)

    @patient()
    def remember_refused_body(self, refusal: BodyRefusal) -> None:
        """Remember a refusal, in place of an earlier one."""
        with self._transactions.begin(durable=False) as db:
            db.execute(
                """
                INSERT INTO refused_body (id, at, version, reason) VALUES (1, ?, ?, ?)
                    ON CONFLICT (id) DO UPDATE
                   SET at = excluded.at, version = excluded.version, reason = excluded.reason
                """,
                (refusal.at, refusal.version, refusal.reason),
            )


def read(db: sqlite3.Connection) -> BodyRefusal | None:
    """Return when VOD last refused a form body, or None."""
    row = db.execute("SELECT at, version, reason FROM refused_body").fetchone()
    return BodyRefusal(at=row[0], version=row[1], reason=row[2]) if row else None

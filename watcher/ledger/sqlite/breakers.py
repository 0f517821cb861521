"""Open breakers, and the rate that the account allows: kept from one process to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.ledger.sqlite.transactions import patient
from watcher.model import LONG_STREAK, Breaker, BreakerKind

if TYPE_CHECKING:
    import sqlite3

    from watcher.ledger.sqlite.transactions import Transactions


class BreakerRows:
    """The rows of `breaker` and `quota`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @patient()
    def all(self) -> tuple[Breaker, ...]:
        """Return the open breakers; forget those of streaks that have ended."""
        with self._transactions.begin(durable=False) as db:
            db.execute(
                """
                DELETE FROM breaker
                 WHERE kind = 'streak'
                   AND (SELECT count(*) FROM refusal_streak AS s
                         WHERE s.bucket_id = breaker.bucket_id) < ?
                """,
                (LONG_STREAK,),
            )
            return read(db)

    def stops_any(self, bucket: str) -> bool:
        """Return whether an entry waits that the breaker of `bucket` stops; "" = the account's."""
        with self._transactions.look() as db:
            return stops_any(db, bucket)

    @patient()
    def put(self, breaker: Breaker) -> None:
        """Remember a breaker, in place of an earlier one of its bucket."""
        with self._transactions.begin(durable=True) as db:
            db.execute(
                """
                INSERT INTO breaker
                       (bucket_id, kind, reason, hint, opened_at, probes, next_probe_at)
                VALUES (coalesce((SELECT id FROM bucket WHERE name = ?), 0), ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (bucket_id) DO UPDATE
                   SET kind = excluded.kind, reason = excluded.reason, hint = excluded.hint,
                       opened_at = excluded.opened_at, probes = excluded.probes,
                       next_probe_at = excluded.next_probe_at
                """,
                (
                    breaker.bucket,
                    str(breaker.kind),
                    breaker.reason,
                    breaker.hint,
                    breaker.opened_at,
                    breaker.probes,
                    breaker.next_probe_at,
                ),
            )

    @patient()
    def remove(self, bucket: str) -> None:
        """Forget the breaker of a bucket; "" is the account's."""
        with self._transactions.begin(durable=True) as db:
            db.execute(
                """
                DELETE FROM breaker
                 WHERE bucket_id = coalesce((SELECT id FROM bucket WHERE name = ?), 0)
                """,
                (bucket,),
            )

    def calls_per_second(self) -> float | None:
        """Return the rate that the account was last seen to allow; None = as configured."""
        with self._transactions.look() as db:
            return read_quota(db)

    @patient()
    def remember_calls_per_second(self, rate: float | None) -> None:
        """Remember the rate that the account allows; None = as configured."""
        with self._transactions.begin(durable=False) as db:
            db.execute("DELETE FROM quota")
            if rate is not None:
                db.execute("INSERT INTO quota VALUES (1, ?)", (rate,))


def read(db: sqlite3.Connection) -> tuple[Breaker, ...]:
    """Return the open breakers, the account's first."""
    rows = db.execute(
        """
        SELECT coalesce(b.name, ''), k.kind, k.reason, k.hint, k.opened_at, k.probes,
               k.next_probe_at
          FROM breaker AS k LEFT JOIN bucket AS b ON b.id = k.bucket_id
         ORDER BY k.bucket_id
        """
    ).fetchall()
    return tuple(
        Breaker(
            bucket=bucket,
            kind=BreakerKind(kind),
            reason=reason,
            hint=hint,
            opened_at=opened_at,
            probes=probes,
            next_probe_at=next_probe_at,
        )
        for bucket, kind, reason, hint, opened_at, probes, next_probe_at in rows
    )


def read_quota(db: sqlite3.Connection) -> float | None:
    """Return the rate that the account was last seen to allow; None = as configured."""
    row = db.execute("SELECT calls_per_second FROM quota").fetchone()
    return row[0] if row else None


def read_stopping(db: sqlite3.Connection) -> tuple[Breaker, ...]:
    """Return the open breakers that keep an entry waiting; the others stop nothing."""
    return tuple(breaker for breaker in read(db) if stops_any(db, breaker.bucket))


def stops_any(db: sqlite3.Connection, bucket: str) -> bool:
    """Return whether an entry of `bucket` ("" = of any) waits for a call, or is in one.

    Entries that no configured watch selects do not count.
    """
    return any(db.execute(waiting, {"bucket": bucket}).fetchone() for waiting in _WAITING)


_WAITING = (
    *(
        f"""
        SELECT 1 FROM watch AS w
         WHERE w.position IS NOT NULL AND EXISTS (
                 SELECT 1 FROM entry AS e
                  WHERE e.state = 'pending' AND e.attempts {refused} 0 AND e.due_at > 0
                    AND e.lane = {lane} AND e.watch_id = w.id
                    AND (:bucket = '' OR e.bucket_id = (SELECT id FROM bucket WHERE name = :bucket))
               )
        """  # noqa: S608 (one of two signs, one of two numbers)
        for refused in ("=", ">")
        for lane in (0, 1)
    ),
    """
    SELECT 1 FROM entry
     WHERE state = 'claimed' AND batch_id > 0
       AND (:bucket = '' OR bucket_id = (SELECT id FROM bucket WHERE name = :bucket))
    """,
)
"""Waiting entries, a step in an index for each watch; and claimed ones, whose call is a probe."""

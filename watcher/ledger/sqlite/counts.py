"""How many entries are queued, and how many were decided: for progress and confirmations."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from watcher.model import Standing, Waiting
from watcher.model.reports import Undecided

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watcher.ledger.sqlite.transactions import Transactions


class Counts:
    """Counts of chosen watches; reads only."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def waiting(self, watch: str) -> Waiting:
        """Return how many entries of `watch` are queued, and their size; reads each of them."""
        with self._transactions.look() as db:
            rows = [
                db.execute(
                    f"""
                    SELECT count(*), coalesce(sum(size_bytes), 0) FROM entry
                     WHERE state = 'pending' AND attempts {refused} 0 AND due_at > 0
                       AND lane IN (0, 1) AND watch_id = (SELECT id FROM watch WHERE name = ?)
                    """,  # noqa: S608 (one of two signs)
                    (watch,),
                ).fetchone()
                for refused in ("=", ">")
            ]
        return Waiting(entries=sum(n for n, _ in rows), size_bytes=sum(size for _, size in rows))

    def standing(self, watches: Sequence[str]) -> Standing:
        """Return the counts of `watches` together, without reading entries."""
        with self._transactions.look() as db:
            rows = db.execute(
                f"""
                SELECT state, n FROM tally
                 WHERE watch_id IN (SELECT id FROM watch
                                     WHERE name IN ({", ".join("?" * len(watches))}))
                """,  # noqa: S608 (question marks only)
                tuple(watches),
            )
            counts: Counter[str] = Counter()
            for state, n in rows:
                counts[state] += n
        return Standing(
            **{state: counts[state] for state in ("pending", "claimed", "registered", "failed")}
        )

    def decisions(self) -> int:
        """Return how often an entry was registered, refused or failed, by any process."""
        with self._transactions.look() as db:
            (n,) = db.execute("SELECT n FROM decision").fetchone()
        return int(n)

    def undecided(self, watches: Sequence[str], *, refused: bool) -> Undecided:
        """Return how many entries of `watches` wait for an answer, and one of them.

        With `refused`, also those that are queued again after a refusal.
        """
        conditions = ("attempts = 0", "attempts > 0") if refused else ("attempts = 0",)
        n, first = 0, None
        with self._transactions.look() as db:
            for condition in conditions:
                for watch in watches:
                    n += _count_waiting(db, condition, watch)
                    first = first or _last_waiting(db, condition, watch)
        bucket, key, message = first or ("", "", "")
        return Undecided(entries=n, bucket=bucket, key=key, message=message)

    def last_listed(self, watches: Sequence[str]) -> int | None:
        """Return how many objects the last complete scans listed; None unless all had one."""
        with self._transactions.look() as db:
            rows = [
                db.execute("SELECT complete_listed FROM watch WHERE name = ?", (watch,)).fetchone()
                for watch in watches
            ]
        listed = [row[0] if row else None for row in rows]
        return None if None in listed else sum(filter(None, listed))


_WAITING = """
  FROM entry AS e JOIN bucket AS b ON b.id = e.bucket_id
 WHERE e.state = 'pending' AND e.due_at > 0 AND e.watch_id = (SELECT id FROM watch WHERE name = ?)
"""


def _count_waiting(db: sqlite3.Connection, condition: str, watch: str) -> int:
    (n,) = db.execute(f"SELECT count(*) {_WAITING} AND e.{condition}", (watch,)).fetchone()
    return int(n)


def _last_waiting(
    db: sqlite3.Connection, condition: str, watch: str
) -> tuple[str, str, str] | None:
    """Return bucket, key and last message of a waiting entry, one with a message if possible.

    It is one of those due last, among which are those whose call had no answer.
    """
    rows = [
        db.execute(
            f"""
            SELECT b.name, e.key, coalesce(e.message, '')
                   {_WAITING} AND e.{condition} AND e.lane = ?
             ORDER BY e.due_at DESC
             LIMIT 1
            """,
            (watch, lane),
        ).fetchone()
        for lane in (0, 1)
    ]
    found = sorted((row for row in rows if row), key=lambda row: not row[2])
    return (found[0][0], found[0][1], found[0][2]) if found else None

"""How much waits, how much was done: what a backfill tells of its progress, and asks before it begins to register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.model import Standing, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.ledger.transactions import Transactions


class Backlog:
    """Counts of chosen watches; reads only."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def waiting(self, watch: str) -> Waiting:
        """Return how many entries of `watch` are in line, and their size.  Looks at each of them."""
        with self._transactions.look() as db:
            rows = [
                db.execute(
                    f"""
                    SELECT count(*), coalesce(sum(size_bytes), 0) FROM entry
                     WHERE state = 'pending' AND attempts {refused} 0 AND due_at > 0 AND lane IN (0, 1)
                       AND watch_id = (SELECT id FROM watch WHERE name = ?)
                    """,  # noqa: S608 (one of two signs)
                    (watch,),
                ).fetchone()
                for refused in ("=", ">")
            ]
        return Waiting(entries=sum(n for n, _ in rows), size_bytes=sum(size for _, size in rows))

    def standing(self, watches: Sequence[str]) -> Standing:
        """Return the counts of `watches` together, in no time."""
        with self._transactions.look() as db:
            rows = db.execute(
                f"""
                SELECT state, sum(n) FROM tally
                 WHERE watch_id IN (SELECT id FROM watch WHERE name IN ({", ".join("?" * len(watches))}))
                 GROUP BY 1
                """,  # noqa: S608 (question marks only)
                tuple(watches),
            )
            counts = dict(rows.fetchall())
        return Standing(**{state: counts.get(state, 0) for state in ("pending", "claimed", "registered", "failed")})

    def last_listed(self, watches: Sequence[str]) -> int | None:
        """Return how many objects the last complete scans of `watches` listed; None unless all had one."""
        with self._transactions.look() as db:
            rows = [
                db.execute("SELECT complete_listed FROM watch WHERE name = ?", (watch,)).fetchone() for watch in watches
            ]
        listed = [row[0] if row else None for row in rows]
        return None if None in listed else sum(filter(None, listed))

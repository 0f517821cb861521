"""What registering takes from the ledger and writes back: recover, claim, settle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.ledger.claiming import ALONE, OF_WATCH, TOGETHER, claim, recover
from watcher.ledger.settling import settle
from watcher.ledger.transactions import patient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ledger.transactions import Transactions
    from watcher.model import Claim, Entry, Settled, Settlement


class Queue:
    """The registering side of the ledger."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @patient()
    def recover(self, *, now_ms: int) -> int:
        """Put the claims of a dead process back in line; return how many.

        Only the lock's owner may ask.  Their calls may have counted: asking again is what settles that.
        """
        with self._transactions.begin(durable=True) as db:
            return recover(db, now_ms=now_ms)

    @patient()
    def claim(
        self,
        bucket: str,
        watches: Sequence[str],
        *,
        choose: Callable[[Sequence[Entry]], Sequence[Entry]],
        now_ms: int,
        horizon_ms: int,
        probe: bool = False,
    ) -> Claim | None:
        """Mark as claimed what `choose` takes of the next entries of `bucket` and `watches`; None if nothing.

        It is shown up to ten, fresh ones first, then by age and key; or the one that was refused before
        and goes alone.  With `probe` it is shown one, and while a streak of refusals stops the bucket never the
        same as the last time.  A `due_at` beyond `horizon_ms` was written by a clock that ran ahead, and is due now.

        Committed before it returns: after a crash the claim tells which calls may have reached the cloud.
        """
        if self._transactions.is_kept_waiting:
            return None
        with self._transactions.begin(durable=True) as db:
            return claim(db, bucket, watches, choose=choose, now_ms=now_ms, horizon_ms=horizon_ms, probe=probe)

    @patient(first=True)
    def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, request_id: str, max_attempts: int, now_ms: int
    ) -> Settled:
        """Write down what came of a claim, all of it or nothing.

        An entry whose object was overwritten since the claim is registered as claimed and marked changed,
        or, refused, starts afresh: the refusal was of other bytes.
        """
        with self._transactions.begin(durable=True) as db:
            db.execute(
                "UPDATE batch SET settled_at = ?, request_id = nullif(?, '') WHERE id = ?",
                (now_ms, request_id, claim.batch_id),
            )
            return settle(db, settlements, max_attempts=max_attempts, now_ms=now_ms)

    def next_due_at(self, bucket: str, watches: Sequence[str]) -> int | None:
        """Return when the next pending entry of `bucket` and `watches` is due (milliseconds), or None."""
        with self._transactions.look() as db:
            rows = [
                db.execute(
                    f"""
                    SELECT e.due_at FROM {kind} AND e.lane = :lane AND e.due_at > 0 AND {OF_WATCH}
                     ORDER BY e.due_at LIMIT 1
                    """,  # noqa: S608 (our own words)
                    {"lane": lane, "watch": watch, "bucket": bucket},
                ).fetchone()
                for watch in watches
                for lane in (0, 1)
                for kind in (TOGETHER, ALONE)
            ]
        return min((row[0] for row in rows if row), default=None)

    def pending(self) -> int:
        """Return how many entries are pending or claimed."""
        with self._transactions.look() as db:
            (n,) = db.execute("SELECT coalesce(sum(n), 0) FROM tally WHERE state IN ('pending', 'claimed')").fetchone()
        return int(n)

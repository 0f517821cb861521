"""The queue that registration works off: recover, claim, settle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.ledger.sqlite.claim import EntryChanged, mark_claimed, recover
from watcher.ledger.sqlite.due import ALONE, OF_WATCH, TOGETHER, Wanted, due_entries
from watcher.ledger.sqlite.probe import probe_entry, remember_probe
from watcher.ledger.sqlite.settle import settle
from watcher.ledger.sqlite.transactions import patient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ledger.sqlite.transactions import Transactions
    from watcher.model import Claim, Entry, Settled, Settlement


class Queue:
    """`port.ClaimQueue` and `port.SettlementWriter` on SQLite; see there for the promises."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @patient()
    def recover(self, *, now_ms: int) -> int:
        """Queue the claims of a dead process again; return how many.

        Only the owner of the lock may call it.  The calls of the dead process may have taken
        effect: a second call of VOD settles that.
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
        """Claim those of the next entries that `choose` returns; None if it returns none.

        `choose` gets up to ten entries: fresh ones first, then by age and key.  An entry that was
        refused before comes alone.  With `probe` it gets one, and while a streak of refusals stops
        the bucket, another one each time.  A `due_at` beyond `horizon_ms` counts as now: a clock
        that ran ahead wrote it.

        `choose` runs outside of any transaction, and again where an entry changed meanwhile.  The
        claim is committed before it is returned: after a crash, it says which calls may have
        reached the cloud.
        """
        if self._transactions.is_kept_waiting:
            return None
        wanted = Wanted(bucket=bucket, watches=watches, now_ms=now_ms, horizon_ms=horizon_ms)
        while True:
            with self._transactions.look() as db:
                due = probe_entry(db, wanted) if probe else due_entries(db, wanted)
            chosen = choose(due) if due else ()
            if not chosen:
                return None
            try:
                with self._transactions.begin(durable=True) as db:
                    if probe:
                        remember_probe(db, bucket, chosen[0].key)
                    return mark_claimed(db, bucket, chosen, now_ms=now_ms)
            except EntryChanged:
                continue

    @patient(first=True)
    def settle(
        self,
        claim: Claim,
        settlements: Sequence[Settlement],
        *,
        request_id: str,
        max_attempts: int,
        now_ms: int,
    ) -> Settled:
        """Write what became of a claim, all of it or nothing; see `transitions.settled`."""
        with self._transactions.begin(durable=True) as db:
            db.execute(
                "UPDATE batch SET settled_at = ?, request_id = nullif(?, '') WHERE id = ?",
                (now_ms, request_id, claim.batch_id),
            )
            return settle(db, settlements, max_attempts=max_attempts, now_ms=now_ms)

    def next_due_at(self, bucket: str, watches: Sequence[str]) -> int | None:
        """Return when the next pending entry is due, in milliseconds since the epoch, or None."""
        with self._transactions.look() as db:
            rows = [
                db.execute(
                    f"""
                    SELECT e.due_at
                      FROM {kind} AND e.lane = :lane AND e.due_at > 0 AND {OF_WATCH}
                     ORDER BY e.due_at
                     LIMIT 1
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
            (n,) = db.execute(
                "SELECT coalesce(sum(n), 0) FROM tally WHERE state IN ('pending', 'claimed')"
            ).fetchone()
        return int(n)

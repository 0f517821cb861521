"""What registering takes from the ledger and writes back: recover, claim, settle."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from watcher.ledger.settling import settle
from watcher.ledger.transactions import add_to_tally, patient
from watcher.model import Claim, Entry, Lane
from watcher.rules.batching import MAX_ITEMS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from watcher.ledger.transactions import Transactions
    from watcher.model import Settled, Settlement

_COLUMNS = "e.key, e.etag, e.size_bytes, e.modified_at, e.attempts, e.doubts, e.lane"

_ANOTHER = """e.state = 'pending' AND e.due_at > 0 AND e.key <> k.probed_key
                       AND e.watch_id IN (SELECT id FROM watch WHERE bucket_id = k.bucket_id)"""


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
            rows = db.execute("SELECT watch_id, count(*) FROM entry WHERE state = 'claimed' GROUP BY 1").fetchall()
            db.execute(
                "UPDATE entry SET state = 'pending', due_at = ?, doubts = doubts + 1 WHERE state = 'claimed'", (now_ms,)
            )
            add_to_tally(
                db,
                {(w, "claimed"): -n for w, n in rows} | {(w, "pending"): n for w, n in rows},
            )
        return sum(n for _, n in rows)

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
            passed_over = _last_probe(db, bucket) if probe else None
            due = _due(db, bucket, watches, now_ms=now_ms, horizon_ms=horizon_ms, passed_over=passed_over)
            due = due[:1] if probe else due
            entries = choose(due) if due else ()
            if not entries:
                return None
            if probe:
                db.execute(
                    "UPDATE breaker SET probed_key = ? WHERE bucket_id = (SELECT id FROM bucket WHERE name = ?)",
                    (entries[0].key, bucket),
                )
            batch_id = db.execute("INSERT INTO batch (claimed_at) VALUES (?)", (now_ms,)).lastrowid
            db.executemany(
                """
                UPDATE entry SET state = 'claimed', batch_id = ?, due_at = NULL
                 WHERE bucket_id = (SELECT id FROM bucket WHERE name = ?) AND key = ?
                """,
                [(batch_id, bucket, entry.key) for entry in entries],
            )
            _count(db, Counter((entry.watch, "pending") for entry in entries), -1)
            _count(db, Counter((entry.watch, "claimed") for entry in entries), 1)
        return Claim(batch_id=batch_id or 0, entries=tuple(entries))

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
                    SELECT due_at FROM entry
                     WHERE state = 'pending' AND attempts {refused} 0 AND due_at > 0 AND lane = ?
                       AND watch_id = (SELECT id FROM watch WHERE name = ?)
                       AND bucket_id = (SELECT id FROM bucket WHERE name = ?)
                     ORDER BY due_at LIMIT 1
                    """,  # noqa: S608 (one of two signs)
                    (lane, watch, bucket),
                ).fetchone()
                for watch in watches
                for lane in (0, 1)
                for refused in ("=", ">")
            ]
        return min((row[0] for row in rows if row), default=None)

    def pending(self) -> int:
        """Return how many entries are pending or claimed."""
        with self._transactions.look() as db:
            (n,) = db.execute("SELECT coalesce(sum(n), 0) FROM tally WHERE state IN ('pending', 'claimed')").fetchone()
        return int(n)

    def undecided(self, watches: Sequence[str]) -> int:
        """Return how many pending entries of `watches` wait for an answer that is none of their own fault."""
        with self._transactions.look() as db:
            rows = [
                db.execute(
                    """
                    SELECT count(*) FROM entry
                     WHERE state = 'pending' AND attempts = 0 AND due_at IS NOT NULL
                       AND watch_id = (SELECT id FROM watch WHERE name = ?)
                    """,
                    (watch,),
                ).fetchone()
                for watch in watches
            ]
        return sum(n for (n,) in rows)


def _last_probe(db: sqlite3.Connection, bucket: str) -> str | None:
    """Return the key that must not be probed with again, while a streak stops the bucket and another one waits."""
    row = db.execute(
        f"""
        SELECT k.probed_key FROM breaker AS k JOIN bucket AS b ON b.id = k.bucket_id
         WHERE b.name = ? AND k.kind = 'streak'
           AND (EXISTS (SELECT 1 FROM entry AS e WHERE e.attempts = 0 AND {_ANOTHER})
                OR EXISTS (SELECT 1 FROM entry AS e WHERE e.attempts > 0 AND {_ANOTHER}))
        """,  # noqa: S608 (our own words)
        (bucket,),
    ).fetchone()
    return row[0] if row else None


def _due(
    db: sqlite3.Connection,
    bucket: str,
    watches: Sequence[str],
    *,
    now_ms: int,
    horizon_ms: int,
    passed_over: str | None,
) -> list[Entry]:
    """Return up to ten entries that one call may carry, or the one that must go alone."""
    spare = passed_over is not None
    for when, at in (("e.due_at <= ?", now_ms), ("e.due_at > ?", horizon_ms)):
        together = _first(db, bucket, watches, f"e.attempts = 0 AND {when}", at, limit=MAX_ITEMS)
        alone = _first(db, bucket, watches, f"e.attempts > 0 AND {when}", at, limit=1 + spare)
        together = [found for found in together if found[2].key != passed_over]
        alone = [found for found in alone if found[2].key != passed_over]
        if alone and (not together or alone[0][:2] < together[0][:2]):
            return [alone[0][2]]
        if together:
            return [entry for _, _, entry in sorted(together, key=lambda found: (found[0], found[2].key))]
    return []


def _first(
    db: sqlite3.Connection, bucket: str, watches: Sequence[str], condition: str, at: int, *, limit: int
) -> list[tuple[int, int, Entry]]:
    """Return the first pending entries as (lane, due_at, entry), in that order and by key."""
    found: list[tuple[int, int, Entry]] = []
    for watch in watches:
        for lane in (0, 1):
            rows = db.execute(
                f"""
                SELECT e.due_at, {_COLUMNS}
                  FROM entry AS e
                 WHERE e.state = 'pending' AND e.lane = ? AND {condition}
                   AND e.watch_id = (SELECT id FROM watch WHERE name = ?)
                   AND e.bucket_id = (SELECT id FROM bucket WHERE name = ?)
                 ORDER BY e.due_at, e.bucket_id, e.key LIMIT {limit}
                """,  # noqa: S608 (our own words)
                (lane, at, watch, bucket),
            )
            found += [(lane, due_at, _entry(bucket, watch, row)) for due_at, *row in rows]
    found.sort(key=lambda each: (each[0], each[1], each[2].key))
    return found[:limit]


def _entry(bucket: str, watch: str, row: Sequence[Any]) -> Entry:
    key, etag, size_bytes, modified_at, attempts, doubts, lane = row
    return Entry(
        bucket=bucket,
        key=key,
        watch=watch,
        etag=etag,
        size_bytes=size_bytes,
        modified_at=modified_at,
        attempts=attempts,
        doubts=doubts,
        lane=(Lane.FRESH, Lane.BACKFILL)[lane],
    )


def _count(db: sqlite3.Connection, by_name: Counter[tuple[str, str]], sign: int) -> None:
    ids = dict(db.execute("SELECT name, id FROM watch").fetchall())
    add_to_tally(db, {(ids[name], state): sign * n for (name, state), n in by_name.items()})

"""Which entries the next call carries: claimed before it is made, and put back in line if its process died."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from watcher.ledger.transactions import add_to_tally
from watcher.model import NOT_MENTIONED, Claim, Entry, Lane
from watcher.rules.batching import MAX_ITEMS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

_COLUMNS = "e.key, e.etag, e.size_bytes, e.modified_at, e.attempts, e.doubts, e.lane, e.message"

_IN_STREAK = "EXISTS (SELECT 1 FROM refusal_streak AS s WHERE s.bucket_id = e.bucket_id AND s.key = e.key)"
_ANOTHER = """e.state = 'pending' AND e.due_at > 0 AND e.key <> k.probed_key
                       AND e.watch_id IN (SELECT id FROM watch WHERE bucket_id = k.bucket_id)"""


def recover(db: sqlite3.Connection, *, now_ms: int) -> int:
    """Put what is claimed back in line, within the caller's transaction; return how many."""
    rows = db.execute("SELECT watch_id, count(*) FROM entry WHERE state = 'claimed' GROUP BY 1").fetchall()
    db.execute("UPDATE entry SET state = 'pending', due_at = ?, doubts = doubts + 1 WHERE state = 'claimed'", (now_ms,))
    add_to_tally(db, {(w, "claimed"): -n for w, n in rows} | {(w, "pending"): n for w, n in rows})
    return sum(n for _, n in rows)


def claim(
    db: sqlite3.Connection,
    bucket: str,
    watches: Sequence[str],
    *,
    choose: Callable[[Sequence[Entry]], Sequence[Entry]],
    now_ms: int,
    horizon_ms: int,
    probe: bool,
) -> Claim | None:
    """Mark as claimed what `choose` takes of the next entries, within the caller's transaction; see `queue`."""
    find = _probe if probe else _due
    due = find(db, bucket, watches, now_ms=now_ms, horizon_ms=horizon_ms)
    entries = choose(due) if due else ()
    if not entries:
        return None
    if probe:
        db.execute(
            "UPDATE breaker SET probed_key = ? WHERE bucket_id = (SELECT id FROM bucket WHERE name = ?)",
            (entries[0].key, bucket),
        )
    (batch_id,) = db.execute("INSERT INTO batch (claimed_at) VALUES (?) RETURNING id", (now_ms,)).fetchone()
    db.executemany(
        """
        UPDATE entry SET state = 'claimed', batch_id = ?, due_at = NULL
         WHERE bucket_id = (SELECT id FROM bucket WHERE name = ?) AND key = ?
        """,
        [(batch_id, bucket, entry.key) for entry in entries],
    )
    _count(db, Counter((entry.watch, "pending") for entry in entries), -1)
    _count(db, Counter((entry.watch, "claimed") for entry in entries), 1)
    return Claim(batch_id=batch_id, entries=tuple(entries))


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


def _probe(db: sqlite3.Connection, bucket: str, watches: Sequence[str], *, now_ms: int, horizon_ms: int) -> list[Entry]:
    """Return the one entry that tells most of a stopped bucket: a fresh one, and one that was not refused yet."""
    passed_over = _last_probe(db, bucket)
    for when in _when(now_ms, horizon_ms):
        found = [
            (lane, was_refused, due_at, entry.key, entry)
            for attempts in ("= 0", "> 0")
            for was_refused, condition in enumerate((f"NOT {_IN_STREAK}", _IN_STREAK))
            for lane, due_at, entry in _first(
                db, bucket, watches, f"e.attempts {attempts} AND {condition}", when, limit=2
            )
            if entry.key != passed_over
        ]
        if found:
            return [min(found, key=lambda each: each[:4])[4]]
    return []


def _due(db: sqlite3.Connection, bucket: str, watches: Sequence[str], *, now_ms: int, horizon_ms: int) -> list[Entry]:
    """Return up to ten entries that one call may carry, or the one that must go alone.

    Those that the last answer did not mention go alone, too, but wait with the others.
    """
    for when in _when(now_ms, horizon_ms):
        together = _first(db, bucket, watches, "e.attempts = 0", when, limit=MAX_ITEMS)
        alone = _first(db, bucket, watches, "e.attempts > 0", when, limit=1)
        if alone and (not together or alone[0][:2] < together[0][:2]):
            return [alone[0][2]]
        if together and together[0][2].unmentioned:
            return [together[0][2]]
        if together:
            return [entry for _, _, entry in sorted(together, key=lambda found: (found[0], found[2].key))]
    return []


def _when(now_ms: int, horizon_ms: int) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return what is due now; and, after that, what a clock that ran ahead put off beyond every delay."""
    return ("e.due_at <= ?", now_ms), ("e.due_at > ?", horizon_ms)


def _first(
    db: sqlite3.Connection, bucket: str, watches: Sequence[str], condition: str, when: tuple[str, int], *, limit: int
) -> list[tuple[int, int, Entry]]:
    """Return the first pending entries as (lane, due_at, entry), in that order and by key."""
    found: list[tuple[int, int, Entry]] = []
    for watch in watches:
        for lane in (0, 1):
            rows = db.execute(
                f"""
                SELECT e.due_at, {_COLUMNS}
                  FROM entry AS e
                 WHERE e.state = 'pending' AND e.lane = ? AND {condition} AND {when[0]}
                   AND e.watch_id = (SELECT id FROM watch WHERE name = ?)
                   AND e.bucket_id = (SELECT id FROM bucket WHERE name = ?)
                 ORDER BY e.due_at, e.bucket_id, e.key LIMIT {limit}
                """,  # noqa: S608 (our own words)
                (lane, when[1], watch, bucket),
            )
            found += [(lane, row[0], _entry(bucket, watch, row)) for row in rows]
    found.sort(key=lambda each: (each[0], each[1], each[2].key))
    return found[:limit]


def _entry(bucket: str, watch: str, row: Sequence[Any]) -> Entry:
    due_at, key, etag, size_bytes, modified_at, attempts, doubts, lane, message = row
    return Entry(
        bucket=bucket,
        key=key,
        watch=watch,
        etag=etag,
        size_bytes=size_bytes,
        modified_at=modified_at,
        attempts=attempts,
        doubts=doubts,
        unmentioned=message == NOT_MENTIONED,
        due_at=due_at,
        lane=(Lane.FRESH, Lane.BACKFILL)[lane],
    )


def _count(db: sqlite3.Connection, by_name: Counter[tuple[str, str]], sign: int) -> None:
    ids = dict(db.execute("SELECT name, id FROM watch").fetchall())
    add_to_tally(db, {(ids[name], state): sign * n for (name, state), n in by_name.items()})

"""Which entries the next call carries: claimed before it is made, and put back in line if its process died."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from watcher.ledger.transactions import add_to_tally
from watcher.model import NOT_MENTIONED, Claim, Entry, Lane
from watcher.rules.batching import MAX_ITEMS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

_COLUMNS = "e.key, e.etag, e.size_bytes, e.modified_at, e.attempts, e.doubts, e.lane, e.message"

# Entries that share calls, and entries that were refused and go alone.  INDEXED BY names the index
# to the planner.  The "+" hides the bucket from it: SQLite would sort all that is due at one
# instant, though the index has the order asked for.
TOGETHER: Final = "entry AS e INDEXED BY entry_due WHERE e.state = 'pending' AND e.attempts = 0"
ALONE: Final = "entry AS e INDEXED BY entry_alone WHERE e.state = 'pending' AND e.attempts > 0"
OF_WATCH: Final = """e.watch_id = (SELECT id FROM watch WHERE name = :watch)
                 AND +e.bucket_id = (SELECT id FROM bucket WHERE name = :bucket)"""

_NO_STREAK: Final = "NOT EXISTS (SELECT 1 FROM refusal_streak AS s WHERE s.bucket_id = e.bucket_id AND s.key = e.key)"


_Found = tuple[int, int, Entry]  # lane, due_at, entry


def recover(db: sqlite3.Connection, *, now_ms: int) -> int:
    """Put what is claimed back in line, within the caller's transaction; return how many."""
    claimed = "state = 'claimed' AND batch_id > 0"  # all have a batch_id: the index is by it
    found = Counter(w for (w,) in db.execute(f"SELECT watch_id FROM entry WHERE {claimed}"))  # noqa: S608 (our words)
    db.execute(
        f"UPDATE entry SET state = 'pending', due_at = ?, doubts = doubts + 1 WHERE {claimed}",  # noqa: S608
        (now_ms,),
    )
    add_to_tally(db, {(w, "claimed"): -n for w, n in found.items()} | {(w, "pending"): n for w, n in found.items()})
    return found.total()


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
    ids = dict(db.execute("SELECT name, id FROM watch").fetchall())
    tally: Counter[tuple[int, str]] = Counter()
    for entry in entries:
        tally[ids[entry.watch], "pending"] -= 1
        tally[ids[entry.watch], "claimed"] += 1
    add_to_tally(db, tally)
    return Claim(batch_id=batch_id, entries=tuple(entries))


def _last_probe(db: sqlite3.Connection, bucket: str) -> str | None:
    """Return the key that must not be probed with again, while a streak stops the bucket and another one waits."""
    row = db.execute(
        """
        SELECT k.bucket_id, k.probed_key FROM breaker AS k JOIN bucket AS b ON b.id = k.bucket_id
         WHERE b.name = ? AND k.kind = 'streak'
        """,
        (bucket,),
    ).fetchone()
    if row is None or row[1] is None:
        return None
    watches = db.execute("SELECT id FROM watch WHERE bucket_id = ?", row[:1]).fetchall()
    another = any(
        db.execute(
            f"""
            SELECT 1 FROM {kind} AND e.watch_id = ? AND e.lane = ? AND e.due_at > 0 AND e.key <> ? LIMIT 1
            """,  # noqa: S608 (our own words)
            (watch_id, lane, row[1]),
        ).fetchone()
        for (watch_id,) in watches
        for kind in (TOGETHER, ALONE)
        for lane in (0, 1)
    )
    return row[1] if another else None


def _probe(db: sqlite3.Connection, bucket: str, watches: Sequence[str], *, now_ms: int, horizon_ms: int) -> list[Entry]:
    """Return the one entry that tells most of a stopped bucket: a fresh one, and one that was not refused yet."""
    passed_over = _last_probe(db, bucket)
    for when in _when(now_ms, horizon_ms):
        found = [
            (lane, was_refused, due_at, entry.key, entry)
            for kind in (TOGETHER, ALONE)
            for was_refused, some in enumerate(
                (
                    _first(db, bucket, watches, f"{kind} AND {_NO_STREAK}", when, limit=2),
                    _in_streak(db, bucket, watches, kind, when),
                )
            )
            for lane, due_at, entry in some
            if entry.key != passed_over
        ]
        if found:
            return [min(found, key=lambda each: each[:4])[4]]
    return []


def _in_streak(
    db: sqlite3.Connection, bucket: str, watches: Sequence[str], kind: str, when: tuple[str, int]
) -> list[_Found]:
    """Return the first two of those in the streak, as `_first` does.

    By way of the streak: it is short, while the queue may not be.
    """
    comparison = "= 0" if kind is TOGETHER else "> 0"
    found = [
        (row[-1], row[0], _entry(bucket, watch, row[:-1]))
        for watch in watches
        for row in db.execute(
            f"""
            SELECT e.due_at, {_COLUMNS}, e.lane
              FROM refusal_streak AS s CROSS JOIN entry AS e ON e.bucket_id = s.bucket_id AND e.key = s.key
             WHERE s.bucket_id = (SELECT id FROM bucket WHERE name = :bucket)
               AND e.watch_id = (SELECT id FROM watch WHERE name = :watch)
               AND e.state = 'pending' AND e.attempts {comparison} AND {when[0]}
            """,  # noqa: S608 (our own words)
            {"bucket": bucket, "watch": watch, "instant": when[1]},
        )
    ]
    return heapq.nsmallest(2, found, key=_place)


def _due(db: sqlite3.Connection, bucket: str, watches: Sequence[str], *, now_ms: int, horizon_ms: int) -> list[Entry]:
    """Return up to ten entries that one call may carry, or the one that must go alone.

    Those that the last answer did not mention go alone, too, but wait with the others.
    """
    for when in _when(now_ms, horizon_ms):
        together = _first(db, bucket, watches, TOGETHER, when, limit=MAX_ITEMS)
        alone = _first(db, bucket, watches, ALONE, when, limit=1)
        if alone and (not together or alone[0][:2] < together[0][:2]):
            return [alone[0][2]]
        if together and together[0][2].unmentioned:
            return [together[0][2]]
        if together:
            return [entry for _, _, entry in sorted(together, key=lambda found: (found[0], found[2].key))]
    return []


def _when(now_ms: int, horizon_ms: int) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return what is due now; and, after that, what a clock that ran ahead put off beyond every delay."""
    return ("e.due_at <= :instant", now_ms), ("e.due_at > :instant", horizon_ms)


def _first(
    db: sqlite3.Connection, bucket: str, watches: Sequence[str], kind: str, when: tuple[str, int], *, limit: int
) -> list[_Found]:
    """Return the first pending entries as (lane, due_at, entry), in that order and by key.

    `limit` steps in the index for each watch and lane, however many are due.
    """
    found: list[_Found] = []
    for lane in (0, 1):
        for watch in watches:
            rows = db.execute(
                f"""
                SELECT e.due_at, {_COLUMNS}
                  FROM {kind} AND e.lane = :lane AND {when[0]} AND {OF_WATCH}
                 ORDER BY e.due_at, e.bucket_id, e.key LIMIT {limit}
                """,  # noqa: S608 (our own words)
                {"lane": lane, "instant": when[1], "watch": watch, "bucket": bucket},
            )
            found += [(lane, row[0], _entry(bucket, watch, row)) for row in rows]
        if len(found) >= limit:
            break  # the lanes behind are not reached
    found.sort(key=_place)
    return found[:limit]


def _place(found: _Found) -> tuple[int, int, str]:
    """Return what decides who comes first."""
    lane, due_at, entry = found
    return lane, due_at, entry.key


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

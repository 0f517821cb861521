"""Which entry probes a bucket whose calls are stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.ledger.sqlite.due import (
    ALONE,
    ENTRY_COLUMNS,
    TOGETHER,
    entry_of,
    first_pending,
    is_backfill,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from watcher.ledger.sqlite.due import DueTime, Wanted
    from watcher.model import Entry

_NOT_IN_STREAK: Final = """
NOT EXISTS (SELECT 1 FROM refusal_streak AS s WHERE s.bucket_id = e.bucket_id AND s.key = e.key)
"""
_TWO: Final = 2  # the first may be the one that must not be repeated


def probe_entry(db: sqlite3.Connection, wanted: Wanted) -> list[Entry]:
    """Return the one entry that says most of a stopped bucket; none if nothing is due.

    Fresh entries come first, then those that are not part of the streak.
    """
    last = _last_probe(db, wanted.bucket)
    for due_time in wanted.due_times:
        candidates = [
            ((is_backfill(entry), in_streak, entry.due_at, entry.key), entry)
            for in_streak, entry in _candidates(db, wanted, due_time)
            if entry.key != last
        ]
        if candidates:
            return [min(candidates, key=lambda candidate: candidate[0])[1]]
    return []


def remember_probe(db: sqlite3.Connection, bucket: str, key: str) -> None:
    """Keep which entry probes a stopped bucket, so that the next probe is another one."""
    db.execute(
        """
        UPDATE breaker SET probed_key = ?
         WHERE bucket_id = (SELECT id FROM bucket WHERE name = ?)
        """,
        (key, bucket),
    )


def _candidates(
    db: sqlite3.Connection, wanted: Wanted, due_time: DueTime
) -> Iterator[tuple[bool, Entry]]:
    """Yield the first due entries of each kind, each with whether it is part of the streak."""
    for kind in (TOGETHER, ALONE):
        not_in_streak = f"{kind} AND {_NOT_IN_STREAK}"
        for entry in first_pending(db, wanted, not_in_streak, due_time, limit=_TWO):
            yield False, entry
    for entry in _in_streak(db, wanted, due_time):
        yield True, entry


def _in_streak(db: sqlite3.Connection, wanted: Wanted, due_time: DueTime) -> list[Entry]:
    """Return the due entries of the streak, which is short while the queue may not be."""
    return [
        entry_of(wanted.bucket, watch, row)
        for watch in wanted.watches
        for row in db.execute(
            f"""
            SELECT {ENTRY_COLUMNS}
              FROM refusal_streak AS s
             CROSS JOIN entry AS e ON e.bucket_id = s.bucket_id AND e.key = s.key
             WHERE s.bucket_id = (SELECT id FROM bucket WHERE name = :bucket)
               AND e.watch_id = (SELECT id FROM watch WHERE name = :watch)
               AND e.state = 'pending' AND {due_time.condition}
            """,  # noqa: S608 (our own words)
            {"bucket": wanted.bucket, "watch": watch, "instant": due_time.instant},
        )
    ]


def _last_probe(db: sqlite3.Connection, bucket: str) -> str | None:
    """Return the key that must not probe again: while a streak stops the bucket and others wait."""
    row = db.execute(
        """
        SELECT k.bucket_id, k.probed_key
          FROM breaker AS k JOIN bucket AS b ON b.id = k.bucket_id
         WHERE b.name = ? AND k.kind = 'streak' AND k.probed_key IS NOT NULL
        """,
        (bucket,),
    ).fetchone()
    if row is None:
        return None
    bucket_id, probed_key = row
    return str(probed_key) if _has_another(db, bucket_id, probed_key) else None


def _has_another(db: sqlite3.Connection, bucket_id: int, key: str) -> bool:
    """Return whether an entry of the bucket waits beside that of `key`."""
    watches = db.execute("SELECT id FROM watch WHERE bucket_id = ?", (bucket_id,)).fetchall()
    return any(
        db.execute(
            f"""
            SELECT 1
              FROM {kind} AND e.watch_id = ? AND e.lane = ? AND e.due_at > 0 AND e.key <> ?
             LIMIT 1
            """,  # noqa: S608 (our own words)
            (watch_id, lane, key),
        ).fetchone()
        for (watch_id,) in watches
        for kind in (TOGETHER, ALONE)
        for lane in (0, 1)
    )

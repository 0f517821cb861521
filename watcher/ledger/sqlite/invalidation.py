"""Remembered ranges that must be read again, because an entry needs to be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from watcher.model import Range, ScanBegun


def invalidate(db: sqlite3.Connection, bucket_id: int, key: str) -> None:
    """Drop the digests of the ranges that hold `key`: the next scan looks at their objects."""
    db.execute(
        """
        UPDATE listed_range SET digest = x''
         WHERE (hi IS NULL OR hi >= :key)
           AND (listing_id, lo) IN (
                 SELECT l.id,
                        (SELECT max(r.lo) FROM listed_range AS r
                          WHERE r.listing_id = l.id AND r.lo < :key)
                   FROM listing AS l JOIN watch AS w ON w.id = l.watch_id
                  WHERE w.bucket_id = :bucket_id
               )
        """,
        {"bucket_id": bucket_id, "key": key},
    )


def is_invalidated(db: sqlite3.Connection, begun: ScanBegun, known: Range) -> bool:
    """Return whether a range has lost its digest since it was asked for."""
    upto = "" if known.hi is None else "AND lo < :hi"
    row = db.execute(
        f"""
        SELECT 1 FROM listed_range
         WHERE listing_id = :id AND lo >= :lo {upto} AND hi IS :hi AND digest = :digest
        """,  # noqa: S608 (ours)
        {"id": begun.id, "lo": known.lo, "hi": known.hi, "digest": known.digest},
    ).fetchone()
    return row is None


def invalidate_ownerless(db: sqlite3.Connection, watch_id: int) -> None:
    """Have entries seen that are queued under a watch that is not configured.

    The watch that lists them takes them over.
    """
    (bucket_id,) = db.execute("SELECT bucket_id FROM watch WHERE id = ?", (watch_id,)).fetchone()
    for ownerless in _OWNERLESS:
        for (key,) in db.execute(f"{ownerless} AND e.bucket_id = ?", (bucket_id,)).fetchall():
            invalidate(db, bucket_id, key)


def has_ownerless(db: sqlite3.Connection) -> bool:
    """Return whether an entry is queued under a watch that is not configured."""
    return any(db.execute(f"{ownerless} LIMIT 1").fetchone() for ownerless in _OWNERLESS)


_OWNERLESS = tuple(
    f"""
    SELECT e.key FROM watch AS w CROSS JOIN entry AS e INDEXED BY {index} ON e.watch_id = w.id
     WHERE w.position IS NULL AND e.state = 'pending' AND e.attempts {attempts}
       AND e.lane IN (0, 1) AND e.due_at IS NOT NULL
    """  # noqa: S608 (ours)
    for index, attempts in (("entry_due", "= 0"), ("entry_alone", "> 0"))
)

"""Give pending entries to the watches that select them now, a chunk of the queue in one transaction.

The queue is walked by its indexes: the table may hold a hundred million other entries.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from watcher.ledger.transactions import add_to_tally

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    Owner = Callable[[str, str, int], str | None]  # (bucket, key, size_bytes) -> watch

_CHUNK: Final = 1000


class Place(NamedTuple):
    """Where an entry stands in its part of the queue."""

    due_at: int  # 0: no watch selects it
    bucket_id: int
    key: str


FRONT: Final = Place(0, 0, "")


class Part(NamedTuple):
    """A part of the queue of one watch, which lies together in an index."""

    by: str  # which index
    attempts: str
    lane: int
    is_due: bool  # else no watch selects it


PARTS: Final = tuple(
    Part(by, attempts, lane, is_due)
    for by, attempts in (("entry_due", "= 0"), ("entry_alone", "> 0"))
    for lane in (0, 1)
    for is_due in (True, False)
)


def reassign_some(
    db: sqlite3.Connection, owner: Owner, watch_id: int, part: Part, after: Place, *, now_ms: int
) -> Place | None:
    """Reassign the next entries of a part behind `after`; return the last of them, or None at the end of the part.

    Within the caller's transaction.
    """
    ids = dict(db.execute("SELECT name, id FROM watch").fetchall())
    buckets = dict(db.execute("SELECT id, name FROM bucket").fetchall())
    place = "due_at, bucket_id, key" if part.is_due else "bucket_id, key"
    since = "(due_at, bucket_id, key) > (?, ?, ?)" if part.is_due else "due_at IS NULL AND (bucket_id, key) > (?, ?)"
    rows = db.execute(
        f"""
        SELECT bucket_id, key, size_bytes, due_at
          FROM entry INDEXED BY {part.by}
         WHERE state = 'pending' AND attempts {part.attempts} AND watch_id = ? AND lane = {part.lane} AND {since}
         ORDER BY {place} LIMIT {_CHUNK}
        """,  # noqa: S608 (our own words)
        (watch_id, *(after if part.is_due else after[1:])),
    ).fetchall()
    changes = []
    for bucket_id, key, size_bytes, due_at in rows:
        name = owner(buckets[bucket_id], key, size_bytes)
        new_id = watch_id if name is None else ids[name]
        new_due_at = None if name is None else due_at or now_ms
        if (new_id, new_due_at) != (watch_id, due_at):
            changes.append((new_id, new_due_at, bucket_id, key))
    if changes:
        db.executemany("UPDATE entry SET watch_id = ?, due_at = ? WHERE bucket_id = ? AND key = ?", changes)
        moved = Counter(new_id for new_id, *_ in changes if new_id != watch_id)
        add_to_tally(db, {(watch_id, "pending"): -moved.total()} | {(w, "pending"): n for w, n in moved.items()})
    return Place(rows[-1][3] or 0, *rows[-1][:2]) if rows else None

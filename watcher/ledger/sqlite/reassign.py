"""Give each pending entry to the watch that selects it now.

The queue is walked by its indexes: the table may hold a hundred million other entries.  Owners are
decided between two transactions.  A row that changed meanwhile is read and decided again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from watcher.ledger.sqlite.transactions import add_to_tally
from watcher.ledger.transitions import Assignment, reassigned

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from watcher.ledger.sqlite.transactions import Transactions

    Owner = Callable[[str, str, int], str | None]  # (bucket, key, size_bytes) -> watch

_CHUNK: Final = 1000  # entries in one transaction


class _Place(NamedTuple):
    """Where an entry stands in its part of the queue."""

    due_at: int  # 0: no watch selects it
    bucket_id: int
    key: str


class _Part(NamedTuple):
    """A part of the queue of one watch that lies together in an index."""

    index_name: str
    attempts: str
    lane: int
    is_due: bool  # False: no watch selects its entries


class _Pending(NamedTuple):
    """A pending entry, as it was read."""

    bucket_id: int
    key: str
    size_bytes: int
    due_at: int | None


class _Change(NamedTuple):
    """The next state of an entry, if it is still as it was read."""

    entry: _Pending
    now: Assignment
    becomes: Assignment


_FRONT: Final = _Place(0, 0, "")
_PARTS: Final = tuple(
    _Part(index, attempts, lane, is_due)
    for index, attempts in (("entry_due", "= 0"), ("entry_alone", "> 0"))
    for lane in (0, 1)
    for is_due in (True, False)
)


def reassign_all(transactions: Transactions, owner: Owner, *, now_ms: int) -> None:
    """Give each pending entry to the watch that `owner(bucket, key, size_bytes)` names."""
    with transactions.look() as db:
        watch_ids = dict(db.execute("SELECT name, id FROM watch").fetchall())
        buckets = dict(db.execute("SELECT id, name FROM bucket").fetchall())

    def assign(entry: _Pending, watch_id: int) -> Assignment:
        name = owner(buckets[entry.bucket_id], entry.key, entry.size_bytes)
        now = Assignment(watch_id, entry.due_at)
        return reassigned(now, None if name is None else watch_ids[name], now_ms=now_ms)

    for watch_id in watch_ids.values():
        for part in _PARTS:
            after: _Place | None = _FRONT
            while after is not None:
                after = _reassign_chunk(transactions, assign, watch_id, part, after)


def _reassign_chunk(
    transactions: Transactions,
    assign: Callable[[_Pending, int], Assignment],
    watch_id: int,
    part: _Part,
    after: _Place,
) -> _Place | None:
    """Reassign the next entries of a part behind `after`.

    Return the last of them, `after` if one changed meanwhile, or None at the end of the part.
    """
    with transactions.look() as db:
        entries = _read_chunk(db, watch_id, part, after)
    if not entries:
        return None
    changes = []
    for entry in entries:
        now, becomes = Assignment(watch_id, entry.due_at), assign(entry, watch_id)
        if becomes != now:
            changes.append(_Change(entry, now, becomes))
    if changes:
        with transactions.begin(durable=False) as db:
            if _write(db, changes) < len(changes):
                return after
    last = entries[-1]
    return _Place(last.due_at or 0, last.bucket_id, last.key)


def _read_chunk(
    db: sqlite3.Connection, watch_id: int, part: _Part, after: _Place
) -> list[_Pending]:
    if part.is_due:
        order = "due_at, bucket_id, key"
        behind, values = "(due_at, bucket_id, key) > (?, ?, ?)", tuple(after)
    else:
        order = "bucket_id, key"
        behind, values = "due_at IS NULL AND (bucket_id, key) > (?, ?)", tuple(after[1:])
    rows = db.execute(
        f"""
        SELECT bucket_id, key, size_bytes, due_at
          FROM entry INDEXED BY {part.index_name}
         WHERE state = 'pending' AND attempts {part.attempts} AND watch_id = ?
           AND lane = {part.lane} AND {behind}
         ORDER BY {order}
         LIMIT {_CHUNK}
        """,  # noqa: S608 (our own words)
        (watch_id, *values),
    )
    return [_Pending._make(row) for row in rows]


def _write(db: sqlite3.Connection, changes: Sequence[_Change]) -> int:
    """Change the entries that are still what was read; return how many."""
    moved: Counter[tuple[int, str]] = Counter()
    written = 0
    for entry, now, becomes in changes:
        is_same = db.execute(
            """
            UPDATE entry SET watch_id = ?, due_at = ?
             WHERE bucket_id = ? AND key = ?
               AND state = 'pending' AND watch_id = ? AND due_at IS ? AND size_bytes = ?
            """,
            (*becomes, entry.bucket_id, entry.key, *now, entry.size_bytes),
        ).rowcount
        written += is_same
        moved[now.watch_id, "pending"] -= is_same
        moved[becomes.watch_id, "pending"] += is_same
    add_to_tally(db, moved)
    return written

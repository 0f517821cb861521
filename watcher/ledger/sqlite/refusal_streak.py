"""The refused entries of a bucket since one was last accepted.

A long streak is the bucket's fault: its refusals do not count.  When it ends, each of its entries
has one refusal.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from watcher.ledger import entry_record, transitions
from watcher.ledger.entry_record import EntryRecord
from watcher.ledger.sqlite.records import RECORD_COLUMNS, count, write_changes
from watcher.ledger.sqlite.transactions import add_to_tally

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from watcher.ledger.sqlite.records import Tally


class _Member(NamedTuple):
    """An entry of a streak."""

    attempts_before: int  # it was first refused in the streak
    entry: EntryRecord


def length(db: sqlite3.Connection, bucket_id: int) -> int:
    """Return how many entries of the bucket were refused since one was last accepted."""
    (n,) = db.execute(
        "SELECT count(*) FROM refusal_streak WHERE bucket_id = ?", (bucket_id,)
    ).fetchone()
    return int(n)


def add(db: sqlite3.Connection, bucket_id: int, refused: Iterable[tuple[str, int]]) -> None:
    """Add refused entries, as (key, attempts before the refusal); known ones stay as they are."""
    db.executemany(
        """
        INSERT INTO refusal_streak (bucket_id, key, attempts) VALUES (?, ?, ?)
            ON CONFLICT DO NOTHING
        """,
        [(bucket_id, key, attempts) for key, attempts in refused],
    )


def remove(db: sqlite3.Connection, bucket_id: int, keys: Iterable[str]) -> None:
    """Remove entries that have a reason of their own."""
    db.executemany(
        "DELETE FROM refusal_streak WHERE bucket_id = ? AND key = ?",
        [(bucket_id, key) for key in keys],
    )


def attempts_before(db: sqlite3.Connection, bucket_id: int, key: str) -> int:
    """Return how many refusals a member of the streak had before it."""
    (attempts,) = db.execute(
        "SELECT attempts FROM refusal_streak WHERE bucket_id = ? AND key = ?", (bucket_id, key)
    ).fetchone()
    return int(attempts)


def undo_refusals(db: sqlite3.Connection, bucket_id: int, *, now_ms: int) -> tuple[str, ...]:
    """Undo the refusals of the streak; return the keys that had failed by them."""
    changes = [
        (
            each.entry,
            transitions.refusal_undone(
                each.entry, attempts_before=each.attempts_before, now_ms=now_ms
            ),
        )
        for each in _members(db, bucket_id)
    ]
    _write(db, bucket_id, changes)
    return tuple(
        before.key for before, after in changes if (before.state, after.state) == _BACK_IN_QUEUE
    )


def close(
    db: sqlite3.Connection, bucket_id: int, *, now_ms: int, was_long: bool, max_attempts: int
) -> list[tuple[str, str]]:
    """End the streak; return its entries that are exhausted, as (key, message).

    After a long streak each waiting entry has one refusal more; see `transitions.streak_ended`.
    """
    members = _members(db, bucket_id) if was_long else []
    changes = [
        (
            each.entry,
            transitions.streak_ended(
                each.entry,
                attempts_before=each.attempts_before,
                max_attempts=max_attempts,
                now_ms=now_ms,
            ),
        )
        for each in members
    ]
    _write(db, bucket_id, changes)
    db.execute("DELETE FROM refusal_streak WHERE bucket_id = ?", (bucket_id,))
    return [
        (after.key, after.message or "")
        for before, after in changes
        if (before.state, after.state) == _EXHAUSTED
    ]


_BACK_IN_QUEUE = (entry_record.FAILED, entry_record.PENDING)
_EXHAUSTED = (entry_record.PENDING, entry_record.FAILED)


def _write(
    db: sqlite3.Connection, bucket_id: int, changes: Sequence[tuple[EntryRecord, EntryRecord]]
) -> None:
    """Write the entries that differ, as (before, after), and their counts."""
    tally: Tally = Counter()
    for before, after in changes:
        count(tally, before, after)
    write_changes(db, bucket_id, changes)
    add_to_tally(db, tally)


def _members(db: sqlite3.Connection, bucket_id: int) -> list[_Member]:
    """Return the entries of a streak by key.

    Each is a step in the primary key, since the table may hold millions of others.
    """
    rows = db.execute(
        f"""
        SELECT s.attempts, {RECORD_COLUMNS}
          FROM refusal_streak AS s
         CROSS JOIN entry AS e ON e.bucket_id = s.bucket_id AND e.key = s.key
         WHERE s.bucket_id = ?
         ORDER BY s.key
        """,  # noqa: S608 (our own names)
        (bucket_id,),
    )
    return [_Member(row[0], EntryRecord._make(row[1:])) for row in rows]

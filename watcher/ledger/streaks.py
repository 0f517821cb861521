"""Entries of one bucket that are refused one after the other: when that is the bucket's fault, not theirs.

The refusals of such a streak are not counted; when it ends, each of its entries has one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from watcher.ledger.transactions import add_to_tally

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


def length(db: sqlite3.Connection, bucket_id: int) -> int:
    """Return how many entries of the bucket were refused since one was last accepted."""
    (n,) = db.execute("SELECT count(*) FROM refusal_streak WHERE bucket_id = ?", (bucket_id,)).fetchone()
    return int(n)


def join(db: sqlite3.Connection, bucket_id: int, refused: Iterable[tuple[str, int]]) -> None:
    """Add refused entries, as (key, attempts before the refusal)."""
    db.executemany(
        "INSERT INTO refusal_streak (bucket_id, key, attempts) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(bucket_id, key, attempts) for key, attempts in refused],
    )


def leave(db: sqlite3.Connection, bucket_id: int, keys: Iterable[str]) -> None:
    """Take out entries that have a reason of their own."""
    db.executemany("DELETE FROM refusal_streak WHERE bucket_id = ? AND key = ?", [(bucket_id, key) for key in keys])


def forgive(db: sqlite3.Connection, bucket_id: int, *, now_ms: int) -> tuple[str, ...]:
    """Take back the refusals of the streak; return the keys that had become `failed` by them."""
    members = _members(db, bucket_id)
    failed = [each for each in members if each.state == "failed" and each.reason in {"refused", "bad_request"}]
    db.executemany(
        """
        UPDATE entry SET state = 'pending', reason = NULL, attempts = ?, due_at = ? WHERE bucket_id = ? AND key = ?
        """,
        [(each.before, now_ms, bucket_id, each.key) for each in (*failed, *(m for m in members if m.waits))],
    )
    back = Counter(each.watch_id for each in failed)
    add_to_tally(db, {(w, "failed"): -n for w, n in back.items()} | {(w, "pending"): n for w, n in back.items()})
    return tuple(each.key for each in failed)


def end(
    db: sqlite3.Connection, bucket_id: int, *, now_ms: int, was_long: bool, max_attempts: int
) -> list[tuple[str, str]]:
    """End the streak; if it was the bucket's fault, each of its waiting entries has one refusal now.

    One that had all its refusals before, and was asked once more, becomes `failed`: files that are bad for good would
    else make a streak of their own, again and again.  Return those, as (key, message).
    """
    waiting = [each for each in _members(db, bucket_id) if each.waits] if was_long else []
    hopeless = [each for each in waiting if min(each.before, each.attempts) >= max_attempts]
    db.executemany(
        "UPDATE entry SET attempts = ?, due_at = ? WHERE bucket_id = ? AND key = ?",
        [(each.before + 1, now_ms, bucket_id, each.key) for each in waiting],
    )
    db.executemany(
        "UPDATE entry SET state = 'failed', reason = 'refused', due_at = NULL WHERE bucket_id = ? AND key = ?",
        [(bucket_id, each.key) for each in hopeless],
    )
    by_watch = Counter(each.watch_id for each in hopeless)
    add_to_tally(
        db, {(w, "pending"): -n for w, n in by_watch.items()} | {(w, "failed"): n for w, n in by_watch.items()}
    )
    db.execute("DELETE FROM refusal_streak WHERE bucket_id = ?", (bucket_id,))
    return [(each.key, each.message or "") for each in hopeless]


class _Member(NamedTuple):
    """An entry of a streak."""

    key: str
    before: int  # attempts, before it was refused
    watch_id: int
    state: str
    reason: str | None
    attempts: int
    message: str | None
    waits: bool


def _members(db: sqlite3.Connection, bucket_id: int) -> list[_Member]:
    """Return the entries of a streak by key; looked up one by one, since the table may hold millions of others."""
    rows = db.execute(
        """
        SELECT s.key, s.attempts, e.watch_id, e.state, e.reason, e.attempts, e.message,
               e.state = 'pending' AND e.due_at IS NOT NULL
          FROM refusal_streak AS s CROSS JOIN entry AS e ON e.bucket_id = s.bucket_id AND e.key = s.key
         WHERE s.bucket_id = ?
         ORDER BY s.key
        """,
        (bucket_id,),
    )
    return [_Member(*row) for row in rows]

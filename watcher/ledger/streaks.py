"""Entries of one bucket that are refused one after the other: when that is the bucket's fault, not theirs.

The refusals of such a streak are not counted; when it ends, each of its entries has one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

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
    rows = db.execute(
        """
        SELECT e.key, e.watch_id
          FROM refusal_streak AS s JOIN entry AS e USING (bucket_id, key)
         WHERE s.bucket_id = ? AND e.state = 'failed' AND e.reason IN ('refused', 'bad_request')
         ORDER BY e.key
        """,
        (bucket_id,),
    ).fetchall()
    db.execute(
        """
        UPDATE entry
           SET state = 'pending', reason = NULL, attempts = s.attempts, due_at = :now
          FROM refusal_streak AS s
         WHERE s.bucket_id = :bucket_id AND entry.bucket_id = s.bucket_id AND entry.key = s.key
           AND ((entry.state = 'pending' AND entry.due_at IS NOT NULL)
                OR (entry.state = 'failed' AND entry.reason IN ('refused', 'bad_request')))
        """,
        {"bucket_id": bucket_id, "now": now_ms},
    )
    back = Counter(watch_id for _, watch_id in rows)
    add_to_tally(db, {(w, "failed"): -n for w, n in back.items()} | {(w, "pending"): n for w, n in back.items()})
    return tuple(key for key, _ in rows)


def end(
    db: sqlite3.Connection, bucket_id: int, *, now_ms: int, was_long: bool, max_attempts: int
) -> list[tuple[str, str]]:
    """End the streak; if it was the bucket's fault, each of its waiting entries has one refusal now.

    One that had all its refusals before, and was asked once more, becomes `failed`: files that are bad for good would
    else make a streak of their own, again and again.  Return those, as (key, message).
    """
    failed = _fail_the_hopeless(db, bucket_id, max_attempts) if was_long else []
    if was_long:
        db.execute(
            """
            UPDATE entry
               SET attempts = s.attempts + 1, due_at = :now
              FROM refusal_streak AS s
             WHERE s.bucket_id = :bucket_id AND entry.bucket_id = s.bucket_id AND entry.key = s.key
               AND entry.state = 'pending' AND entry.due_at IS NOT NULL
            """,
            {"bucket_id": bucket_id, "now": now_ms},
        )
    db.execute("DELETE FROM refusal_streak WHERE bucket_id = ?", (bucket_id,))
    return failed


def _fail_the_hopeless(db: sqlite3.Connection, bucket_id: int, max_attempts: int) -> list[tuple[str, str]]:
    rows = db.execute(
        """
        UPDATE entry
           SET state = 'failed', reason = 'refused', attempts = s.attempts + 1, due_at = NULL
          FROM refusal_streak AS s
         WHERE s.bucket_id = :bucket_id AND entry.bucket_id = s.bucket_id AND entry.key = s.key
           AND entry.state = 'pending' AND entry.due_at IS NOT NULL
           AND s.attempts >= :most AND entry.attempts >= :most
        RETURNING key, watch_id, message
        """,
        {"bucket_id": bucket_id, "most": max_attempts},
    ).fetchall()
    by_watch = Counter(watch_id for _, watch_id, _ in rows)
    add_to_tally(
        db, {(w, "pending"): -n for w, n in by_watch.items()} | {(w, "failed"): n for w, n in by_watch.items()}
    )
    return sorted((key, message or "") for key, _, message in rows)

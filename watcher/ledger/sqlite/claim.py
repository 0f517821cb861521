"""Mark entries as claimed, and queue the claims of a dead process again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from watcher.ledger.sqlite.transactions import add_to_tally
from watcher.model import Claim

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watcher.ledger.sqlite.records import Tally
    from watcher.model import Entry

# All claimed entries have a batch.  The condition on it names the index.
_IS_CLAIMED = "state = 'claimed' AND batch_id > 0"

SET_RECOVERED = "state = 'pending', due_at = :now, doubts = doubts + 1"
"""The SQL of `transitions.recovered`."""


class EntryChanged(Exception):
    """An entry is no longer as it was read: read again, and decide again."""


def mark_claimed(
    db: sqlite3.Connection, bucket: str, entries: Sequence[Entry], *, now_ms: int
) -> Claim:
    """Give entries of one bucket to a new batch; the SQL mirrors `transitions.claimed`.

    Runs within the caller's transaction, which must be rolled back on an error.

    Raises:
        EntryChanged: one is no longer as it was read.
    """
    (bucket_id,) = db.execute("SELECT id FROM bucket WHERE name = ?", (bucket,)).fetchone()
    watch_ids = dict(db.execute("SELECT name, id FROM watch").fetchall())
    (batch_id,) = db.execute(
        "INSERT INTO batch (claimed_at) VALUES (?) RETURNING id", (now_ms,)
    ).fetchone()
    updated = db.executemany(
        """
        UPDATE entry SET state = 'claimed', batch_id = ?, due_at = NULL
         WHERE bucket_id = ? AND key = ? AND state = 'pending' AND watch_id = ? AND due_at = ?
           AND etag = ? AND size_bytes = ? AND modified_at = ? AND attempts = ? AND doubts = ?
        """,
        [(batch_id, bucket_id, *_as_read(each, watch_ids[each.watch])) for each in entries],
    )
    if updated.rowcount != len(entries):
        raise EntryChanged
    tally: Tally = Counter()
    for entry in entries:
        tally[watch_ids[entry.watch], "pending"] -= 1
        tally[watch_ids[entry.watch], "claimed"] += 1
    add_to_tally(db, tally)
    return Claim(batch_id=batch_id, entries=tuple(entries))


def _as_read(entry: Entry, watch_id: int) -> tuple[object, ...]:
    """Return the values of the row of an entry, if it is still as it was read."""
    return (
        *(entry.key, watch_id, entry.due_at, entry.etag, entry.size_bytes, entry.modified_at),
        *(entry.attempts, entry.unknown_outcomes),
    )


def recover(db: sqlite3.Connection, *, now_ms: int) -> int:
    """Queue all claimed entries again; return how many.

    Runs within the caller's transaction.  The SQL mirrors `transitions.recovered`.
    """
    rows = db.execute(f"SELECT watch_id FROM entry WHERE {_IS_CLAIMED}")  # noqa: S608 (our words)
    claimed = Counter(watch_id for (watch_id,) in rows)
    db.execute(
        f"UPDATE entry SET {SET_RECOVERED} WHERE {_IS_CLAIMED}",  # noqa: S608 (our words)
        {"now": now_ms},
    )
    add_to_tally(db, {(watch_id, "claimed"): -n for watch_id, n in claimed.items()})
    add_to_tally(db, {(watch_id, "pending"): n for watch_id, n in claimed.items()})
    return claimed.total()

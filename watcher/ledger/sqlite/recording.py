"""Write down the objects of a listed range: new entries, and what became of known ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Final

from watcher.ledger import transitions
from watcher.ledger.sqlite.known_rows import to_look_at
from watcher.ledger.sqlite.records import count, read_records, write_changes
from watcher.ledger.transitions import BACKFILL, FRESH

if TYPE_CHECKING:
    import sqlite3

    from watcher.ledger.entry_record import Sighting
    from watcher.ledger.sqlite.records import Tally
    from watcher.model import Objects

_ROWS_A_STATEMENT: Final = 100  # twice as quick as one by one; SQLite takes 999 values at least
_INSERT = """
INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes, modified_at,
                   first_seen_at, due_at)
VALUES
"""
_ROW = "(?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class RecordedObjects:
    """The changes by writing down some objects."""

    new: int = 0
    changed: tuple[str, ...] = ()  # keys of registered objects that were overwritten
    look_again: bool = False  # look at them the next time, even if the listing repeats its bytes


def record_objects(
    db: sqlite3.Connection,
    bucket_id: int,
    sighting: Sighting,
    objects: Objects,
    *,
    fresh_since: int,
    tally: Tally,
) -> RecordedObjects:
    """Insert new objects, and bring the entries of known ones up to date.

    Runs within the caller's transaction.  Adds to `tally` what the counts change by.
    """
    unsettled, with_row = to_look_at(db, bucket_id, sighting.watch_id, objects)
    if not unsettled:
        return RecordedObjects()
    candidates = [key for key in unsettled.keys if with_row is None or key in with_row]
    known = read_records(db, bucket_id, candidates)
    new = unsettled.where([key not in known for key in unsettled.keys]) if known else unsettled
    insert_new(db, bucket_id, sighting, new, fresh_since=fresh_since)
    tally[sighting.watch_id, "pending"] += len(new)
    if not known:
        return RecordedObjects(new=len(new))
    changed, look_again = [], False
    updates = []
    for listed in unsettled.where([key in known for key in unsettled.keys]):
        before = known[listed.key]
        after = transitions.seen_again(before, listed, sighting)
        look_again = look_again or after.returns_when_listed
        if after is not before:
            updates.append((before, after))
            count(tally, before, after)
        if after.state == "registered" and transitions.is_overwritten(before, after):
            changed.append(listed.key)
    write_changes(db, bucket_id, updates)
    return RecordedObjects(new=len(new), changed=tuple(changed), look_again=look_again)


def insert_new(
    db: sqlite3.Connection,
    bucket_id: int,
    sighting: Sighting,
    new: Objects,
    *,
    fresh_since: int,
) -> None:
    """Insert objects without an entry; the SQL mirrors `transitions.discovered`."""
    rows = zip(
        repeat(bucket_id),
        new.keys,
        repeat(sighting.watch_id),
        [FRESH if at >= fresh_since else BACKFILL for at in new.modified_at],
        new.etags,
        new.sizes_bytes,
        new.modified_at,
        repeat(sighting.now_ms),
        repeat(sighting.now_ms),
    )
    while some := list(islice(rows, _ROWS_A_STATEMENT)):
        values = tuple(chain.from_iterable(some))
        db.execute(_INSERT + ", ".join([_ROW] * len(some)), values)

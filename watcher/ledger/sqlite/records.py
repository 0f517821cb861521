"""Rows of `entry` as records: read them, write them back, count what became of them."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Final

from watcher.ledger.entry_record import EntryRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

Tally = Counter[tuple[int, str]]
"""By how much counts change; keys are (watch_id, state)."""

KEYS_PER_SELECT: Final = 500

_OTHER_NAMES: Final = {"unknown_outcomes": "doubts"}  # columns of released ledgers keep theirs

ENTRY_COLUMNS: Final = tuple(_OTHER_NAMES.get(name, name) for name in EntryRecord._fields[:-1])
"""The columns of the fields of `EntryRecord`; the last field is no column."""

RECORD_COLUMNS: Final = f"""
{", ".join(f"e.{name}" for name in ENTRY_COLUMNS)},
CASE WHEN e.state = 'failed' THEN (SELECT settled_at FROM batch WHERE id = e.batch_id) END
"""  # noqa: S608 (our own names)
"""The columns of a SELECT from `entry AS e` for `EntryRecord`, in the order of its fields."""

# Only the parts that differ are written.  SQLite updates each index whose columns are assigned,
# and checks that a watch exists, even where the values stay.
_PARTS: Final = {"watch": slice(1, 2), "fate": slice(2, 11), "version": slice(11, 17)}


def read_records(
    db: sqlite3.Connection, bucket_id: int, keys: Sequence[str]
) -> dict[str, EntryRecord]:
    """Return the entries of those keys that have one, by key."""
    found: dict[str, EntryRecord] = {}
    for first in range(0, len(keys), KEYS_PER_SELECT):
        chunk = keys[first : first + KEYS_PER_SELECT]
        rows = db.execute(
            f"""
            SELECT {RECORD_COLUMNS} FROM entry AS e
             WHERE e.bucket_id = ? AND e.key IN ({", ".join("?" * len(chunk))})
            """,  # noqa: S608 (our own names, and question marks)
            (bucket_id, *chunk),
        )
        for row in rows:
            found[row[0]] = EntryRecord._make(row)
    return found


def write_changes(
    db: sqlite3.Connection, bucket_id: int, changes: Iterable[tuple[EntryRecord, EntryRecord]]
) -> None:
    """Write what differs of entries, as (before, after), within the caller's transaction."""
    rows: dict[tuple[str, ...], list[tuple[object, ...]]] = {}
    for before, after in changes:
        old: tuple[object, ...] = before
        new: tuple[object, ...] = after
        parts = tuple(name for name, part in _PARTS.items() if old[part] != new[part])
        differing = [value for name in parts for value in new[_PARTS[name]]]
        rows.setdefault(parts, []).append((*differing, bucket_id, after.key))
    for parts, values_of in rows.items():
        if parts:
            db.executemany(_UPDATES[parts], values_of)


def _update(parts: tuple[str, ...]) -> str:
    names = [name for part in parts for name in ENTRY_COLUMNS[_PARTS[part]]]
    sets = ", ".join(f"{name} = ?" for name in names)
    return f"UPDATE entry SET {sets} WHERE bucket_id = ? AND key = ?"  # noqa: S608 (our own names)


_UPDATES: Final = {
    parts: _update(parts) for n in range(1, len(_PARTS) + 1) for parts in combinations(_PARTS, n)
}


def count(tally: Tally, before: EntryRecord, after: EntryRecord) -> None:
    """Add to `tally` what the counts of two records of one entry differ by."""
    if (before.watch_id, before.state) != (after.watch_id, after.state):
        tally[before.watch_id, before.state] -= 1
        tally[after.watch_id, after.state] += 1
    if before.changed or after.changed:
        tally[before.watch_id, "changed"] -= before.changed
        tally[after.watch_id, "changed"] += after.changed

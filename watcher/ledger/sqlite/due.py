"""Which pending entries come next, found by steps in an index however many are queued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from watcher.model import NOT_MENTIONED, Entry, Lane
from watcher.rules.batching import MAX_ITEMS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

ENTRY_COLUMNS: Final = (
    "e.key, e.etag, e.size_bytes, e.modified_at, e.attempts, e.doubts, e.lane, e.message, e.due_at"
)

# Entries that share calls, and entries that were refused and go alone.
TOGETHER: Final = "entry AS e INDEXED BY entry_due WHERE e.state = 'pending' AND e.attempts = 0"
ALONE: Final = "entry AS e INDEXED BY entry_alone WHERE e.state = 'pending' AND e.attempts > 0"

# The "+" hides the bucket from SQLite's planner, which would sort all that is due at one instant.
OF_WATCH: Final = """
e.watch_id = (SELECT id FROM watch WHERE name = :watch)
AND +e.bucket_id = (SELECT id FROM bucket WHERE name = :bucket)
"""


class DueTime(NamedTuple):
    """A condition on `due_at`."""

    condition: str
    instant: int  # milliseconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """For which bucket and watches a claim is made, and when."""

    bucket: str
    watches: Sequence[str]
    now_ms: int
    horizon_ms: int  # a `due_at` beyond it was written by a clock that ran ahead

    @property
    def due_times(self) -> tuple[DueTime, DueTime]:
        """The conditions of entries due now, then of those that a fast clock put off too far."""
        return (
            DueTime("e.due_at <= :instant", self.now_ms),
            DueTime("e.due_at > :instant", self.horizon_ms),
        )


def due_entries(db: sqlite3.Connection, wanted: Wanted) -> list[Entry]:
    """Return up to ten entries that one call may carry, or the one that must go alone.

    An entry that the last answer did not mention goes alone, too, but is queued with the others.
    """
    for due_time in wanted.due_times:
        together = first_pending(db, wanted, TOGETHER, due_time, limit=MAX_ITEMS)
        alone = first_pending(db, wanted, ALONE, due_time, limit=1)
        if alone and (not together or _lane_and_time(alone[0]) < _lane_and_time(together[0])):
            return alone
        if together and together[0].unmentioned:
            return together[:1]
        if together:
            return sorted(together, key=lambda entry: (is_backfill(entry), entry.key))
    return []


def first_pending(
    db: sqlite3.Connection, wanted: Wanted, kind: str, due_time: DueTime, *, limit: int
) -> list[Entry]:
    """Return the first pending entries by lane, time and key.

    Takes `limit` steps in the index for each watch and lane.
    """
    found: list[Entry] = []
    for lane in (0, 1):
        for watch in wanted.watches:
            rows = db.execute(
                f"""
                SELECT {ENTRY_COLUMNS}
                  FROM {kind} AND e.lane = :lane AND {due_time.condition} AND {OF_WATCH}
                 ORDER BY e.due_at, e.bucket_id, e.key
                 LIMIT {limit}
                """,  # noqa: S608 (our own words)
                {
                    "lane": lane,
                    "instant": due_time.instant,
                    "watch": watch,
                    "bucket": wanted.bucket,
                },
            )
            found += [entry_of(wanted.bucket, watch, row) for row in rows]
        if len(found) >= limit:
            break  # the backfill lane is not reached
    found.sort(key=place)
    return found[:limit]


def entry_of(bucket: str, watch: str, row: Sequence[Any]) -> Entry:
    """Return the entry of a row of `ENTRY_COLUMNS`."""
    key, etag, size_bytes, modified_at, attempts, unknown_outcomes, lane, message, due_at = row
    return Entry(
        bucket=bucket,
        key=key,
        watch=watch,
        etag=etag,
        size_bytes=size_bytes,
        modified_at=modified_at,
        attempts=attempts,
        unknown_outcomes=unknown_outcomes,
        unmentioned=message == NOT_MENTIONED,
        due_at=due_at,
        lane=_LANES[lane],
    )


_LANES: Final = (Lane.FRESH, Lane.BACKFILL)


def is_backfill(entry: Entry) -> bool:
    """Return whether the entry is claimed after all fresh ones."""
    return entry.lane is Lane.BACKFILL


def place(entry: Entry) -> tuple[bool, int, str]:
    """Return by what entries are ordered: lane, time, key."""
    return is_backfill(entry), entry.due_at, entry.key


def _lane_and_time(entry: Entry) -> tuple[bool, int]:
    return is_backfill(entry), entry.due_at

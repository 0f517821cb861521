"""Rows of `listed_range`: written so that the ranges of one listing never overlap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from watcher.model import Range

if TYPE_CHECKING:
    import sqlite3

COLUMNS: Final = "lo, hi, scan, listed, matched, excluded, n_bytes, digest"
_UNCONFIRMED: Final = 0  # the number of no scan


class RangeRow(NamedTuple):
    """A row, in the order of `COLUMNS`."""

    lo: str
    hi: str | None
    scan: int  # which listed it last
    listed: int
    matched: int
    excluded: str  # JSON, by reason; "" = none
    n_bytes: int
    digest: bytes  # b"": look at the objects

    def as_range(self) -> Range:
        """Return what was listed."""
        return Range(
            lo=self.lo,
            hi=self.hi,
            listed=self.listed,
            matched=self.matched,
            excluded=json.loads(self.excluded) if self.excluded else {},
            n_bytes=self.n_bytes,
            digest=self.digest,
        )


def replace_same(db: sqlite3.Connection, listing_id: int, scan: int, new: Range) -> bool:
    """Update the row with the bounds of `new`; return whether there is one."""
    updated = db.execute(
        """
        UPDATE listed_range
           SET scan = ?, listed = ?, matched = ?, excluded = ?, n_bytes = ?, digest = ?
         WHERE listing_id = ? AND lo = ? AND hi IS ?
        """,
        (
            *(scan, new.listed, new.matched, _json(new), new.n_bytes, new.digest),
            *(listing_id, new.lo, new.hi),
        ),
    )
    return bool(updated.rowcount)


def put(db: sqlite3.Connection, listing_id: int, scan: int, new: Range) -> None:
    """Insert a range, in place of one that begins at the same key."""
    db.execute(
        """
        INSERT INTO listed_range
               (listing_id, lo, hi, scan, listed, matched, excluded, n_bytes, digest)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (listing_id, lo) DO UPDATE
           SET hi = excluded.hi, scan = excluded.scan, listed = excluded.listed,
               matched = excluded.matched, excluded = excluded.excluded,
               n_bytes = excluded.n_bytes, digest = excluded.digest
        """,
        (
            *(listing_id, new.lo, new.hi, scan, new.listed, new.matched),
            *(_json(new), new.n_bytes, new.digest),
        ),
    )


def cut_out(db: sqlite3.Connection, listing_id: int, new: Range) -> None:
    """Remove the keys of `new` from older ranges; what is left of those has no digest."""
    below = _last_below(db, listing_id, new)
    last = _last_within(db, listing_id, new)
    begins_within, bounds = _begins_within(listing_id, new)
    db.execute(f"DELETE FROM listed_range WHERE {begins_within}", bounds)  # noqa: S608 (ours)
    if below is not None and (below.hi is None or below.hi > new.lo):
        left = Range(lo=below.lo, hi=new.lo, listed=below.listed)
        put(db, listing_id, _UNCONFIRMED, left)
        last = last or below
    if last is not None and new.hi is not None and (last.hi is None or last.hi > new.hi):
        right = Range(lo=new.hi, hi=last.hi, listed=last.listed)
        put(db, listing_id, _UNCONFIRMED, right)


def _last_below(db: sqlite3.Connection, listing_id: int, new: Range) -> RangeRow | None:
    """Return the last range that begins before `new` does."""
    row = db.execute(
        f"""
        SELECT {COLUMNS} FROM listed_range
         WHERE listing_id = ? AND lo < ?
         ORDER BY lo DESC
         LIMIT 1
        """,  # noqa: S608 (our own names)
        (listing_id, new.lo),
    ).fetchone()
    return RangeRow._make(row) if row else None


def _last_within(db: sqlite3.Connection, listing_id: int, new: Range) -> RangeRow | None:
    """Return the last range that begins within `new`."""
    begins_within, bounds = _begins_within(listing_id, new)
    row = db.execute(
        f"SELECT {COLUMNS} FROM listed_range WHERE {begins_within} ORDER BY lo DESC LIMIT 1",  # noqa: S608 (ours)
        bounds,
    ).fetchone()
    return RangeRow._make(row) if row else None


def _begins_within(listing_id: int, new: Range) -> tuple[str, dict[str, object]]:
    """Return the condition for ranges that begin within `new`, and its values."""
    upto = "" if new.hi is None else " AND lo < :hi"
    bounds = {"listing_id": listing_id, "lo": new.lo, "hi": new.hi}
    return f"listing_id = :listing_id AND lo >= :lo{upto}", bounds


def _json(found: Range) -> str:
    return json.dumps(found.excluded) if found.excluded else ""

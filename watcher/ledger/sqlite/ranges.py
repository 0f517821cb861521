"""The memory of a listing: how far a scan is, and what the next one need not read.

The ranges of one memory never overlap.  A scan is complete when the ranges that it confirmed tile
all keys.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from watcher.ledger.sqlite.range_rows import COLUMNS, RangeRow, cut_out, put, replace_same
from watcher.model import ScanBegun, ScanKind, ScanTotals

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from watcher.model import Range

_RANGES_PER_READ: Final = 500
_NOTHING: Final = ScanTotals(listed=0, matched=0, excluded={})


class _Memory(NamedTuple):
    """A row of `listing`."""

    id: int
    kind: ScanKind
    source: str
    scan: int  # number of the last one begun
    digest: str  # of all that decided in it
    started_at: int | None
    is_open: int  # under way, or interrupted
    is_full: int  # it trusts no range
    digests_off: int  # most ranges changed: digests are off until the next full scan
    full_at: int | None  # when the last complete full one began


# Begin


def begin(
    db: sqlite3.Connection,
    watch_id: int,
    kind: ScanKind,
    *,
    source: str,
    decision_digest: str,
    now_ms: int,
    full_every_ms: int,
) -> ScanBegun:
    """Resume a scan that was interrupted under the same `decision_digest`, or begin the next one.

    Args:
        db: inside a transaction.
        watch_id: whose listing it is.
        kind: why it is listed.
        source: what is listed; nothing is remembered of another one.
        decision_digest: of all that decides what becomes of a listed object.
        now_ms: our clock.
        full_every_ms: for how long ranges are trusted after a full scan; 0 = not at all.
    """
    memory = _find_or_create(db, watch_id, kind, source)
    (deletions,) = db.execute("SELECT n FROM deletions").fetchone()
    digest = f"{decision_digest}/{deletions}"  # rows deleted by hand must be found again
    is_full = not _are_ranges_trusted(memory, digest, now_ms=now_ms, full_every_ms=full_every_ms)
    interrupted = _interrupted(db, memory, digest, is_full=is_full)
    return interrupted or _begin_next(db, memory, digest, is_full=is_full, now_ms=now_ms)


def _are_ranges_trusted(memory: _Memory, digest: str, *, now_ms: int, full_every_ms: int) -> bool:
    """Return whether a full scan under the same digest is recent enough."""
    if memory.digest != digest or memory.full_at is None:
        return False
    return 0 <= now_ms - memory.full_at < full_every_ms


def _interrupted(
    db: sqlite3.Connection, memory: _Memory, digest: str, *, is_full: bool
) -> ScanBegun | None:
    """Return the scan to resume, if there is one.

    One that saw no object is not resumed, nor one that lacked only its end: whether a bucket is
    empty, only answers of one moment can prove.
    """
    if not memory.is_open or memory.digest != digest or (is_full and not memory.is_full):
        return None
    begun = _begun(memory, _sum(db, memory.id, memory.scan))
    return begun if begun.listed and totals(db, begun) is None else None


def _begin_next(
    db: sqlite3.Connection, memory: _Memory, digest: str, *, is_full: bool, now_ms: int
) -> ScanBegun:
    db.execute(
        """
        UPDATE listing
           SET scan = scan + 1, basis = :digest, began_at = :now, started_at = NULL, is_open = 1,
               is_full = :is_full, full_at = CASE WHEN basis = :digest THEN full_at END
         WHERE id = :id
        """,
        {"digest": digest, "now": now_ms, "is_full": is_full, "id": memory.id},
    )
    begun = _begun(
        memory._replace(scan=memory.scan + 1, is_full=is_full, started_at=None), _NOTHING
    )
    is_first = memory.scan == 0
    # A full scan is usual if the one before it was full, too.
    return replace(begun, is_usual=not is_first and bool(memory.is_full or not is_full))


def _find_or_create(db: sqlite3.Connection, watch_id: int, kind: ScanKind, source: str) -> _Memory:
    """Return the memory of a listing, emptied if it is of another source."""
    db.execute(
        """
        INSERT INTO listing
               (watch_id, kind, source, scan, basis, began_at, is_open, is_full, is_plain)
        VALUES (?, ?, ?, 0, '', 0, 0, 1, 0) ON CONFLICT DO NOTHING
        """,
        (watch_id, kind, source),
    )
    row = db.execute(
        """
        SELECT id, kind, source, scan, basis, started_at, is_open, is_full, is_plain, full_at
          FROM listing
         WHERE watch_id = ? AND kind = ?
        """,
        (watch_id, kind),
    ).fetchone()
    memory = _Memory._make(row)
    if memory.source != source:
        db.execute("DELETE FROM listed_range WHERE listing_id = ?", (memory.id,))
        db.execute("UPDATE listing SET source = ?, basis = '' WHERE id = ?", (source, memory.id))
        memory = memory._replace(source=source, digest="")
    return memory


def _begun(memory: _Memory, so_far: ScanTotals) -> ScanBegun:
    return ScanBegun(
        id=memory.id,
        kind=memory.kind,
        number=memory.scan,
        uses_digests=not (memory.is_full or memory.digests_off),
        digests=bool(memory.is_full or not memory.digests_off),
        source=memory.source,
        started_at=memory.started_at or 0,
        listed=so_far.listed,
        matched=so_far.matched,
        excluded=so_far.excluded,
    )


# Under way


def remembered_ranges(
    db: sqlite3.Connection, begun: ScanBegun, after: str
) -> list[tuple[Range, bool]]:
    """Return the next remembered ranges from the key `after` on, in order.

    Each comes with whether this scan has confirmed it already.
    """
    rows = db.execute(
        f"""
        SELECT {COLUMNS} FROM listed_range
         WHERE listing_id = ? AND lo >= ?
         ORDER BY lo
         LIMIT {_RANGES_PER_READ}
        """,  # noqa: S608 (our own names)
        (begun.id, after),
    )
    found = [RangeRow._make(row) for row in rows]
    return [(row.as_range(), row.scan == begun.number) for row in found]


def confirm(
    db: sqlite3.Connection, begun: ScanBegun, found: Sequence[Range], *, started_at: int
) -> None:
    """Write listed ranges in place of what was remembered of the same keys.

    Does nothing if another scan has overtaken this one.
    """
    if is_overtaken(db, begun):
        return
    db.execute(
        "UPDATE listing SET started_at = coalesce(started_at, ?) WHERE id = ?",
        (started_at or None, begun.id),
    )
    for each in found:
        if not replace_same(db, begun.id, begun.number, each):
            cut_out(db, begun.id, each)
            put(db, begun.id, begun.number, each)


def is_overtaken(db: sqlite3.Connection, begun: ScanBegun) -> bool:
    """Return whether a later scan has begun: what is remembered is that one's."""
    row = db.execute(
        "SELECT 1 FROM listing WHERE id = ? AND scan = ?", (begun.id, begun.number)
    ).fetchone()
    return row is None


# End


def totals(db: sqlite3.Connection, begun: ScanBegun) -> ScanTotals | None:
    """Return the sum of all ranges; None unless this scan confirmed each and they tile all keys."""
    at: str | None = ""
    for row in _rows(db, begun.id):
        if row.lo != at or row.scan != begun.number:
            return None
        at = row.hi
    return _sum(db, begun.id, begun.number) if at is None else None


def close(db: sqlite3.Connection, begun: ScanBegun, *, mostly_changed: bool) -> None:
    """Mark a scan as complete: the next one begins from the front.

    Where most ranges changed, digests are off until the next full scan.
    """
    db.execute(
        """
        UPDATE listing
           SET is_open = 0, full_at = CASE WHEN is_full THEN began_at ELSE full_at END,
               is_plain = CASE WHEN is_full THEN 0 WHEN is_plain THEN 1 ELSE :mostly_changed END
         WHERE id = :id
        """,
        {"id": begun.id, "mostly_changed": mostly_changed},
    )


def forget(db: sqlite3.Connection, begun: ScanBegun) -> None:
    """Forget a scan: none resumes it, and none trusts its ranges."""
    db.execute("UPDATE listing SET is_open = 0, basis = '' WHERE id = ?", (begun.id,))


def _rows(db: sqlite3.Connection, listing_id: int) -> Iterator[RangeRow]:
    rows = db.execute(
        f"SELECT {COLUMNS} FROM listed_range WHERE listing_id = ? ORDER BY lo",  # noqa: S608 (our own names)
        (listing_id,),
    )
    return map(RangeRow._make, rows)


def _sum(db: sqlite3.Connection, listing_id: int, scan: int) -> ScanTotals:
    listed = matched = 0
    excluded: Counter[str] = Counter()
    for row in _rows(db, listing_id):
        if row.scan == scan:
            listed += row.listed
            matched += row.matched
            excluded.update(json.loads(row.excluded) if row.excluded else {})
    return ScanTotals(listed=listed, matched=matched, excluded=dict(excluded))

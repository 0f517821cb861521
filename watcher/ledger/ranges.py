"""What listing a watch came to, range by range: how far a scan is, where to cut the next, and what need not be read.

The ranges of one memory never overlap.  A scan is complete when the ranges that it confirmed tile all keys.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from watcher.model import Range, ScanBegun, ScanKind, ScanTotals

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

_COLUMNS = "lo, hi, scan, listed, matched, excluded, n_bytes, digest"
_Row = tuple[str, str | None, int, int, int, str, int, bytes]
_CHUNK = 500  # ranges in one read


class _Memory(NamedTuple):
    """A row of `listing`."""

    id: int
    kind: ScanKind
    source: str
    scan: int
    basis: str
    started_at: int | None
    is_open: int
    is_full: int
    is_plain: int
    full_at: int | None


def begin(
    db: sqlite3.Connection,
    watch_id: int,
    kind: ScanKind,
    *,
    source: str,
    basis: str,
    now_ms: int,
    full_every_ms: int,
) -> ScanBegun:
    """Begin a scan, or go on with one that was cut short under the same `basis`.

    Args:
        db: inside a transaction.
        watch_id: whose listing it is.
        kind: why it is listed.
        source: what is listed; of another one nothing is known.
        basis: a digest of all that decides what a listed object comes to.
        now_ms: our clock.
        full_every_ms: how long ranges are trusted at most since the last scan that trusted none; 0 = not at all.
    """
    memory = _find(db, watch_id, kind, source)
    (generation,) = db.execute("SELECT n FROM deletions").fetchone()
    basis = f"{basis}/{generation}"
    trusted = memory.basis == basis and memory.full_at is not None and 0 <= now_ms - memory.full_at < full_every_ms
    is_full = not trusted
    if memory.is_open and memory.basis == basis and (memory.is_full or not is_full):
        cut_short = _begun(memory, _sum(db, memory.id, memory.scan))
        # One that saw no object, or lacked only its end, is not worth going on with: whether a bucket is empty, only
        # answers of one moment can tell.
        if cut_short.listed and totals(db, cut_short) is None:
            return cut_short
    db.execute(
        """
        UPDATE listing
           SET scan = scan + 1, basis = :basis, began_at = :now, started_at = NULL, is_open = 1, is_full = :is_full,
               full_at = CASE WHEN basis = :basis THEN full_at END
         WHERE id = :id
        """,
        {"basis": basis, "now": now_ms, "is_full": is_full, "id": memory.id},
    )
    begun = _begun(memory._replace(scan=memory.scan + 1, is_full=is_full, started_at=None))
    # A full one is usual where the one before it was full, too.
    return replace(begun, is_usual=bool(memory.scan and (memory.is_full or not is_full)))


def _find(db: sqlite3.Connection, watch_id: int, kind: ScanKind, source: str) -> _Memory:
    db.execute(
        """
        INSERT INTO listing (watch_id, kind, source, scan, basis, began_at, is_open, is_full, is_plain)
        VALUES (?, ?, ?, 0, '', 0, 0, 1, 0) ON CONFLICT DO NOTHING
        """,
        (watch_id, kind, source),
    )
    memory = _Memory(
        *db.execute(
            f"SELECT {', '.join(_Memory._fields)} FROM listing WHERE watch_id = ? AND kind = ?",  # noqa: S608 (names)
            (watch_id, kind),
        ).fetchone()
    )
    if memory.source != source:
        db.execute("DELETE FROM listed_range WHERE listing_id = ?", (memory.id,))
        db.execute("UPDATE listing SET source = ?, basis = '' WHERE id = ?", (source, memory.id))
        memory = memory._replace(source=source, basis="")
    return memory


def _begun(memory: _Memory, totals: ScanTotals | None = None) -> ScanBegun:
    totals = totals or ScanTotals(listed=0, matched=0, excluded={})
    return ScanBegun(
        id=memory.id,
        kind=memory.kind,
        number=memory.scan,
        trusts=not (memory.is_full or memory.is_plain),
        digests=bool(memory.is_full or not memory.is_plain),
        source=memory.source,
        started_at=memory.started_at or 0,
        listed=totals.listed,
        matched=totals.matched,
        excluded=totals.excluded,
    )


def ahead(db: sqlite3.Connection, begun: ScanBegun, after: str) -> list[tuple[Range, bool]]:
    """Return some ranges from the key `after` on, in order, each with whether this scan has confirmed it already."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM listed_range WHERE listing_id = ? AND lo >= ? ORDER BY lo LIMIT {_CHUNK}",  # noqa: S608
        (begun.id, after),
    ).fetchall()
    return [(_range(row), row[2] == begun.number) for row in rows]


def confirm(db: sqlite3.Connection, begun: ScanBegun, found: Sequence[Range], *, started_at: int) -> None:
    """Write down what was listed, in place of what was remembered of the same keys, unless the scan is overtaken."""
    if is_overtaken(db, begun):
        return
    db.execute("UPDATE listing SET started_at = coalesce(started_at, ?) WHERE id = ?", (started_at or None, begun.id))
    for each in found:
        same = db.execute(
            """
            UPDATE listed_range SET scan = ?, listed = ?, matched = ?, excluded = ?, n_bytes = ?, digest = ?
             WHERE listing_id = ? AND lo = ? AND hi IS ?
            """,
            (
                *(begun.number, each.listed, each.matched, _json(each), each.n_bytes, each.digest),
                *(begun.id, each.lo, each.hi),
            ),
        )
        if not same.rowcount:
            _make_room(db, begun.id, each)
            _put(db, begun.id, begun.number, each)


def is_doubted(db: sqlite3.Connection, begun: ScanBegun, known: Range) -> bool:
    """Return whether a range that was known by its bytes when it was asked for is so no more."""
    upto = "" if known.hi is None else "AND lo < :hi"
    row = db.execute(
        f"SELECT 1 FROM listed_range WHERE listing_id = :id AND lo >= :lo {upto} AND hi IS :hi AND digest = :digest",  # noqa: S608
        {"id": begun.id, "lo": known.lo, "hi": known.hi, "digest": known.digest},
    ).fetchone()
    return row is None


def _make_room(db: sqlite3.Connection, listing_id: int, new: Range) -> None:
    """Cut away from older ranges what the new one covers; the rest of them is not known by its bytes any more."""
    below = db.execute(
        f"SELECT {_COLUMNS} FROM listed_range WHERE listing_id = ? AND lo < ? ORDER BY lo DESC LIMIT 1",  # noqa: S608
        (listing_id, new.lo),
    ).fetchone()
    upto = "" if new.hi is None else "AND lo < :hi"
    bounds = {"id": listing_id, "lo": new.lo, "hi": new.hi}
    last = db.execute(
        f"SELECT {_COLUMNS} FROM listed_range WHERE listing_id = :id AND lo >= :lo {upto} ORDER BY lo DESC LIMIT 1",  # noqa: S608
        bounds,
    ).fetchone()
    db.execute(f"DELETE FROM listed_range WHERE listing_id = :id AND lo >= :lo {upto}", bounds)  # noqa: S608
    if below and (below[1] is None or below[1] > new.lo):
        _put(db, listing_id, 0, Range(lo=below[0], hi=new.lo, listed=below[3]))
        last = last or below
    if last and new.hi is not None and (last[1] is None or last[1] > new.hi):
        _put(db, listing_id, 0, Range(lo=new.hi, hi=last[1], listed=last[3]))


def _put(db: sqlite3.Connection, listing_id: int, scan: int, new: Range) -> None:
    db.execute(
        """
        INSERT INTO listed_range (listing_id, lo, hi, scan, listed, matched, excluded, n_bytes, digest)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (listing_id, lo) DO UPDATE
           SET hi = excluded.hi, scan = excluded.scan, listed = excluded.listed, matched = excluded.matched,
               excluded = excluded.excluded, n_bytes = excluded.n_bytes, digest = excluded.digest
        """,
        (
            listing_id,
            new.lo,
            new.hi,
            scan,
            new.listed,
            new.matched,
            _json(new),
            new.n_bytes,
            new.digest,
        ),
    )


def _json(new: Range) -> str:
    return json.dumps(new.excluded) if new.excluded else ""


def is_overtaken(db: sqlite3.Connection, begun: ScanBegun) -> bool:
    """Return whether another scan of the same has begun, perhaps under other rules: what is remembered is its."""
    row = db.execute("SELECT 1 FROM listing WHERE id = ? AND scan = ?", (begun.id, begun.number)).fetchone()
    return row is None


def totals(db: sqlite3.Connection, begun: ScanBegun) -> ScanTotals | None:
    """Return the sum of all ranges, if this scan has confirmed every one and they tile all keys; else None."""
    at: str | None = ""
    for lo, hi, scan, *_ in _rows(db, begun.id):
        if lo != at or scan != begun.number:
            return None
        at = hi
    return _sum(db, begun.id, begun.number) if at is None else None


def close(db: sqlite3.Connection, begun: ScanBegun, *, mostly_changed: bool) -> None:
    """Let a scan be complete: the next one begins from the front."""
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
    """Let nothing of a scan be gone on with."""
    db.execute("UPDATE listing SET is_open = 0, basis = '' WHERE id = ?", (begun.id,))


def doubt(db: sqlite3.Connection, bucket_id: int, key: str) -> None:
    """Have the objects around `key` looked at the next time, the same bytes or not."""
    db.execute(
        """
        UPDATE listed_range SET digest = x''
         WHERE (hi IS NULL OR hi >= :key) AND (listing_id, lo) IN (
                 SELECT l.id, (SELECT max(r.lo) FROM listed_range AS r WHERE r.listing_id = l.id AND r.lo < :key)
                   FROM listing AS l JOIN watch AS w ON w.id = l.watch_id
                  WHERE w.bucket_id = :bucket_id
               )
        """,
        {"bucket_id": bucket_id, "key": key},
    )


def doubt_ownerless(db: sqlite3.Connection, watch_id: int) -> None:
    """Doubt entries that came back in line under a watch that is no more: who lists them takes them over."""
    (bucket_id,) = db.execute("SELECT bucket_id FROM watch WHERE id = ?", (watch_id,)).fetchone()
    for ownerless in _OWNERLESS:
        for (key,) in db.execute(f"{ownerless} AND e.bucket_id = ?", (bucket_id,)).fetchall():
            doubt(db, bucket_id, key)


def has_ownerless(db: sqlite3.Connection) -> bool:
    """Return whether an entry is queued under a watch that is not configured."""
    return any(db.execute(f"{ownerless} LIMIT 1").fetchone() for ownerless in _OWNERLESS)


_OWNERLESS = tuple(
    f"""
    SELECT e.key FROM watch AS w CROSS JOIN entry AS e INDEXED BY {index} ON e.watch_id = w.id
     WHERE w.position IS NULL
       AND e.state = 'pending' AND e.attempts {attempts} AND e.lane IN (0, 1) AND e.due_at IS NOT NULL
    """  # noqa: S608 (ours)
    for index, attempts in (("entry_due", "= 0"), ("entry_alone", "> 0"))
)


def _rows(db: sqlite3.Connection, listing_id: int) -> Iterator[_Row]:
    return db.execute(f"SELECT {_COLUMNS} FROM listed_range WHERE listing_id = ? ORDER BY lo", (listing_id,))  # noqa: S608


def _sum(db: sqlite3.Connection, listing_id: int, scan: int) -> ScanTotals:
    listed = matched = 0
    excluded: Counter[str] = Counter()
    for row in _rows(db, listing_id):
        if row[2] == scan:
            listed += row[3]
            matched += row[4]
            excluded.update(json.loads(row[5]) if row[5] else {})
    return ScanTotals(listed=listed, matched=matched, excluded=dict(excluded))


def _range(row: _Row) -> Range:
    lo, hi, _, listed, matched, excluded, n_bytes, digest = row
    return Range(
        lo=lo,
        hi=hi,
        listed=listed,
        matched=matched,
        excluded=json.loads(excluded) if excluded else {},
        n_bytes=n_bytes,
        digest=digest,
    )

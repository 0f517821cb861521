"""Builders for tests of remembered ranges: tables of three watches, and ranges for them."""

from __future__ import annotations

import functools
import sqlite3
import string
from contextlib import closing
from typing import Any

from watcher.ledger.sqlite import ranges
from watcher.ledger.sqlite.migrations import MIGRATIONS
from watcher.model import Range, ScanBegun, ScanKind

KEYS = string.ascii_lowercase
NOW, DAY = 1_800_000_000_000, 86_400_000


@functools.cache
def _migrated() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        MIGRATIONS.apply(db)
        db.execute("INSERT INTO bucket VALUES (1, 'b', 'r', 'u', 'raw'), (2, 'c', 'r', 'u', 'raw')")
        for watch_id, bucket_id in ((1, 1), (2, 1), (3, 2)):
            db.execute(
                "INSERT INTO watch (id, name, bucket_id, prefix, rules) VALUES (?, ?, ?, '', 'r')",
                (watch_id, str(watch_id), bucket_id),
            )
        return db.serialize()


def opened() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.deserialize(_migrated())
    return db


def begin(
    db: sqlite3.Connection, watch_id: int = 1, kind: ScanKind = "scan", **more: Any
) -> ScanBegun:
    facts: dict[str, Any] = {
        "source": "oss://b/",
        "decision_digest": "r",
        "now_ms": NOW,
        "full_every_ms": DAY,
    }
    return ranges.begin(db, watch_id, kind, **(facts | more))


def confirm(db: sqlite3.Connection, begun: ScanBegun, *found: Range) -> None:
    ranges.confirm(db, begun, found, started_at=NOW)


def listed(lo: str, hi: str | None, *, digest: bytes = b"D", n: int = 1) -> Range:
    return Range(lo=lo, hi=hi, listed=n, matched=n, n_bytes=n, digest=digest)


def whole(db: sqlite3.Connection, begun: ScanBegun, *, at: str = "m") -> None:
    """Complete a scan, in two ranges."""
    confirm(db, begun, listed("", at), listed(at, None))
    assert ranges.totals(db, begun) is not None
    ranges.close(db, begun, mostly_changed=False)


def digests(db: sqlite3.Connection) -> dict[tuple[int, str], bytes]:
    """Return what each range is known by, by watch and lower bound."""
    rows = db.execute(
        "SELECT watch_id, lo, digest FROM listed_range JOIN listing ON listing.id = listing_id"
    )
    return {(watch_id, lo): digest for watch_id, lo, digest in rows}

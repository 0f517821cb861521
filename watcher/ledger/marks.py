"""How far scans are: where one that is cut short can be gone on with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from watcher.model import ScanMark

if TYPE_CHECKING:
    import sqlite3


def put(db: sqlite3.Connection, watch_id: int, mark: ScanMark) -> None:
    """Remember how far the scan of a watch is, instead of what was remembered before."""
    db.execute(
        """
        INSERT INTO unfinished_scan (watch_id, selection, start_after, started_at, listed, matched, excluded)
        VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (watch_id) DO UPDATE
           SET selection = excluded.selection, start_after = excluded.start_after, started_at = excluded.started_at,
               listed = excluded.listed, matched = excluded.matched, excluded = excluded.excluded
        """,
        (
            watch_id,
            mark.selection,
            mark.start_after,
            mark.started_at,
            mark.listed,
            mark.matched,
            json.dumps(mark.excluded),
        ),
    )


def find(db: sqlite3.Connection, watch_id: int, selection: str) -> ScanMark | None:
    """Return the mark of a watch if it was made under the same selection; another one is forgotten."""
    db.execute("DELETE FROM unfinished_scan WHERE watch_id = ? AND selection <> ?", (watch_id, selection))
    row = db.execute(
        "SELECT start_after, started_at, listed, matched, excluded FROM unfinished_scan WHERE watch_id = ?", (watch_id,)
    ).fetchone()
    if row is None:
        return None
    start_after, started_at, listed, matched, excluded = row
    return ScanMark(
        selection=selection,
        start_after=start_after,
        started_at=started_at,
        listed=listed,
        matched=matched,
        excluded=json.loads(excluded),
    )


def forget(db: sqlite3.Connection, watch_id: int) -> None:
    """Forget the mark of a watch: its scan is complete."""
    db.execute("DELETE FROM unfinished_scan WHERE watch_id = ?", (watch_id,))

"""Reports: the ledger opened read-only.  Other processes may write meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from sqlite_utils import Database

from watcher.ledger.opening import open_read_only, translated
from watcher.model import Entry, ExportedEntry, ObjectInfo, WatchStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


class LedgerReader:
    """Open for looking only; changes nothing, creates nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_read_only(path)
        self._database = Database(self._connection)

    def __enter__(self) -> Self:
        """Return the open reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._connection.close()

    def status(self) -> tuple[WatchStatus, ...]:
        """Return one row a watch, in the order of the configuration; watches no longer configured last."""
        with translated(self._path):
            rows = list(
                self._database.query(
                    """
                    SELECT w.name, w.complete_at, w.position, w.id,
                           (SELECT min(seen) FROM (
                              SELECT min(first_seen_at) AS seen FROM entry
                               WHERE state = 'pending' AND attempts = 0 AND watch_id = w.id
                              UNION ALL
                              SELECT min(first_seen_at) FROM entry
                               WHERE state = 'pending' AND attempts > 0 AND watch_id = w.id
                           )) AS oldest_pending_at
                      FROM watch AS w
                     ORDER BY w.position IS NULL, w.position, w.name
                    """
                )
            )
            counts = {(r["watch_id"], r["state"]): r["n"] for r in self._database.query("SELECT * FROM tally")}
        shown = [row for row in rows if row["position"] is not None or any(w == row["id"] for w, _ in counts)]
        return tuple(
            WatchStatus(
                watch=row["name"],
                pending=counts.get((row["id"], "pending"), 0),
                claimed=counts.get((row["id"], "claimed"), 0),
                registered=counts.get((row["id"], "registered"), 0),
                failed=counts.get((row["id"], "failed"), 0),
                changed=counts.get((row["id"], "changed"), 0),
                oldest_pending_at=row["oldest_pending_at"],
                last_complete_scan_at=row["complete_at"],
            )
            for row in shown
        )

    def entries(self, file_url: Callable[[str, str, str, str, str], str]) -> Iterator[ExportedEntry]:
        """Yield every entry in (bucket, key) order, one at a time.

        `file_url(template, encoding, region, bucket, key)` renders the form that the bucket is sent in.
        """
        with translated(self._path):
            for row in self._database.query(
                """
                SELECT b.name AS bucket, e.key, w.name AS watch, e.etag, e.size_bytes, e.modified_at, e.state,
                       e.changed, e.media_id, e.new_register, e.attempts, e.reason, e.message, c.request_id,
                       e.first_seen_at, CASE WHEN e.state = 'registered' THEN c.settled_at END AS registered_at,
                       b.file_url AS template, b.encoding, b.region
                  FROM bucket AS b
                  JOIN entry AS e ON e.bucket_id = b.id
                  JOIN watch AS w ON w.id = e.watch_id
                  LEFT JOIN batch AS c ON c.id = e.batch_id
                 ORDER BY b.name, e.key
                """
            ):
                url = file_url(row.pop("template"), row.pop("encoding"), row.pop("region"), row["bucket"], row["key"])
                yield ExportedEntry(
                    **row
                    | {
                        "file_url": url,
                        "changed": bool(row["changed"]),
                        "new_register": None if row["new_register"] is None else bool(row["new_register"]),
                        "modified_at": _instant(row["modified_at"]),
                        "first_seen_at": _instant(row["first_seen_at"]),
                        "registered_at": row["registered_at"] and _instant(row["registered_at"]),
                    }
                )

    def start_of(self, source: str) -> int | None:
        """Return what `start = "now"` means for `source`, or None if it was never scanned with it."""
        with translated(self._path):
            row = self._connection.execute("SELECT start_at FROM source_start WHERE source = ?", (source,)).fetchone()
        return row[0] if row else None

    def would_be_new(self, bucket: str, objects: Sequence[ObjectInfo]) -> set[str]:
        """Return the keys that a scan would put in line: without a row, or failed and uploaded anew."""
        new: set[str] = set()
        with translated(self._path):
            for listed in objects:
                row = self._connection.execute(
                    """
                    SELECT e.state, e.etag, e.size_bytes, e.modified_at
                      FROM entry AS e JOIN bucket AS b ON b.id = e.bucket_id
                     WHERE b.name = ? AND e.key = ?
                    """,
                    (bucket, listed.key),
                ).fetchone()
                seen = (listed.etag, listed.size_bytes, listed.modified_at)
                if row is None or (row[0] == "failed" and row[1:] != seen):
                    new.add(listed.key)
        return new

    def waiting(self, watches: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries of `watches` that are in line already, in key order."""
        with translated(self._path):
            for watch in watches:
                for row in self._connection.execute(
                    """
                    SELECT b.name, e.key, e.etag, e.size_bytes, e.modified_at, e.attempts
                      FROM entry AS e JOIN watch AS w ON w.id = e.watch_id JOIN bucket AS b ON b.id = e.bucket_id
                     WHERE w.name = ? AND (e.state = 'pending' AND e.due_at IS NOT NULL OR e.state = 'claimed')
                     ORDER BY b.name, e.key
                    """,
                    (watch,),
                ):
                    names = ("bucket", "key", "etag", "size_bytes", "modified_at", "attempts")
                    yield Entry(watch=watch, **dict(zip(names, row, strict=True)))


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

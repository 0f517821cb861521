"""Reports: the ledger opened read-only, while other processes may write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from watcher.ledger.entry_record import FAILED, PENDING, EntryRecord, Sighting
from watcher.ledger.sqlite import body_refusal, breakers, scan_ends, starts
from watcher.ledger.sqlite.audit_reader import AuditReads
from watcher.ledger.sqlite.connection import open_beside, open_read_only
from watcher.ledger.sqlite.last_audit import read_audit
from watcher.ledger.sqlite.records import read_records
from watcher.ledger.sqlite.search import Browsing
from watcher.ledger.sqlite.sqlite_errors import translated
from watcher.ledger.sqlite.watches import refuse_other_form
from watcher.ledger.transitions import seen_again
from watcher.model import Entry, ScanEnd
from watcher.model.reports import ExportedEntry, WatchStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from watcher.model import Anchor, BodyRefusal, Breaker, BucketSpec, ObjectInfo, WatchSpec


def _queued(lane: int) -> str:
    """Return SQL for the first and last queued entries of a lane, not those of no watch.

    It costs a few steps in the index, however many entries are queued.
    """
    return " UNION ALL ".join(
        f"""
        SELECT * FROM (
            SELECT first_seen_at FROM entry
             WHERE state = 'pending' AND attempts {refused} 0 AND due_at > 0
               AND watch_id = w.id AND lane = {lane}
             ORDER BY due_at {end} LIMIT 2000)
        """  # noqa: S608 (our own words)
        for refused in ("=", ">")
        for end in ("ASC", "DESC")
    )


_OLDEST_FRESH, _OLDEST_BACKFILL = (
    f"SELECT min(first_seen_at) FROM ({_queued(lane)})"  # noqa: S608
    for lane in (0, 1)
)


_STATUS = f"""
SELECT w.name, b.name AS bucket, w.complete_at, w.position, w.id, w.complete_listed,
       w.complete_list_calls, w.complete_list_bytes, w.complete_took_ms,
       ({_OLDEST_FRESH}) AS oldest_fresh_at, ({_OLDEST_BACKFILL}) AS oldest_backfill_at
  FROM watch AS w JOIN bucket AS b ON b.id = w.bucket_id
"""  # noqa: S608 (our own words)
_ENTRIES = """
SELECT b.name AS bucket, e.key, w.name AS watch, e.etag, e.size_bytes, e.modified_at, e.state,
       e.changed, e.media_id, e.new_register, e.attempts, e.reason, e.message, c.request_id,
       e.first_seen_at,
       CASE WHEN e.state = 'registered' THEN c.settled_at END AS registered_at,
       b.file_url AS template, b.encoding, b.region
  FROM bucket AS b
  JOIN entry AS e ON e.bucket_id = b.id
  JOIN watch AS w ON w.id = e.watch_id
  LEFT JOIN batch AS c ON c.id = e.batch_id
 ORDER BY b.name, e.key
"""


class LedgerReader:
    """The ledger, open for queries only: changes nothing and creates nothing.

    Use `beside` where this process has the ledger open already: the file is then not opened by
    hand, which would drop SQLite's locks on it. Such a reader may move from one thread to another.
    """

    def __init__(self, path: Path, *, beside: bool = False) -> None:
        self._path = path
        self._connection = open_beside(path) if beside else open_read_only(path)
        self.audit = AuditReads(path, self._connection)
        self.browsing = Browsing(path, self._connection)

    def __enter__(self) -> Self:
        """Return the open reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._connection.close()

    def status(self) -> tuple[WatchStatus, ...]:
        """Return one row for each watch, in the order of the configuration.

        Watches that are no longer configured come last, and only if they have entries. The oldest
        entry is exact up to some thousand queued ones. Beyond, it is the oldest among those due
        first and last.
        """
        with translated(self._path):
            rows = list(self._query(_STATUS))
            configured = {row["id"] for row in rows if row["position"] is not None}
            ends = {
                watch: ends
                for watch, ends in scan_ends.read(self._connection).items()
                if watch in configured
            }
            counts: dict[int, dict[str, int]] = {}
            for watch_id, state, n in self._connection.execute(
                "SELECT watch_id, state, n FROM tally"
            ):
                counts.setdefault(watch_id, {})[state] = n
        rows.sort(key=lambda row: (row["position"] is None, row["position"] or 0, row["name"]))
        return tuple(
            _watch_status(row, counts.get(row["id"], {}), ends.get(row["id"], []))
            for row in rows
            if row["position"] is not None or row["id"] in counts
        )

    def breakers(self) -> tuple[Breaker, ...]:
        """Return the open breakers that keep an entry waiting, the account's first."""
        with translated(self._path):
            return breakers.read_stopping(self._connection)

    def last_audit_at(self) -> int | None:
        """Return when the last complete audit of all watches ended (milliseconds), or None."""
        with translated(self._path):
            return read_audit(self._connection)

    def calls_per_second(self) -> float | None:
        """Return the rate that the account was last seen to allow; None = as configured."""
        with translated(self._path):
            return breakers.read_quota(self._connection)

    def refused_body(self) -> BodyRefusal | None:
        """Return when VOD last refused a form body, or None."""
        with translated(self._path):
            return body_refusal.read(self._connection)

    def entries(
        self, file_url: Callable[[str, str, str, str, str], str]
    ) -> Iterator[ExportedEntry]:
        """Yield every entry in (bucket, key) order, one at a time.

        `file_url(template, encoding, region, bucket, key)` returns the URL that VOD gets.
        """
        with translated(self._path):
            for row in self._query(_ENTRIES):
                form = row.pop("template"), row.pop("encoding"), row.pop("region")
                yield _exported(row, file_url(*form, row["bucket"], row["key"]))

    def anchors(self, bucket: str) -> list[Anchor]:
        """Return the moments that `start = "now"` means below the prefixes of a bucket."""
        with translated(self._path):
            return starts.anchors(self._connection, bucket)

    def would_be_new(
        self,
        bucket: str,
        objects: Sequence[ObjectInfo],
        *,
        now_ms: int,
        began_ms: int,
        as_of: int | None = None,
    ) -> set[str]:
        """Return the keys that a scan would queue: those without a row, and failed ones restored.

        `as_of` is the instant of a snapshot in milliseconds since the epoch; None for a listing.
        """
        with translated(self._path):
            row = self._connection.execute(
                "SELECT id FROM bucket WHERE name = ?", (bucket,)
            ).fetchone()
            known = (
                read_records(self._connection, row[0], [listed.key for listed in objects])
                if row
                else {}
            )
        sighting = Sighting(watch_id=0, now_ms=now_ms, began_ms=began_ms, as_of=as_of)
        return {
            listed.key
            for listed in objects
            if listed.key not in known or _is_requeued(known[listed.key], listed, sighting)
        }

    def waiting(self) -> Iterator[Entry]:
        """Yield the queued entries and those that no watch selects now, in key order."""
        names = ("watch", "bucket", "key", "etag", "size_bytes", "modified_at", "attempts")
        with translated(self._path):
            for row in self._connection.execute(
                """
                SELECT w.name, b.name, e.key, e.etag, e.size_bytes, e.modified_at, e.attempts
                  FROM entry AS e
                  JOIN watch AS w ON w.id = e.watch_id
                  JOIN bucket AS b ON b.id = e.bucket_id
                 WHERE e.state IN ('pending', 'claimed')
                 ORDER BY e.bucket_id, e.key
                """
            ):
                yield Entry(**dict(zip(names, row, strict=True)))

    def refuse_config(
        self, buckets: Sequence[BucketSpec], watches: Sequence[WatchSpec], *, config_path: str
    ) -> None:
        """Refuse a configuration that a scan would refuse.

        Raises:
            ConfigError: a bucket with registered entries would get another form of file URL. Or
                the moment of `start = "now"` is not known.
        """
        with translated(self._path):
            for bucket in buckets:
                refuse_other_form(self._connection, bucket, config_path)
            starts.refuse_unknown(self._connection, watches, config_path)

    def _query(self, sql: str) -> Iterator[dict[str, Any]]:
        """Yield rows by the names of their columns, one at a time."""
        found = self._connection.execute(sql)
        names = [column[0] for column in found.description]
        for row in found:
            yield dict(zip(names, row, strict=True))


def _watch_status(
    row: dict[str, Any], counts: dict[str, int], ends: Sequence[ScanEnd]
) -> WatchStatus:
    return WatchStatus(
        watch=row["name"],
        bucket=row["bucket"],
        pending=counts.get("pending", 0),
        claimed=counts.get("claimed", 0),
        registered=counts.get("registered", 0),
        failed=counts.get("failed", 0),
        changed=counts.get("changed", 0),
        oldest_fresh_at=row["oldest_fresh_at"],
        oldest_backfill_at=row["oldest_backfill_at"],
        last_complete_scan_at=row["complete_at"],
        last_scan=_last(ends, complete_at=row["complete_at"]),
        last_backfill=next((end for end in ends if end.kind == "backfill"), None),
        listed=row["complete_listed"] or 0,
        list_calls=row["complete_list_calls"] or 0,
        list_bytes=row["complete_list_bytes"] or 0,
        list_took_s=(row["complete_took_ms"] or 0) / 1000,
    )


def _exported(row: dict[str, Any], file_url: str) -> ExportedEntry:
    values = row | {
        "file_url": file_url,
        "changed": bool(row["changed"]),
        "new_register": None if row["new_register"] is None else bool(row["new_register"]),
        "modified_at": _instant(row["modified_at"]),
        "first_seen_at": _instant(row["first_seen_at"]),
        "registered_at": row["registered_at"] and _instant(row["registered_at"]),
    }
    return ExportedEntry(**values)


def _last(ends: Sequence[ScanEnd], *, complete_at: int | None) -> ScanEnd | None:
    """Return how the last listing ended.

    An older version kept only the instant of a complete scan.
    """
    found = [*ends]
    if complete_at is not None and not any(end.kind == "scan" for end in ends):
        found.append(ScanEnd(kind="scan", at=complete_at, complete=True))
    return max(found, key=lambda end: end.at, default=None)


def _is_requeued(known: EntryRecord, listed: ObjectInfo, sighting: Sighting) -> bool:
    """Return whether being listed makes a failed entry pending, under whichever watch."""
    return known.state == FAILED and seen_again(known, listed, sighting).state == PENDING


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

"""Reports: the ledger opened read-only.  Other processes may write meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from watcher.ledger import breakers, parameters, scan_ends, starts
from watcher.ledger.adopting import refuse_other_form
from watcher.ledger.auditing import AuditReads
from watcher.ledger.browsing import Browsing
from watcher.ledger.last_audit import read_audit
from watcher.ledger.opening import open_beside, open_read_only, translated
from watcher.model import Entry, Failure, ObjectInfo, ScanEnd
from watcher.reports import ExportedEntry, WatchStatus

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from watcher.model import Anchor, BodyRefusal, Breaker, BucketSpec, WatchSpec


def _queued(lane: int) -> str:
    """Return what selects entries of a lane: a step in the index, however many wait; not those of no watch."""
    return " UNION ALL ".join(
        f"SELECT * FROM (SELECT first_seen_at FROM entry WHERE state = 'pending' AND attempts {refused} 0 "  # noqa: S608
        f"AND due_at > 0 AND watch_id = w.id AND lane = {lane} ORDER BY due_at {end} LIMIT 2000)"
        for refused in ("=", ">")
        for end in ("ASC", "DESC")
    )


_OLDEST_FRESH, _OLDEST_BACKFILL = (f"SELECT min(first_seen_at) FROM ({_queued(lane)})" for lane in (0, 1))  # noqa: S608


class _Queries:
    """Rows by the names of their columns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def query(self, sql: str) -> Iterator[dict[str, Any]]:
        """Yield the rows, one at a time."""
        found = self._connection.execute(sql)
        names = [column[0] for column in found.description]
        for row in found:
            yield dict(zip(names, row, strict=True))


class LedgerReader:
    """Open for looking only; changes nothing, creates nothing.

    `beside`: this process has the ledger open already.  Then the file is not looked at by hand, which would take
    SQLite's locks off it, and the reader may be handed from one thread to another.
    """

    def __init__(self, path: Path, *, beside: bool = False) -> None:
        self._path = path
        self._connection = open_beside(path) if beside else open_read_only(path)
        self._database = _Queries(self._connection)
        self.audit = AuditReads(path, self._connection)
        self.browsing = Browsing(path, self._connection)

    def __enter__(self) -> Self:
        """Return the open reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._connection.close()

    def status(self) -> tuple[WatchStatus, ...]:
        """Return one row a watch, in the order of the configuration; watches no longer configured last.

        Where more than some thousand entries wait, the oldest one is the oldest of those due first and last.
        """
        with translated(self._path):
            rows = list(
                self._database.query(
                    f"""
                    SELECT w.name, b.name AS bucket, w.complete_at, w.position, w.id, w.complete_listed,
                           w.complete_list_calls, w.complete_list_bytes, w.complete_took_ms,
                           ({_OLDEST_FRESH}) AS oldest_fresh_at, ({_OLDEST_BACKFILL}) AS oldest_backfill_at
                      FROM watch AS w JOIN bucket AS b ON b.id = w.bucket_id
                    """  # noqa: S608 (no value from outside)
                )
            )
            configured = {row["id"] for row in rows if row["position"] is not None}
            ends = {watch: ends for watch, ends in scan_ends.read(self._connection).items() if watch in configured}
            counts = {(r["watch_id"], r["state"]): r["n"] for r in self._database.query("SELECT * FROM tally")}
        rows.sort(key=lambda row: (row["position"] is None, row["position"] or 0, row["name"]))
        shown = [row for row in rows if row["position"] is not None or any(w == row["id"] for w, _ in counts)]
        return tuple(
            WatchStatus(
                watch=row["name"],
                bucket=row["bucket"],
                pending=counts.get((row["id"], "pending"), 0),
                claimed=counts.get((row["id"], "claimed"), 0),
                registered=counts.get((row["id"], "registered"), 0),
                failed=counts.get((row["id"], "failed"), 0),
                changed=counts.get((row["id"], "changed"), 0),
                oldest_fresh_at=row["oldest_fresh_at"],
                oldest_backfill_at=row["oldest_backfill_at"],
                last_complete_scan_at=row["complete_at"],
                last_scan=_last(ends.get(row["id"], []), complete_at=row["complete_at"]),
                last_backfill=next((end for end in ends.get(row["id"], []) if end.kind == "backfill"), None),
                listed=row["complete_listed"] or 0,
                list_calls=row["complete_list_calls"] or 0,
                list_bytes=row["complete_list_bytes"] or 0,
                list_took_s=(row["complete_took_ms"] or 0) / 1000,
            )
            for row in shown
        )

    def breakers(self) -> tuple[Breaker, ...]:
        """Return why entries wait: the open breakers that stop any, the account's first."""
        with translated(self._path):
            return breakers.read_stopping(self._connection)

    def last_audit_at(self) -> int | None:
        """Return when the last complete audit of all watches ended (milliseconds), or None."""
        with translated(self._path):
            return read_audit(self._connection)

    def calls_per_second(self) -> float | None:
        """Return the rate that the account was last seen to give, or None if it never asked to slow down."""
        with translated(self._path):
            return breakers.read_quota(self._connection)

    def refused_body(self) -> BodyRefusal | None:
        """Return when VOD last refused a form body, or None."""
        with translated(self._path):
            return parameters.read(self._connection)

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

    def anchors(self, bucket: str) -> list[Anchor]:
        """Return the moments that `start = "now"` came to mean below the prefixes of a bucket."""
        with translated(self._path):
            return starts.anchors(self._connection, bucket)

    def would_be_new(self, bucket: str, objects: Sequence[ObjectInfo], *, as_of: int | None = None) -> set[str]:
        """Return the keys that a scan would put in line: without a row, or failed and back.

        `as_of` is the instant of a snapshot in milliseconds since the epoch, None for a listing: what is known of
        later stands.
        """
        new: set[str] = set()
        with translated(self._path):
            for listed in objects:
                row = self._connection.execute(
                    """
                    SELECT e.state = 'failed', e.reason, e.etag, e.size_bytes, e.modified_at,
                           CASE WHEN e.state = 'failed' THEN (SELECT settled_at FROM batch WHERE id = e.batch_id) END
                      FROM entry AS e JOIN bucket AS b ON b.id = e.bucket_id
                     WHERE b.name = ? AND e.key = ?
                    """,
                    (bucket, listed.key),
                ).fetchone()
                if row is None or (row[0] and _would_be_back(listed, row[1:], as_of=as_of)):
                    new.add(listed.key)
        return new

    def waiting(self) -> Iterator[Entry]:
        """Yield the entries that are in line already, or wait for a watch to select them, in key order."""
        names = ("watch", "bucket", "key", "etag", "size_bytes", "modified_at", "attempts")
        with translated(self._path):
            for row in self._connection.execute(
                """
                SELECT w.name, b.name, e.key, e.etag, e.size_bytes, e.modified_at, e.attempts
                  FROM entry AS e JOIN watch AS w ON w.id = e.watch_id JOIN bucket AS b ON b.id = e.bucket_id
                 WHERE e.state IN ('pending', 'claimed')
                 ORDER BY e.bucket_id, e.key
                """
            ):
                yield Entry(**dict(zip(names, row, strict=True)))

    def refuse_config(self, buckets: Sequence[BucketSpec], watches: Sequence[WatchSpec], *, config_path: str) -> None:
        """Refuse what a scan would refuse.

        Raises:
            ConfigError: a bucket with registered entries would get another form of file URL; or what
                `start = "now"` means is not known.
        """
        with translated(self._path):
            for bucket in buckets:
                refuse_other_form(self._connection, bucket, config_path)
            starts.refuse_unknown(self._connection, watches, config_path)


def _last(ends: Sequence[ScanEnd], *, complete_at: int | None) -> ScanEnd | None:
    """Return how the last listing ended; of the complete scan of an older version only the instant is known."""
    found = [*ends]
    if complete_at is not None and not any(end.kind == "scan" for end in ends):
        found.append(ScanEnd(kind="scan", at=complete_at, complete=True))
    return max(found, key=lambda end: end.at, default=None)


def _would_be_back(listed: ObjectInfo, row: tuple[str, str, int, int, int | None], *, as_of: int | None) -> bool:
    """Return whether a failed entry would be put in line for what is listed."""
    reason, *known, settled_at = row
    if known != [listed.etag, listed.size_bytes, listed.modified_at]:
        return as_of is None or listed.modified_at > row[3]
    return reason in {Failure.GONE, Failure.ARCHIVED} and (as_of is None or (settled_at or 0) < as_of)


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

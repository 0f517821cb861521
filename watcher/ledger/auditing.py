"""What an audit asks of the ledger: the rows of a key interval, and the last complete scan.  Short reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from watcher.ledger.opening import translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 1_000  # rows in one read


class Row(NamedTuple):
    """One entry, as far as an audit is concerned."""

    key: str
    watch: str  # which owns it, configured or not
    state: str
    changed: int
    etag: str  # etag and size: the latest seen
    size_bytes: int
    first_seen_at: int  # milliseconds since the epoch, our clock


class LastScan(NamedTuple):
    """The last complete scan of a watch."""

    started_at: int  # milliseconds since the epoch, OSS's clock
    listed: int


class AuditReads:
    """Reads through a connection that is open for looking only; no read outlasts a call."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def last_scan(self, watch: str, bucket: str, prefix: str) -> LastScan | None:
        """Return the last complete scan of `watch` where it looks now, or None."""
        with translated(self._path):
            row = self._connection.execute(
                """
                SELECT w.complete_started_at, w.complete_listed
                  FROM watch AS w JOIN bucket AS b ON b.id = w.bucket_id
                 WHERE w.name = ? AND b.name = ? AND w.prefix = ? AND w.complete_started_at IS NOT NULL
                """,
                (watch, bucket, prefix),
            ).fetchone()
        return LastScan(*row) if row else None

    def rows(self, bucket: str, prefix: str, *, after: str, upto: str | None) -> Iterator[Row]:
        """Yield the rows below `prefix` in byte order of their keys, some at a time.

        From behind `after` ("" = from the first) up to `upto` and with it (None = to the last).
        """
        while True:
            chunk = self._chunk(bucket, prefix, after, upto)
            for row in chunk:
                if not row.key.startswith(prefix):  # what is below a prefix lies together, and begins at the prefix
                    return
                yield row
            if len(chunk) < _CHUNK:
                return
            after = chunk[-1].key

    def _chunk(self, bucket: str, prefix: str, after: str, upto: str | None) -> list[Row]:
        # One bound each side, so that SQLite seeks to both of them.
        above = "e.key > :after" if after else "e.key >= :prefix"
        below = "" if upto is None else "AND e.key <= :upto"
        with translated(self._path):
            return [
                Row(*row)
                for row in self._connection.execute(
                    f"""
                    SELECT e.key, (SELECT name FROM watch WHERE id = e.watch_id), e.state, e.changed, e.etag,
                           e.size_bytes, e.first_seen_at
                      FROM entry AS e
                     WHERE e.bucket_id = (SELECT id FROM bucket WHERE name = :bucket) AND {above} {below}
                     ORDER BY e.key
                     LIMIT {_CHUNK}
                    """,  # noqa: S608 (constants)
                    {"bucket": bucket, "prefix": prefix, "after": after, "upto": upto},
                )
            ]

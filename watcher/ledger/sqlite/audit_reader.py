"""Reads of an audit: the rows of a key interval, and the last complete scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.ledger.port import AuditRow, LastScan
from watcher.ledger.sqlite.sqlite_errors import translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 1_000  # rows in one read


class AuditReads:
    """Short reads through a read-only connection: no read lasts longer than a call."""

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
                 WHERE w.name = ? AND b.name = ? AND w.prefix = ?
                   AND w.complete_started_at IS NOT NULL
                """,
                (watch, bucket, prefix),
            ).fetchone()
        return LastScan(*row) if row else None

    def rows(self, bucket: str, prefix: str, *, after: str, upto: str | None) -> Iterator[AuditRow]:
        """Yield the rows below `prefix` in byte order of their keys.

        Rows begin after the key `after` ("" = with the first), and end with the key `upto`
        (None = with the last).
        """
        while True:
            chunk = self._chunk(bucket, prefix, after, upto)
            for row in chunk:
                if not row.key.startswith(prefix):  # keys below a prefix lie together
                    return
                yield row
            if len(chunk) < _CHUNK:
                return
            after = chunk[-1].key

    def _chunk(self, bucket: str, prefix: str, after: str, upto: str | None) -> list[AuditRow]:
        # One bound on each side, so that SQLite seeks to both.
        above = "e.key > :after" if after else "e.key >= :prefix"
        below = "" if upto is None else "AND e.key <= :upto"
        with translated(self._path):
            return [
                AuditRow._make(row)
                for row in self._connection.execute(
                    f"""
                    SELECT e.key, (SELECT name FROM watch WHERE id = e.watch_id), e.state,
                           e.changed, e.etag, e.size_bytes, e.first_seen_at
                      FROM entry AS e
                     WHERE e.bucket_id = (SELECT id FROM bucket WHERE name = :bucket)
                       AND {above} {below}
                     ORDER BY e.key
                     LIMIT {_CHUNK}
                    """,  # noqa: S608 (constants)
                    {"bucket": bucket, "prefix": prefix, "after": after, "upto": upto},
                )
            ]

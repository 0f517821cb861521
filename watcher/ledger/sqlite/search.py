"""Reads for the status page: a search, the story of one entry, failures.

Each read ends in bounded time, however large the ledger is.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from watcher.ledger.sqlite.sqlite_errors import translated
from watcher.model import Lane
from watcher.model.reports import FailedEntry, FailureGroup, Hit, SearchResult, Story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

MOST_HITS: Final = 50
_STRETCH: Final = 20_000  # entries that one statement reads
_INSTRUCTIONS: Final = 20_000  # of SQLite between two looks at the clock: about a millisecond
_EXAMPLES: Final = 5
_HIT: Final = "b.name, e.key, w.name, e.state, e.changed, e.media_id, e.size_bytes, e.modified_at"
_JOINED: Final = (
    "entry AS e JOIN watch AS w ON w.id = e.watch_id JOIN bucket AS b ON b.id = e.bucket_id"
)

_END_OF_STRETCH: Final = f"""
SELECT key FROM entry
 WHERE bucket_id = :bucket AND key > :low
 ORDER BY key LIMIT 1 OFFSET {_STRETCH - 1}
"""  # noqa: S608 (no value from outside)
_IN_STRETCH: Final = """
SELECT {hit} FROM {joined}
 WHERE e.bucket_id = :bucket AND e.key > :low AND {bound}
   AND (instr(e.key, :text) OR e.media_id = :text)
 ORDER BY e.key LIMIT :most
"""


@dataclass(frozen=True, slots=True)
class _Deadline:
    """When to stop, in seconds of `elapsed()`."""

    at_s: float
    elapsed: Callable[[], float]

    def is_over(self) -> bool:
        """Return whether it is time to stop."""
        return self.elapsed() >= self.at_s


class Browsing:
    """Reads through one connection; each stops at a deadline."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def search(
        self,
        text: str,
        *,
        bucket: str = "",
        after: str = "",
        within_s: float,
        elapsed: Callable[[], float],
    ) -> SearchResult:
        """Return up to `MOST_HITS` entries that fit `text`.

        Entries whose key is `text` come first, then those whose key begins with it. Last are those
        whose key contains it or whose media ID it is. If the key of an entry is exactly `text`, the
        rest is left to the next call. Only the last group needs a read of every entry.

        Args:
            text: a key, a part of one, or a media ID.
            bucket: search only there; "" = everywhere.
            after: the `go_on` of an earlier result, to resume there.
            within_s: how long to read every entry, in seconds of `elapsed()`.
            elapsed: returns the seconds of a clock.
        """
        buckets = self._buckets(bucket)
        if after:
            return self._read_all(text, buckets, after, _Deadline(elapsed() + within_s, elapsed))
        with translated(self._path):
            first = [hit for number in buckets for hit in self._begins_with(text, number)]
        exact = [hit for hit in first if hit.key == text]
        hits = (exact + [hit for hit in first if hit.key != text])[:MOST_HITS]
        if exact or len(hits) == MOST_HITS:
            return SearchResult(hits=tuple(hits), go_on=_place(buckets[0], "") if buckets else "")
        rest = self._read_all(text, buckets, "", _Deadline(elapsed() + within_s, elapsed))
        seen = {(hit.bucket, hit.key) for hit in hits}
        more = [hit for hit in rest.hits if (hit.bucket, hit.key) not in seen]
        return SearchResult(hits=(*hits, *more), go_on=rest.go_on, late=rest.late)

    def story(
        self, bucket: str, key: str, file_url: Callable[[str, str, str, str, str], str]
    ) -> Story | None:
        """Return all that is known of one entry, or None.

        `file_url` is as in `LedgerReader.entries`.
        """
        with translated(self._path):
            row = self._connection.execute(
                """
                SELECT b.name, e.key, w.name, e.state, e.lane, e.etag, e.size_bytes, e.modified_at,
                       e.first_seen_at, e.attempts, e.doubts, e.due_at, e.changed, e.media_id,
                       e.new_register, e.reason, e.message, e.registered_etag, e.registered_size,
                       c.claimed_at, c.settled_at, c.request_id, b.file_url, b.encoding, b.region
                  FROM entry AS e
                  JOIN bucket AS b ON b.id = e.bucket_id
                  JOIN watch AS w ON w.id = e.watch_id
                  LEFT JOIN batch AS c ON c.id = e.batch_id
                 WHERE b.name = ? AND e.key = ?
                """,
                (bucket, key),
            ).fetchone()
        if row is None:
            return None
        names = [name for name in Story.__dataclass_fields__ if name != "file_url"]
        template, encoding, region = row[-3:]
        values: dict[str, Any] = dict(zip(names, row, strict=False))
        values |= {
            "lane": (Lane.FRESH, Lane.BACKFILL)[values["lane"]].value,
            "changed": bool(values["changed"]),
            "new_register": None
            if values["new_register"] is None
            else bool(values["new_register"]),
        }
        return Story(**values, file_url=file_url(template, encoding, region, bucket, key))

    def failures(
        self, *, within_s: float, elapsed: Callable[[], float]
    ) -> tuple[FailureGroup, ...]:
        """Return failed entries by watch and reason, with a few examples of each.

        Entries of one group are counted for at most `within_s` of `elapsed()`; without an end in
        that time, `n` is None.
        """
        found = []
        with translated(self._path):
            kinds = self._connection.execute(_FAILED_KINDS).fetchall()
            kinds.sort(key=lambda kind: (kind[3] is None, kind[3] or 0, *kind[1:3]))
            for watch_id, watch, reason, _ in kinds:
                of_kind = (watch_id, reason)
                n = self._count(*of_kind, _Deadline(elapsed() + within_s, elapsed))
                rows = self._connection.execute(_FAILED_EXAMPLES, (*of_kind, _EXAMPLES)).fetchall()
                examples = tuple(
                    FailedEntry(bucket=bucket, key=key, message=message or "", settled_at=at)
                    for bucket, key, message, at in rows
                )
                found.append(FailureGroup(watch=watch, reason=reason, n=n, examples=examples))
        return tuple(found)

    def _count(self, watch_id: int, reason: str, deadline: _Deadline) -> int | None:
        rows = self._in_time(
            """
            SELECT count(*) FROM entry
             WHERE state = 'failed' AND watch_id = :watch AND reason = :reason
            """,
            {"watch": watch_id, "reason": reason},
            deadline,
        )
        return None if rows is None else int(rows[0][0])

    def _buckets(self, name: str) -> list[int]:
        with translated(self._path):
            rows = self._connection.execute(
                "SELECT id FROM bucket WHERE :name IN ('', name)", {"name": name}
            )
            return sorted(number for (number,) in rows)

    def _begins_with(self, text: str, bucket_id: int) -> Iterator[Hit]:
        """Yield the first entries of a bucket whose keys begin with `text`, in key order."""
        rows = self._connection.execute(
            f"""
            SELECT {_HIT} FROM {_JOINED}
             WHERE e.bucket_id = ? AND e.key >= ? ORDER BY e.key LIMIT ?
            """,  # noqa: S608 (our own words)
            (bucket_id, text, MOST_HITS),
        ).fetchall()
        for row in rows:
            if not row[1].startswith(text):
                return
            yield _hit(row)

    def _read_all(
        self, text: str, buckets: list[int], after: str, deadline: _Deadline
    ) -> SearchResult:
        """Read every entry after a place, stretch by stretch, up to `MOST_HITS` or the deadline."""
        begin, key = _read_place(after, buckets)
        hits: list[Hit] = []
        for bucket_id in [number for number in buckets if number >= begin]:
            low = key if bucket_id == begin else ""
            while True:
                stretch = self._stretch(text, bucket_id, low, deadline)
                if stretch is None:
                    return SearchResult(hits=tuple(hits), go_on=_place(bucket_id, low), late=True)
                found, high = stretch
                hits += found[: MOST_HITS - len(hits)]
                if len(hits) == MOST_HITS:
                    return SearchResult(hits=tuple(hits), go_on=_place(bucket_id, hits[-1].key))
                if high is None:
                    break
                low = high
                if deadline.is_over():
                    return SearchResult(hits=tuple(hits), go_on=_place(bucket_id, low), late=True)
        return SearchResult(hits=tuple(hits))

    def _stretch(
        self, text: str, bucket_id: int, low: str, deadline: _Deadline
    ) -> tuple[list[Hit], str | None] | None:
        """Return the hits among the next entries after the key `low`, and the last key read.

        That key is None at the end of the bucket. Without time for the stretch, return None.
        """
        values: dict[str, object] = {
            "bucket": bucket_id,
            "low": low,
            "text": text,
            "most": MOST_HITS,
        }
        with translated(self._path):
            last = self._in_time(_END_OF_STRETCH, values, deadline)
            high = last[0][0] if last else None
            if last is None:
                return None
            bound = "true" if high is None else "e.key <= :high"
            sql = _IN_STRETCH.format(hit=_HIT, joined=_JOINED, bound=bound)
            rows = self._in_time(sql, values | {"high": high}, deadline)
        return None if rows is None else ([_hit(row) for row in rows], high)

    def _in_time(
        self, sql: str, values: Mapping[str, object], deadline: _Deadline
    ) -> list[Any] | None:
        """Return the rows of a statement; None if the deadline interrupts it."""
        self._connection.set_progress_handler(deadline.is_over, _INSTRUCTIONS)
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_INTERRUPT":
                raise
            return None
        finally:
            self._connection.set_progress_handler(None, 0)


# One step in the index for each kind, however many entries it has.
_FAILED_KINDS: Final = """
WITH RECURSIVE kind (watch_id, reason) AS (
    SELECT w.id, (SELECT min(reason) FROM entry
                   WHERE state = 'failed' AND watch_id = w.id AND reason > '')
      FROM watch AS w
     UNION ALL
    SELECT watch_id, (SELECT min(reason) FROM entry
                       WHERE state = 'failed' AND watch_id = kind.watch_id AND reason > kind.reason)
      FROM kind
     WHERE kind.reason IS NOT NULL
)
SELECT k.watch_id, w.name, k.reason, w.position
  FROM kind AS k JOIN watch AS w ON w.id = k.watch_id
 WHERE k.reason IS NOT NULL
"""
_FAILED_EXAMPLES: Final = """
SELECT b.name, e.key, e.message, c.settled_at
  FROM entry AS e JOIN bucket AS b ON b.id = e.bucket_id LEFT JOIN batch AS c ON c.id = e.batch_id
 WHERE e.state = 'failed' AND e.watch_id = ? AND e.reason = ?
 LIMIT ?
"""


def _hit(row: tuple[str, str, str, str, int, str | None, int, int]) -> Hit:
    bucket, key, watch, state, changed, media_id, size_bytes, modified_at = row
    return Hit(
        bucket=bucket,
        key=key,
        watch=watch,
        state=state,
        changed=bool(changed),
        media_id=media_id,
        size_bytes=size_bytes,
        modified_at=modified_at,
    )


def _place(bucket_id: int, key: str) -> str:
    return json.dumps([bucket_id, key])


def _read_place(text: str, buckets: list[int]) -> tuple[int, str]:
    """Return where a search resumes; the beginning if `text` names no place."""
    front = (buckets[0] if buckets else 0, "")
    try:
        match json.loads(text) if text else None:
            case [int(bucket_id), str(key)]:
                key.encode()
                return bucket_id, key
            case _:
                return front
    except ValueError:
        return front

"""Objects that are listed again: what that changes of their entries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

from watcher.model import Failure, Objects

if TYPE_CHECKING:
    import sqlite3
    from collections import Counter

    from watcher.model import ObjectInfo

_CHUNK = 500  # keys in one SELECT
_SHOWN_OTHERWISE = frozenset({Failure.GONE, Failure.ARCHIVED})  # what is selected from a listing is neither


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Who lists what, and when."""

    watch_id: int
    bucket_id: int
    now_ms: int
    began_ms: int
    as_of: int | None = None  # of a snapshot: milliseconds since the epoch, OSS's clock; None = a listing


@dataclass(frozen=True, slots=True)
class _Row:
    """An entry as it is known."""

    key: str
    etag: str
    size_bytes: int
    modified_at: int
    state: str
    watch_id: int
    due_at: int | None
    changed: int
    reason: str | None
    settled_at: int | None


def to_look_at(db: sqlite3.Connection, scene: Scene, objects: Objects) -> tuple[Objects, set[str] | None]:
    """Return those of the listed objects whose rows are not there, differ, or wait for being listed.

    Compares all of them at once with the rows between the first key and the last; keys must ascend.

    Returns:
        The objects, and the keys that have a row there (None = too many to tell).
    """
    if not objects or _are_as_listed(db, scene, objects):
        return Objects.of(), set()
    keys = objects.keys
    most = 2 * len(keys) + _CHUNK  # of rows; more where many were deleted since
    rows = db.execute(
        f"{_AS_LISTED} AND key BETWEEN :first AND :last ORDER BY key LIMIT {most}",
        {"watch_id": scene.watch_id, "bucket_id": scene.bucket_id, "first": keys[0], "last": keys[-1]},
    ).fetchall()
    if not rows:
        return objects, set()
    if len(rows) == most:
        return objects, None
    known = set(rows)
    listed = zip(keys, objects.etags, objects.sizes_bytes, objects.modified_at, repeat(1))
    return objects.where([each not in known for each in listed]), {row[0] for row in rows}


def _are_as_listed(db: sqlite3.Connection, scene: Scene, objects: Objects) -> bool:
    """Whether the rows from the first key to the last are those of the listed objects, and none is to be looked at.

    Compares them column by column, each as one text: where no listed value holds a line end, and there are as many
    rows (the n-th from the first key on is the last), the same text means the same values.
    """
    n, keys, etags, sizes_bytes = len(objects), *(objects.lines(name) for name in ("key", "etag", "size_bytes"))
    first, last = objects.keys[0], objects.keys[-1]
    of_range = {"bucket_id": scene.bucket_id, "watch_id": scene.watch_id, "first": first, "last": last, "n": n}
    if keys is None or etags is None:
        return False
    if db.execute(_LAST_OF_SO_MANY, of_range).fetchone() != (last,):  # there may be far more
        return False
    listed = (n, keys, etags, sizes_bytes, str(objects.modified_at))
    return bool(db.execute(_AS_LINES, of_range).fetchone() == listed)


def known_among(db: sqlite3.Connection, bucket_id: int, keys: list[str]) -> dict[str, _Row]:
    """Return the rows of those keys that have one."""
    rows = (
        _Row(*row)
        for first in range(0, len(keys), _CHUNK)
        for chunk in (keys[first : first + _CHUNK],)
        for row in db.execute(
            f"""
            SELECT e.key, e.etag, e.size_bytes, e.modified_at, e.state, e.watch_id, e.due_at, e.changed, e.reason,
                   CASE WHEN e.state = 'failed' THEN (SELECT settled_at FROM batch WHERE id = e.batch_id) END
              FROM entry AS e
             WHERE e.bucket_id = ? AND e.key IN ({", ".join("?" * len(chunk))})
            """,  # noqa: S608 (question marks only)
            (bucket_id, *chunk),
        )
    )
    return {row.key: row for row in rows}


def see_again(
    db: sqlite3.Connection, scene: Scene, listed: ObjectInfo, row: _Row, *, tally: Counter[tuple[int, str]]
) -> bool:
    """Bring a known row up to date; return whether a registered object was overwritten.

    What a snapshot shows of another version changes nothing unless that is the later one.
    """
    overwritten = (listed.etag, listed.size_bytes) != (row.etag, row.size_bytes)
    touched = _is_touched(listed, row)
    if touched and scene.as_of is not None and listed.modified_at <= row.modified_at:
        return False
    match row.state:
        case "failed" if touched or _is_back(row, scene):
            change = _AFRESH
            tally[row.watch_id, "failed"] -= 1
            tally[scene.watch_id, "pending"] += 1
        case "registered" if overwritten:
            change = _CHANGED
            tally[row.watch_id, "changed"] += 1 - row.changed
        case "pending" if touched or row.watch_id != scene.watch_id or row.due_at is None:
            change = _STILL_PENDING
            tally[row.watch_id, "pending"] -= 1
            tally[scene.watch_id, "pending"] += 1
        case _ if touched:
            change = _LATEST
        case _:
            return False
    db.execute(
        f"UPDATE entry SET {change} WHERE bucket_id = :bucket_id AND key = :key",  # noqa: S608 (constants)
        {
            "bucket_id": scene.bucket_id,
            "watch_id": scene.watch_id,
            "key": listed.key,
            "etag": listed.etag,
            "size_bytes": listed.size_bytes,
            "modified_at": listed.modified_at,
            "overwritten": overwritten,
            "now": scene.now_ms,
        },
    )
    return row.state == "registered" and overwritten


def stays_away(scene: Scene, listed: ObjectInfo, row: _Row) -> bool:
    """Whether a listed object failed as gone or archived while it was being listed: only the next time it is back."""
    return (
        row.state == "failed"
        and row.reason in _SHOWN_OTHERWISE
        and not (_is_touched(listed, row) or _is_back(row, scene))
    )


def _is_touched(listed: ObjectInfo, row: _Row) -> bool:
    return (listed.etag, listed.size_bytes, listed.modified_at) != (row.etag, row.size_bytes, row.modified_at)


def _is_back(row: _Row, scene: Scene) -> bool:
    """Whether the listing itself shows that the reason is gone: it selects neither absent nor archived objects.

    What was settled later than now was so by a clock that was set back since.
    """
    began_ms = scene.began_ms if scene.as_of is None else scene.as_of
    while_listing = began_ms <= (row.settled_at or 0) <= scene.now_ms
    return row.reason in _SHOWN_OTHERWISE and not while_listing


_IS_SETTLED = """CASE state WHEN 'pending' THEN watch_id = :watch_id AND due_at IS NOT NULL
                           WHEN 'failed' THEN reason NOT IN ('gone', 'archived') ELSE 1 END"""
_AS_LISTED = f"""
SELECT key, etag, size_bytes, modified_at, {_IS_SETTLED}
  FROM entry
 WHERE bucket_id = :bucket_id
"""  # noqa: S608 (constants)
_LAST_OF_SO_MANY = """
SELECT key FROM entry WHERE bucket_id = :bucket_id AND key >= :first ORDER BY key LIMIT 1 OFFSET :n - 1
"""
# The rows come in the order of the primary key; if they ever do not, they are not as listed.  Separators are literals:
# whatever SQLite has to turn into text, it turns for each row.
_AS_LINES = f"""
SELECT sum({_IS_SETTLED}), group_concat(key, '\n'), group_concat(etag, '\n'),
       group_concat(size_bytes, '\n'), '[' || group_concat(modified_at, ', ') || ']'
  FROM entry
 WHERE bucket_id = :bucket_id AND key BETWEEN :first AND :last
"""  # noqa: S608 (constants)
_LATEST = "etag = :etag, size_bytes = :size_bytes, modified_at = :modified_at"
_AFRESH = (
    f"{_LATEST}, watch_id = :watch_id, state = 'pending', reason = NULL, message = NULL, attempts = 0, "
    "due_at = :now, lane = 0"
)
_CHANGED = (
    "registered_etag = coalesce(registered_etag, etag), registered_size = coalesce(registered_size, size_bytes), "
    f"changed = 1, {_LATEST}"
)
# The refusals of an overwritten object were of other bytes.
_STILL_PENDING = (
    f"{_LATEST}, watch_id = :watch_id, "
    "due_at = CASE WHEN due_at IS NULL OR (:overwritten AND attempts > 0) THEN :now ELSE due_at END, "
    "attempts = CASE WHEN :overwritten THEN 0 ELSE attempts END"
)

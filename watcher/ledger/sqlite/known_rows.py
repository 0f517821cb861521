"""Which listed objects need a look: those whose rows are missing, differ, or wait to be listed."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final

from watcher.model import Objects

if TYPE_CHECKING:
    import sqlite3

_ROWS_TO_SPARE: Final = 500  # that one page may meet beside its own

NEEDS_NO_LOOK: Final = """
CASE state WHEN 'pending' THEN watch_id = :watch_id AND due_at IS NOT NULL
           WHEN 'failed' THEN reason NOT IN ('gone', 'archived')
           ELSE 1
END
"""
"""The SQL of `transitions.needs_no_look`."""

_ROWS_BETWEEN = f"""
SELECT key, etag, size_bytes, modified_at, {NEEDS_NO_LOOK}
  FROM entry
 WHERE bucket_id = :bucket_id AND key BETWEEN :first AND :last
 ORDER BY key
 LIMIT :most
"""  # noqa: S608 (constants)

_NTH_KEY = """
SELECT key FROM entry
 WHERE bucket_id = :bucket_id AND key >= :first
 ORDER BY key
 LIMIT 1 OFFSET :n - 1
"""

# The rows come in the order of the primary key.  In any other order, they do not equal the listing.
# Separators are literals: SQLite converts anything else to text for each row.
_ROWS_AS_LINES = f"""
SELECT sum({NEEDS_NO_LOOK}), group_concat(key, '\n'), group_concat(etag, '\n'),
       group_concat(size_bytes, '\n'), '[' || group_concat(modified_at, ', ') || ']'
  FROM entry
 WHERE bucket_id = :bucket_id AND key BETWEEN :first AND :last
"""  # noqa: S608 (constants)


def to_look_at(
    db: sqlite3.Connection, bucket_id: int, watch_id: int, objects: Objects
) -> tuple[Objects, set[str] | None]:
    """Return those of the listed objects whose rows are missing, differ, or wait to be listed.

    Compares all rows between the first key and the last in one statement; keys must ascend.

    Returns:
        The objects, and the keys that have a row there; None if there are too many rows to say.
    """
    if not objects or _are_as_listed(db, bucket_id, watch_id, objects):
        return Objects.of(), set()
    keys = objects.keys
    most = 2 * len(keys) + _ROWS_TO_SPARE  # more rows mean that many objects were deleted since
    rows = db.execute(
        _ROWS_BETWEEN,
        {
            "bucket_id": bucket_id,
            "watch_id": watch_id,
            "first": keys[0],
            "last": keys[-1],
            "most": most,
        },
    ).fetchall()
    if not rows:
        return objects, set()
    if len(rows) == most:
        return objects, None
    settled = set(rows)
    listed = zip(keys, objects.etags, objects.sizes_bytes, objects.modified_at, repeat(1))
    return objects.where([each not in settled for each in listed]), {row[0] for row in rows}


def _are_as_listed(db: sqlite3.Connection, bucket_id: int, watch_id: int, objects: Objects) -> bool:
    """Return whether the rows from the first key to the last equal the objects and need no look.

    Compares whole columns, each as one text of lines.  Equal texts mean equal values, because two
    things hold: no listed value has a line end, and there are as many rows as objects.
    """
    keys, etags = objects.lines("key"), objects.lines("etag")
    if keys is None or etags is None:
        return False
    bounds = {
        "bucket_id": bucket_id,
        "watch_id": watch_id,
        "first": objects.keys[0],
        "last": objects.keys[-1],
        "n": len(objects),
    }
    # Far more rows may lie between: then the n-th is not the last, and no text is built.
    if db.execute(_NTH_KEY, bounds).fetchone() != (objects.keys[-1],):
        return False
    sizes_bytes, modified_at = objects.lines("size_bytes"), str(objects.modified_at)
    listed = (len(objects), keys, etags, sizes_bytes, modified_at)
    return bool(db.execute(_ROWS_AS_LINES, bounds).fetchone() == listed)

"""The moments that `start = "now"` means, by source.

A moment is taken by our clock before anything is listed, and moved to OSS's clock at the first
answer, only ever earlier.  LastModified and Date have whole seconds, rounded down, so that a moment
of OSS's clock may lie two seconds too early.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from watcher.errors import ConfigError
from watcher.model import Anchor
from watcher.rules.starts import is_anchored

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from watcher.model import WatchSpec


class SourceStart(NamedTuple):
    """The meaning of `start = "now"` for one source."""

    source: str  # oss://BUCKET/PREFIX
    at: int  # milliseconds since the epoch
    clock: str = "ours"  # "oss" once that has answered


NEVER_LISTED = """
SELECT 'oss://' || b.name || '/' || w.prefix AS source
  FROM watch AS w JOIN bucket AS b ON b.id = w.bucket_id
 WHERE w.complete_at IS NULL
   AND NOT EXISTS (
         SELECT 1 FROM source_start AS s
          WHERE substr('oss://' || b.name || '/' || w.prefix, 1, length(s.source)) = s.source
       )
"""
"""Sources that a ledger before the fourth migration may have tried with "now", unanswered."""


def source(bucket: str, prefix: str) -> str:
    """Return a source as the ledger names it."""
    return f"oss://{bucket}/{prefix}"


def from_now(sources: Iterable[str], *, now_ms: int) -> list[SourceStart]:
    """Return our clock's moment for each source, once."""
    return [SourceStart(each, now_ms) for each in dict.fromkeys(sources)]


def anchors(db: sqlite3.Connection, bucket: str) -> list[Anchor]:
    """Return the moments of all prefixes of a bucket that were ever watched from "now" on."""
    root = source(bucket, "")
    return [
        Anchor(prefix=found.removeprefix(root), at=at)
        for found, at in db.execute("SELECT source, start_at FROM source_start ORDER BY source")
        if found.startswith(root)
    ]


def remember(db: sqlite3.Connection, bucket: str, prefix: str, *, now_ms: int) -> None:
    """Keep our clock's moment for a source whose keys have none."""
    if not is_anchored(prefix, anchors(db, bucket)):
        db.execute(
            "INSERT INTO source_start (source, start_at, clock) VALUES (?, ?, 'ours')",
            (source(bucket, prefix), now_ms),
        )


def correct(db: sqlite3.Connection, bucket: str, *, now_ms: int, answered_at: int) -> None:
    """Move the moments of our clock to OSS's, which was `answered_at` when ours was `now_ms`.

    The moment lies before the answer, whatever our clock was set to in between.
    """
    db.execute(
        """
        UPDATE source_start
           SET start_at = min(start_at, start_at + :ahead, :answered_at) / 1000 * 1000,
               clock = 'oss'
         WHERE clock = 'ours' AND substr(source, 1, length(:root)) = :root
        """,
        {
            "ahead": answered_at - now_ms,
            "answered_at": answered_at,
            "root": source(bucket, ""),
        },
    )


def is_to_be_corrected(db: sqlite3.Connection, bucket: str) -> bool:
    """Return whether a moment of this bucket is still one of our clock."""
    row = db.execute(
        """
        SELECT 1 FROM source_start
         WHERE clock = 'ours' AND substr(source, 1, length(:root)) = :root
        """,
        {"root": source(bucket, "")},
    ).fetchone()
    return row is not None


def refuse_unknown(db: sqlite3.Connection, watches: Sequence[WatchSpec], config_path: str) -> None:
    """Refuse `start = "now"` where its moment cannot be known.

    Raises:
        ConfigError: an older version may have tried to list the source, and kept no moment.
    """
    unknown = [row[0] for row in db.execute("SELECT source FROM unknown_start")]
    problems = []
    for watch in watches:
        if not watch.from_now:
            continue
        here = source(watch.bucket, watch.prefix)
        known = [source(watch.bucket, each.prefix) for each in anchors(db, watch.bucket)]
        if any(not covered(each, known) for each in unknown if overlap(here, each)):
            problems.append(unknown_problem(watch.name, here))
    if problems:
        raise ConfigError(config_path, tuple(problems))


def overlap(one: str, other: str) -> bool:
    """Return whether a key can lie below both sources."""
    return one.startswith(other) or other.startswith(one)


def covered(wanted: str, known: Iterable[str]) -> bool:
    """Return whether a source lies below a known one."""
    return any(wanted.startswith(each) for each in known)


def unknown_problem(name: str, where: str) -> str:
    """Return the sentence about a watch whose moment is not known."""
    return (
        f'watch "{name}": start: the moment that "now" means for {where} is not known: an older '
        "version may have tried to list it, and kept no moment. Set `start` to an instant not "
        'after that version was started with "now", e.g. "2026-01-31T08:00:00Z".'
    )

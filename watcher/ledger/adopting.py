"""Buckets and watches, as the configuration has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.errors import ConfigError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watcher.model import BucketSpec, WatchSpec


def adopt_watches(db: sqlite3.Connection, watches: Sequence[WatchSpec]) -> None:
    """Bring the watches in line with the configuration, within the caller's transaction."""
    db.execute("UPDATE watch SET position = NULL")
    for position, watch in enumerate(watches):
        db.execute(_FORGET_SCANS_ELSEWHERE, {"name": watch.name, "bucket": watch.bucket, "prefix": watch.prefix})
        db.execute(
            """
            INSERT INTO watch (name, bucket_id, prefix, rules, position)
            VALUES (:name, (SELECT id FROM bucket WHERE name = :bucket), :prefix, :rules, :position)
                ON CONFLICT (name) DO UPDATE
               SET bucket_id = excluded.bucket_id, prefix = excluded.prefix,
                   rules = excluded.rules, position = excluded.position
            """,
            {
                "name": watch.name,
                "bucket": watch.bucket,
                "prefix": watch.prefix,
                "rules": watch.rules,
                "position": position,
            },
        )


_FORGET_SCANS_ELSEWHERE = """
UPDATE watch
   SET complete_rules = NULL, complete_started_at = NULL, complete_at = NULL, complete_listed = NULL,
       complete_list_calls = NULL, complete_list_bytes = NULL, complete_took_ms = NULL, empty_scans = 0
 WHERE name = :name AND (prefix <> :prefix OR bucket_id <> (SELECT id FROM bucket WHERE name = :bucket))
"""


def refuse_other_form(db: sqlite3.Connection, bucket: BucketSpec, config_path: str) -> None:
    """Refuse another form of file URL once a call may have carried the present one.

    Raises:
        ConfigError: every file would become a second media.
    """
    row = db.execute("SELECT id, region, file_url, encoding FROM bucket WHERE name = ?", (bucket.name,)).fetchone()
    if row is None or row[1:] == (bucket.region, bucket.file_url, bucket.encoding):
        return
    sent = db.execute(
        """
        SELECT 1 FROM entry
         WHERE bucket_id = ? AND (state IN ('registered', 'claimed') OR (state = 'pending' AND doubts > 0)) LIMIT 1
        """,
        (row[0],),
    ).fetchone()
    if sent:
        problem = (
            f"watch: file_url of bucket {bucket.name}: the form of file URLs cannot change once files were "
            "registered, or every file would become a second media "
            f"(was {row[2]!r}, {row[3]}, region {row[1]}). Set it back, or start a new ledger."
        )
        raise ConfigError(config_path, (problem,))


def adopt_bucket(db: sqlite3.Connection, bucket: BucketSpec, config_path: str) -> None:
    """Bring a bucket in line with the configuration, within the caller's transaction.

    Raises:
        ConfigError: see `refuse_other_form`.
    """
    row = db.execute("SELECT id, region, file_url, encoding FROM bucket WHERE name = ?", (bucket.name,)).fetchone()
    if row is None:
        db.execute(
            "INSERT INTO bucket (name, region, file_url, encoding) VALUES (?, ?, ?, ?)",
            (bucket.name, bucket.region, bucket.file_url, bucket.encoding),
        )
        return
    if row[1:] == (bucket.region, bucket.file_url, bucket.encoding):
        return
    refuse_other_form(db, bucket, config_path)
    db.execute(
        "UPDATE bucket SET region = ?, file_url = ?, encoding = ? WHERE id = ?",
        (bucket.region, bucket.file_url, bucket.encoding, row[0]),
    )

"""Buckets and watches in the ledger: adopt those of the configuration, refuse others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.errors import CloudError, ConfigError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watcher.model import BucketSpec, Owner, WatchSpec


def adopt_watches(db: sqlite3.Connection, watches: Sequence[WatchSpec]) -> None:
    """Make the watches equal to the configuration, within the caller's transaction."""
    db.execute("UPDATE watch SET position = NULL")
    for position, watch in enumerate(watches):
        _adopt_watch(db, watch, position)


def _adopt_watch(db: sqlite3.Connection, watch: WatchSpec, position: int) -> None:
    source = {"name": watch.name, "bucket": watch.bucket, "prefix": watch.prefix}
    for statement in _FORGET_OTHER_SOURCE:
        db.execute(statement, source)
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


def adopt_beside(
    db: sqlite3.Connection,
    owner: Owner | None,
    buckets: Sequence[BucketSpec],
    watches: Sequence[WatchSpec],
    *,
    config_path: str,
) -> frozenset[str]:
    """Adopt what the process that registers does not serve; return the watches it serves otherwise.

    Runs within the caller's transaction. An `owner` that is None has not recorded what it serves:
    it may serve every bucket and watch in the ledger.

    Raises:
        ConfigError: see `refuse_other_form`.
    """
    other_form = set()
    for bucket in buckets:
        if _is_served(db, owner, bucket.name):
            refuse_other_form(db, bucket, config_path)
            if _form_in_ledger(db, bucket.name) != _form(bucket):
                other_form.add(bucket.name)
        else:
            adopt_bucket(db, bucket, config_path)
    otherwise = set()
    for position, watch in enumerate(watches):
        as_served = _as_served(db, owner, watch)
        if as_served is False or watch.bucket in other_form:
            otherwise.add(watch.name)
        elif as_served is None:
            _adopt_watch(db, watch, position)
    return frozenset(otherwise)


def _is_served(db: sqlite3.Connection, owner: Owner | None, bucket: str) -> bool:
    if owner is not None:
        return bucket in owner.buckets
    return _form_in_ledger(db, bucket) is not None


def _form(bucket: BucketSpec) -> tuple[str, str, str]:
    """Return all that decides the file URLs of a bucket."""
    return bucket.region, bucket.file_url, bucket.encoding


def _form_in_ledger(db: sqlite3.Connection, bucket: str) -> tuple[str, str, str] | None:
    row = db.execute(
        "SELECT region, file_url, encoding FROM bucket WHERE name = ?", (bucket,)
    ).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def _as_served(db: sqlite3.Connection, owner: Owner | None, watch: WatchSpec) -> bool | None:
    """Return whether the owner serves the watch as it is here; None if it does not serve it."""
    if owner is not None:
        served = owner.watches.get(watch.name)
        return None if served is None else served == watch.serving_digest
    row = db.execute(
        "SELECT b.name, w.prefix, w.rules FROM watch AS w JOIN bucket AS b ON b.id = w.bucket_id "
        "WHERE w.name = ?",
        (watch.name,),
    ).fetchone()
    return None if row is None else tuple(row) == (watch.bucket, watch.prefix, watch.rules)


_OTHER_SOURCE = """
    name = :name AND (prefix <> :prefix
                      OR bucket_id <> (SELECT id FROM bucket WHERE name = :bucket))
"""
_FORGET_OTHER_SOURCE = (
    f"DELETE FROM last_scan WHERE watch_id IN (SELECT id FROM watch WHERE {_OTHER_SOURCE})",  # noqa: S608 (ours)
    f"DELETE FROM note WHERE watch_id IN (SELECT id FROM watch WHERE {_OTHER_SOURCE})",  # noqa: S608
    f"""
    UPDATE watch
       SET complete_rules = NULL, complete_started_at = NULL, complete_at = NULL,
           complete_listed = NULL, complete_list_calls = NULL, complete_list_bytes = NULL,
           complete_took_ms = NULL, empty_scans = 0
     WHERE {_OTHER_SOURCE}
    """,  # noqa: S608
)


def has_source(db: sqlite3.Connection, watch: str, source: str) -> bool:
    """Return whether the watch has this source in the ledger; "" fits every watch."""
    return not source or _source_of(db, watch) == source


def refuse_other_source(db: sqlite3.Connection, watch: str, source: str) -> None:
    """Refuse to record objects of `source` under a watch of another source.

    Raises:
        CloudError: another process has this watch with another source.
    """
    if not has_source(db, watch, source):
        raise CloudError(
            f'watch "{watch}" lists {source} here, and {_source_of(db, watch)} in another process '
            "with this ledger",
            hint=(
                "One ledger has one configuration: reload the other process, or give it a ledger "
                "of its own."
            ),
        )


def _source_of(db: sqlite3.Connection, watch: str) -> str:
    (source,) = db.execute(
        """
        SELECT 'oss://' || b.name || '/' || w.prefix
          FROM watch AS w JOIN bucket AS b ON b.id = w.bucket_id WHERE w.name = ?
        """,
        (watch,),
    ).fetchone()
    return str(source)


def refuse_other_form(db: sqlite3.Connection, bucket: BucketSpec, config_path: str) -> None:
    """Refuse another form of file URL once a call may have carried the present one.

    Raises:
        ConfigError: every file would become a second media.
    """
    known = _form_in_ledger(db, bucket.name)
    if known is None or known == _form(bucket):
        return
    sent = db.execute(
        """
        SELECT 1 FROM entry
         WHERE bucket_id = (SELECT id FROM bucket WHERE name = ?)
           AND (state IN ('registered', 'claimed') OR (state = 'pending' AND doubts > 0))
         LIMIT 1
        """,
        (bucket.name,),
    ).fetchone()
    if sent:
        region, file_url, encoding = known
        problem = (
            f"watch: file_url of bucket {bucket.name}: the form of file URLs cannot change once "
            "files were registered, or every file would become a second media "
            f"(was {file_url!r}, {encoding}, region {region}). Set it back, or start a new ledger."
        )
        raise ConfigError(config_path, (problem,))


def adopt_bucket(db: sqlite3.Connection, bucket: BucketSpec, config_path: str) -> None:
    """Make a bucket equal to the configuration, within the caller's transaction.

    Raises:
        ConfigError: see `refuse_other_form`.
    """
    known = _form_in_ledger(db, bucket.name)
    if known is None:
        db.execute(
            "INSERT INTO bucket (region, file_url, encoding, name) VALUES (?, ?, ?, ?)",
            (*_form(bucket), bucket.name),
        )
    elif known != _form(bucket):
        refuse_other_form(db, bucket, config_path)
        db.execute(
            "UPDATE bucket SET region = ?, file_url = ?, encoding = ? WHERE name = ?",
            (*_form(bucket), bucket.name),
        )

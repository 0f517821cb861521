"""What scans write down: watches as configured, pages as listed, scans as finished."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from watcher.errors import ConfigError
from watcher.ledger import marks
from watcher.ledger.seen import Scene, known_among, see_again
from watcher.ledger.transactions import add_to_tally, patient
from watcher.model import ObjectInfo, Recorded, ScanMark

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from watcher.ledger.transactions import Transactions
    from watcher.model import BucketSpec, WatchSpec

FRESH_MS = 3_600_000  # an object younger than this is fresh whenever it is found


class Intake:
    """The scanning side of the ledger."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @patient()
    def adopt(self, buckets: Sequence[BucketSpec], watches: Sequence[WatchSpec], *, config_path: str) -> None:
        """Bring buckets and watches in line with the configuration.

        Raises:
            ConfigError: a bucket with registered entries would get another form of file URL, and with it
                a second media for every file.
        """
        with self._transactions.begin(durable=True) as db:
            for bucket in buckets:
                _adopt_bucket(db, bucket, config_path)
            db.execute("UPDATE watch SET position = NULL")
            for position, watch in enumerate(watches):
                db.execute(
                    _FORGET_SCANS_ELSEWHERE, {"name": watch.name, "bucket": watch.bucket, "prefix": watch.prefix}
                )
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

    @patient()
    def reassign(self, owner: Callable[[str, str, int], str | None], *, now_ms: int) -> None:
        """Give each pending entry to the watch that `owner(bucket, key, size_bytes)` names.

        One that no watch selects waits under its old watch until one does again.  Only the lock's owner may
        ask: entries that another process claimed would be passed over.
        """
        after: tuple[int, str] | None = (0, "")
        while after is not None:
            after = self._reassign_some(owner, after, now_ms)
        with self._transactions.begin(durable=True) as db:
            db.execute("UPDATE watch SET assigned_rules = CASE WHEN position IS NOT NULL THEN rules END")
            db.execute("UPDATE watch SET assigned_position = position, assigned_bucket_id = bucket_id")

    @property
    def is_assigned(self) -> bool:
        """Whether the pending entries were given out by the watches as they are; false after a crash on the way."""
        with self._transactions.look() as db:
            row = db.execute(
                """
                SELECT 1 FROM watch
                 WHERE assigned_position IS NOT position OR assigned_bucket_id IS NOT bucket_id
                    OR (position IS NOT NULL AND assigned_rules IS NOT rules)
                """
            ).fetchone()
        return row is None

    def _reassign_some(
        self, owner: Callable[[str, str, int], str | None], after: tuple[int, str], now_ms: int
    ) -> tuple[int, str] | None:
        with self._transactions.begin(durable=False) as db:
            ids = dict(db.execute("SELECT name, id FROM watch").fetchall())
            rows = db.execute(
                """
                SELECT e.bucket_id, b.name, e.key, e.size_bytes, e.watch_id, e.due_at
                  FROM entry AS e JOIN bucket AS b ON b.id = e.bucket_id
                 WHERE e.state = 'pending' AND (e.bucket_id, e.key) > (?, ?)
                 ORDER BY e.bucket_id, e.key
                 LIMIT 1000
                """,
                after,
            ).fetchall()
            tally: Counter[tuple[int, str]] = Counter()
            for bucket_id, bucket, key, size_bytes, watch_id, due_at in rows:
                name = owner(bucket, key, size_bytes)
                new_id = watch_id if name is None else ids[name]
                new_due_at = None if name is None else now_ms if due_at is None else due_at
                if (new_id, new_due_at) != (watch_id, due_at):
                    db.execute(
                        "UPDATE entry SET watch_id = ?, due_at = ? WHERE bucket_id = ? AND key = ?",
                        (new_id, new_due_at, bucket_id, key),
                    )
                    tally[watch_id, "pending"] -= 1
                    tally[new_id, "pending"] += 1
            add_to_tally(db, tally)
        return (rows[-1][0], rows[-1][2]) if rows else None

    def start_of(self, source: str) -> int | None:
        """Return what `start = "now"` means for `source`, or None if it was never scanned with it."""
        with self._transactions.look() as db:
            row = db.execute("SELECT start_at FROM source_start WHERE source = ?", (source,)).fetchone()
        return row[0] if row else None

    @patient()
    def remember_start(self, source: str, start_at: int) -> None:
        """Keep the meaning of `start = "now"`; the first one told stays."""
        with self._transactions.begin(durable=True) as db:
            db.execute("INSERT INTO source_start VALUES (?, ?) ON CONFLICT DO NOTHING", (source, start_at))

    @patient()
    def unfinished(self, watch: str, selection: str) -> ScanMark | None:
        """Return where the last scan under the same selection was cut short; one under another is forgotten."""
        with self._transactions.begin(durable=False) as db:
            return marks.find(db, _watch_id(db, watch), selection)

    @patient()
    def record(
        self,
        watch: str,
        objects: Sequence[ObjectInfo],
        *,
        oss_now_ms: int,
        now_ms: int,
        began_ms: int,
        mark: ScanMark | None = None,
    ) -> Recorded:
        """Write down one page of selected objects: new ones become pending, overwritten ones are marked.

        `oss_now_ms` (the answer's Date) tells what is fresh; `now_ms` is when they were first seen; `began_ms`
        (our clock) is when the listing began: what failed after that as gone is not back because of it.
        `mark` is how far the scan is once they are written.
        """
        with self._transactions.begin(durable=False) as db:
            watch_id, bucket_id, in_steady_state, empty_scans = db.execute(
                """
                SELECT id, bucket_id, complete_at IS NOT NULL AND complete_rules = rules, empty_scans
                  FROM watch WHERE name = ?
                """,
                (watch,),
            ).fetchone()
            if mark:
                marks.put(db, watch_id, mark)
            if mark and empty_scans:
                db.execute("UPDATE watch SET empty_scans = 0 WHERE id = ?", (watch_id,))
            scene = Scene(watch_id=watch_id, bucket_id=bucket_id, now_ms=now_ms, began_ms=began_ms)
            known = known_among(db, bucket_id, [listed.key for listed in objects])
            new = [listed for listed in objects if listed.key not in known]
            _insert(db, scene, new, fresh_since=0 if in_steady_state else oss_now_ms - FRESH_MS)
            tally: Counter[tuple[int, str]] = Counter({(watch_id, "pending"): len(new)})
            changed = [
                listed.key
                for listed in objects
                if listed.key in known and see_again(db, scene, listed, known[listed.key], tally=tally)
            ]
            add_to_tally(db, tally)
        return Recorded(new=len(new), changed=tuple(changed))

    @patient()
    def doubt_empty(self, watch: str) -> int:
        """Count an empty listing of a watch that had objects; return which in a row it is, 0 if it had none."""
        with self._transactions.begin(durable=True) as db:
            db.execute(
                "UPDATE watch SET empty_scans = empty_scans + 1 WHERE name = ? AND complete_listed > 0", (watch,)
            )
            (times,) = db.execute("SELECT empty_scans FROM watch WHERE name = ?", (watch,)).fetchone()
        return int(times)

    @patient()
    def finish_scan(self, watch: str, *, started_at: int, now_ms: int, listed: int) -> None:
        """Remember a complete scan: `started_at` by OSS's clock, `now_ms` by ours."""
        with self._transactions.begin(durable=True) as db:
            db.execute(
                """
                UPDATE watch
                   SET complete_rules = rules, complete_started_at = ?, complete_at = ?, complete_listed = ?,
                       empty_scans = 0
                 WHERE name = ?
                """,
                (started_at, now_ms, listed, watch),
            )
            marks.forget(db, _watch_id(db, watch))


_FORGET_SCANS_ELSEWHERE = """
UPDATE watch
   SET complete_rules = NULL, complete_started_at = NULL, complete_at = NULL, complete_listed = NULL, empty_scans = 0
 WHERE name = :name AND (prefix <> :prefix OR bucket_id <> (SELECT id FROM bucket WHERE name = :bucket))
"""


def _watch_id(db: sqlite3.Connection, watch: str) -> int:
    (watch_id,) = db.execute("SELECT id FROM watch WHERE name = ?", (watch,)).fetchone()
    return int(watch_id)


def _insert(db: sqlite3.Connection, scene: Scene, new: Sequence[ObjectInfo], *, fresh_since: int) -> None:
    """Put new objects in line: in the fresh lane what was modified since `fresh_since`."""
    db.executemany(
        """
        INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes, modified_at, first_seen_at, due_at)
        VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?)
        """,
        [
            (
                scene.bucket_id,
                listed.key,
                scene.watch_id,
                0 if listed.modified_at >= fresh_since else 1,
                listed.etag,
                listed.size_bytes,
                listed.modified_at,
                scene.now_ms,
                scene.now_ms,
            )
            for listed in new
        ],
    )


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


def _adopt_bucket(db: sqlite3.Connection, bucket: BucketSpec, config_path: str) -> None:
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

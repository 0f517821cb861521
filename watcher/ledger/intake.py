"""What scans write down: watches as configured, pages as listed, scans as finished."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, NamedTuple

from watcher.ledger import ranges, starts
from watcher.ledger.adopting import adopt_bucket, adopt_watches, has_source, refuse_other_source
from watcher.ledger.reassigning import FRONT, PARTS, reassign_some
from watcher.ledger.scan_ends import ScanEnds, put_cost
from watcher.ledger.seen import Scene, known_among, see_again, stays_away, to_look_at
from watcher.ledger.transactions import add_to_tally, patient
from watcher.model import Objects, Recorded, ScanKind
from watcher.rules.starts import is_anchored

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from watcher.ledger.reassigning import Part, Place
    from watcher.ledger.transactions import Transactions
    from watcher.model import (
        Anchor,
        BucketSpec,
        Found,
        ListingCost,
        Range,
        ScanBegun,
        ScanTotals,
        WatchSpec,
    )

FRESH_MS = 3_600_000  # an object younger than this is fresh whenever it is found


class Intake(ScanEnds):
    """The scanning side of the ledger."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @patient()
    def adopt(self, buckets: Sequence[BucketSpec], watches: Sequence[WatchSpec], *, config_path: str) -> None:
        """Bring buckets and watches in line with the configuration.

        Raises:
            ConfigError: a bucket with registered entries would get another form of file URL, and with it
                a second media for every file; or what `start = "now"` means is not known.
        """
        with self._transactions.begin(durable=True) as db:
            for bucket in buckets:
                adopt_bucket(db, bucket, config_path)
            starts.refuse_unknown(db, watches, config_path)
            adopt_watches(db, watches)

    @patient()
    def reassign(self, owner: Callable[[str, str, int], str | None], *, now_ms: int) -> None:
        """Give each pending entry to the watch that `owner(bucket, key, size_bytes)` names.

        One that no watch selects waits under its old watch until one does again.  Only the lock's owner may
        ask: entries that another process claimed would be passed over.
        """
        with self._transactions.look() as db:
            watches = [number for (number,) in db.execute("SELECT id FROM watch")]
        for watch_id in watches:
            for part in PARTS:
                after: Place | None = FRONT
                while after is not None:
                    after = self._reassign_some(owner, watch_id, part, after, now_ms)
        with self._transactions.begin(durable=True) as db:
            db.execute("UPDATE watch SET assigned_rules = CASE WHEN position IS NOT NULL THEN rules END")
            db.execute("UPDATE watch SET assigned_position = position, assigned_bucket_id = bucket_id")

    @property
    def is_assigned(self) -> bool:
        """Whether the pending entries were given out by the watches as they are.

        False after a crash on the way, or where another process has queued some for a watch of its own.
        """
        with self._transactions.look() as db:
            if ranges.has_ownerless(db):
                return False
            row = db.execute(
                """
                SELECT 1 FROM watch
                 WHERE assigned_position IS NOT position OR assigned_bucket_id IS NOT bucket_id
                    OR (position IS NOT NULL AND assigned_rules IS NOT rules)
                """
            ).fetchone()
        return row is None

    def _reassign_some(
        self, owner: Callable[[str, str, int], str | None], watch_id: int, part: Part, after: Place, now_ms: int
    ) -> Place | None:
        with self._transactions.begin(durable=False) as db:
            return reassign_some(db, owner, watch_id, part, after, now_ms=now_ms)

    def anchors(self, bucket: str) -> list[Anchor]:
        """Return the moments that `start = "now"` came to mean below the prefixes of a bucket."""
        with self._transactions.look() as db:
            return starts.anchors(db, bucket)

    @patient()
    def remember_start(self, bucket: str, prefix: str, *, now_ms: int) -> None:
        """Keep `now_ms` (our clock) as what "now" means below a prefix, unless its keys have a moment."""
        if is_anchored(prefix, self.anchors(bucket)):
            return
        with self._transactions.begin(durable=True) as db:
            starts.remember(db, bucket, prefix, now_ms=now_ms)

    @patient()
    def correct_starts(self, bucket: str, *, now_ms: int, answered_at: int) -> None:
        """Move moments of our clock to OSS's, which answered at `answered_at` when ours was `now_ms`."""
        with self._transactions.look() as db:
            if not starts.is_to_be_corrected(db, bucket):
                return
        with self._transactions.begin(durable=True) as db:
            starts.correct(db, bucket, now_ms=now_ms, answered_at=answered_at)

    @patient()
    def begin_scan(
        self, watch: str, kind: ScanKind, *, source: str, basis: str, now_ms: int, full_every_ms: int
    ) -> ScanBegun:
        """Begin a scan, or go on with one that was cut short; see `ranges.begin`.

        Raises:
            CloudError: another process has this watch with another source.
        """
        with self._transactions.begin(durable=False) as db:
            refuse_other_source(db, watch, source)
            watch_id = _watch_id(db, watch)
            ranges.doubt_ownerless(db, watch_id)
            begun = ranges.begin(
                db,
                watch_id,
                kind,
                source=source,
                basis=basis,
                now_ms=now_ms,
                full_every_ms=full_every_ms,
            )
            (was_complete,) = db.execute(
                "SELECT complete_at IS NOT NULL FROM watch WHERE id = ?", (watch_id,)
            ).fetchone()
            return replace(begun, is_usual=begun.is_usual and bool(was_complete))

    def ahead(self, begun: ScanBegun, after: str) -> list[tuple[Range, bool]]:
        """Return some remembered ranges from `after` on, in order, each with whether this scan confirmed it already."""
        with self._transactions.look() as db:
            return ranges.ahead(db, begun, after)

    @patient()
    def record(
        self, watch: str, found: Sequence[Found], *, begun: ScanBegun, started_at: int, now_ms: int, began_ms: int
    ) -> Recorded:
        """Write down some ranges as listed: new objects become pending, overwritten ones are marked.

        The Date of each answer tells what is fresh; `now_ms` is when they were first seen; `began_ms` (our clock)
        is when the listing began: what failed after that as gone is not back because of it.  A snapshot is of
        an instant, tells nothing of what came of its objects later, and covers no range.

        Raises:
            CloudError: see `begin_scan`.
        """
        with self._transactions.begin(durable=False) as db:
            refuse_other_source(db, watch, begun.source)
            watch_id, bucket_id, in_steady_state, empty_scans = db.execute(
                """
                SELECT id, bucket_id, complete_at IS NOT NULL AND complete_rules = rules, empty_scans
                  FROM watch WHERE name = ?
                """,
                (watch,),
            ).fetchone()
            if empty_scans and any(each.range.listed for each in found if each.as_of is None):
                db.execute("UPDATE watch SET empty_scans = 0 WHERE id = ?", (watch_id,))
            tally: Counter[tuple[int, str]] = Counter()
            changed: list[str] = []
            new, seen = 0, []
            for each in found:
                scene = Scene(
                    watch_id=watch_id, bucket_id=bucket_id, now_ms=now_ms, began_ms=began_ms, as_of=each.as_of
                )
                fresh_since = 0 if in_steady_state and begun.kind == "scan" else each.at - FRESH_MS
                taken = _take(db, scene, each.objects, fresh_since=fresh_since, tally=tally, changed=changed)
                new += taken.new
                again = taken.again or (each.repeats and ranges.is_doubted(db, begun, each.range))
                if each.as_of is None:
                    seen.append(replace(each.range, digest=b"") if again else each.range)
            add_to_tally(db, tally)
            ranges.confirm(db, begun, seen, started_at=started_at)
        return Recorded(new=new, changed=tuple(changed))

    @patient()
    def doubt_empty(self, watch: str, begun: ScanBegun) -> int:
        """Count an empty listing of a watch that had objects; return which in a row it is, 0 if it had none.

        One that is doubted is not gone on with.
        """
        with self._transactions.begin(durable=True) as db:
            db.execute(
                "UPDATE watch SET empty_scans = empty_scans + 1 WHERE name = ? AND complete_listed > 0", (watch,)
            )
            (times,) = db.execute("SELECT empty_scans FROM watch WHERE name = ?", (watch,)).fetchone()
            if times:
                ranges.forget(db, begun)
        return int(times)

    @patient()
    def finish_scan(
        self,
        watch: str,
        *,
        begun: ScanBegun,
        counted: ScanTotals,
        cost: ListingCost | None,
        started_at: int,
        now_ms: int,
        mostly_changed: bool,
        by_ranges: bool = True,
    ) -> ScanTotals | None:
        """Remember a complete scan, `started_at` by OSS's clock, `now_ms` by ours.

        Returns:
            The sum of its ranges; None if they leave out keys.  Where none were listed, or another process has begun
            a scan of the same meanwhile, which is then the one to be remembered: what this one `counted`.
            Without `cost` the one that is known stays.
        """
        with self._transactions.begin(durable=True) as db:
            if (by_ranges and ranges.is_overtaken(db, begun)) or not has_source(db, watch, begun.source):
                return counted
            totals = ranges.totals(db, begun) if by_ranges else counted
            if totals is None:
                return None
            ranges.close(db, begun, mostly_changed=mostly_changed)
            if begun.kind == "scan":
                db.execute(
                    """
                    UPDATE watch
                       SET complete_rules = rules, complete_started_at = ?, complete_at = ?, complete_listed = ?,
                           empty_scans = 0
                     WHERE name = ?
                    """,
                    (started_at, now_ms, totals.listed, watch),
                )
            if begun.kind == "scan" and cost:
                put_cost(db, watch, cost)
        return totals


def _watch_id(db: sqlite3.Connection, watch: str) -> int:
    (watch_id,) = db.execute("SELECT id FROM watch WHERE name = ?", (watch,)).fetchone()
    return int(watch_id)


class _Taken(NamedTuple):
    """What the objects of one range came to."""

    new: int
    again: bool  # whether they are to be looked at the next time, the same bytes or not


def _take(
    db: sqlite3.Connection,
    scene: Scene,
    objects: Objects,
    *,
    fresh_since: int,
    tally: Counter[tuple[int, str]],
    changed: list[str],
) -> _Taken:
    """Bring the rows of listed objects up to date."""
    worth, there = to_look_at(db, scene, objects)
    if not worth:
        return _Taken(new=0, again=False)
    known = known_among(db, scene.bucket_id, [key for key in worth.keys if there is None or key in there])
    new = worth.where([key not in known for key in worth.keys]) if known else worth
    _insert(db, scene, new, fresh_since=fresh_since)
    tally[scene.watch_id, "pending"] += len(new)
    met = [(each, known[each.key]) for each in worth.where([key in known for key in worth.keys])] if known else []
    changed += [listed.key for listed, row in met if see_again(db, scene, listed, row, tally=tally)]
    return _Taken(new=len(new), again=any(stays_away(scene, listed, row) for listed, row in met))


def _insert(db: sqlite3.Connection, scene: Scene, new: Objects, *, fresh_since: int) -> None:
    """Put new objects in line: in the fresh lane what was modified since `fresh_since`."""
    rows = zip(
        repeat(scene.bucket_id),
        new.keys,
        repeat(scene.watch_id),
        [0 if at >= fresh_since else 1 for at in new.modified_at],
        new.etags,
        new.sizes_bytes,
        new.modified_at,
        repeat(scene.now_ms),
        repeat(scene.now_ms),
    )
    while some := list(islice(rows, _ROWS_A_STATEMENT)):
        db.execute(_INSERT + ", ".join([_ROW] * len(some)), tuple(chain.from_iterable(some)))


_ROWS_A_STATEMENT = 100  # nearly twice as quick as one by one; SQLite takes 999 values at least
_INSERT = """
INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes, modified_at, first_seen_at, due_at) VALUES
"""
_ROW = "(?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?)"

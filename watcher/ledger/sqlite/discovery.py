"""The records of scans: moments of "now", listed ranges and their objects, complete scans."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watcher.ledger.entry_record import Sighting
from watcher.ledger.sqlite import ranges, starts
from watcher.ledger.sqlite.invalidation import invalidate_ownerless, is_invalidated
from watcher.ledger.sqlite.recording import RecordedObjects, record_objects
from watcher.ledger.sqlite.scan_ends import ScanEnds, put_cost
from watcher.ledger.sqlite.transactions import add_to_tally, patient
from watcher.ledger.sqlite.watches import has_source, refuse_other_source
from watcher.ledger.transitions import FRESH_MS
from watcher.model import Recorded, ScanKind
from watcher.rules.starts import is_anchored

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watcher.ledger.sqlite.records import Tally
    from watcher.ledger.sqlite.transactions import Transactions
    from watcher.model import Anchor, Found, ListingCost, Range, ScanBegun, ScanTotals


class Discovery(ScanEnds):
    """`port.ScanRecords` on SQLite; see there for the promises."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    # Moments of "now"

    def anchors(self, bucket: str) -> list[Anchor]:
        """Return the moments of `start = "now"` below all prefixes of a bucket."""
        with self._transactions.look() as db:
            return starts.anchors(db, bucket)

    @patient()
    def remember_start(self, bucket: str, prefix: str, *, now_ms: int) -> None:
        """Keep `now_ms` (our clock) as the moment of "now" below a prefix that has none."""
        if is_anchored(prefix, self.anchors(bucket)):
            return
        with self._transactions.begin(durable=True) as db:
            starts.remember(db, bucket, prefix, now_ms=now_ms)

    @patient()
    def correct_starts(self, bucket: str, *, now_ms: int, answered_at: int) -> None:
        """Move moments of our clock to OSS's, which was `answered_at` when ours was `now_ms`."""
        with self._transactions.look() as db:
            if not starts.is_to_be_corrected(db, bucket):
                return
        with self._transactions.begin(durable=True) as db:
            starts.correct(db, bucket, now_ms=now_ms, answered_at=answered_at)

    # One scan

    @patient()
    def begin_scan(
        self,
        watch: str,
        kind: ScanKind,
        *,
        source: str,
        decision_digest: str,
        now_ms: int,
        full_every_ms: int,
    ) -> ScanBegun:
        """Resume a scan that was interrupted, or begin the next one; see `ranges.begin`.

        Raises:
            CloudError: another process has this watch with another source.
        """
        with self._transactions.begin(durable=False) as db:
            refuse_other_source(db, watch, source)
            watch_id, was_complete = db.execute(
                "SELECT id, complete_at IS NOT NULL FROM watch WHERE name = ?", (watch,)
            ).fetchone()
            invalidate_ownerless(db, watch_id)
            begun = ranges.begin(
                db,
                watch_id,
                kind,
                source=source,
                decision_digest=decision_digest,
                now_ms=now_ms,
                full_every_ms=full_every_ms,
            )
        return replace(begun, is_usual=begun.is_usual and bool(was_complete))

    def remembered_ranges(self, begun: ScanBegun, after: str) -> list[tuple[Range, bool]]:
        """Return the next remembered ranges from the key `after` on, in order.

        Each comes with whether this scan has confirmed it already.
        """
        with self._transactions.look() as db:
            return ranges.remembered_ranges(db, begun, after)

    @patient()
    def record(
        self,
        watch: str,
        found: Sequence[Found],
        *,
        begun: ScanBegun,
        started_at: int,
        now_ms: int,
        began_ms: int,
    ) -> Recorded:
        """Write listed ranges: new objects become pending, overwritten ones are marked.

        Each answer's Date decides what is fresh; `now_ms` is when objects were first seen.  An
        entry that failed as gone after `began_ms` (our clock: the listing began) stays failed.

        Raises:
            CloudError: see `begin_scan`.
        """
        with self._transactions.begin(durable=False) as db:
            refuse_other_source(db, watch, begun.source)
            recording = _begin_recording(db, watch, begun, now_ms=now_ms, began_ms=began_ms)
            if recording.empty_scans and any(
                each.range.listed for each in found if each.as_of is None
            ):
                db.execute("UPDATE watch SET empty_scans = 0 WHERE name = ?", (watch,))
            new = 0
            changed: list[str] = []
            seen: list[Range] = []
            for each in found:
                recorded = _record_range(db, recording, each)
                new += recorded.new
                changed += recorded.changed
                if each.as_of is None:  # a snapshot lists no range
                    seen.append(_as_seen(db, begun, each, recorded))
            add_to_tally(db, recording.tally)
            ranges.confirm(db, begun, seen, started_at=started_at)
        return Recorded(new=new, changed=tuple(changed))

    @patient()
    def count_empty_scan(self, watch: str, begun: ScanBegun) -> int:
        """Count an empty listing of a watch that had objects.

        Return which in a row it is; 0 if the watch had none.  An empty scan that is not accepted
        is not resumed.
        """
        with self._transactions.begin(durable=True) as db:
            db.execute(
                """
                UPDATE watch SET empty_scans = empty_scans + 1
                 WHERE name = ? AND complete_listed > 0
                """,
                (watch,),
            )
            (times,) = db.execute(
                "SELECT empty_scans FROM watch WHERE name = ?", (watch,)
            ).fetchone()
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
            The sum of its ranges; None if they leave out keys.  Where no ranges were listed, or
            another scan has overtaken this one, that is `counted`.  Without `cost`, the known one
            stays.
        """
        with self._transactions.begin(durable=True) as db:
            is_overtaken = by_ranges and ranges.is_overtaken(db, begun)
            if is_overtaken or not has_source(db, watch, begun.source):
                return counted
            totals = ranges.totals(db, begun) if by_ranges else counted
            if totals is None:
                return None
            ranges.close(db, begun, mostly_changed=mostly_changed)
            if begun.kind == "scan":
                _put_complete(db, watch, totals, started_at=started_at, now_ms=now_ms)
                if cost is not None:
                    put_cost(db, watch, cost)
        return totals


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recording:
    """For which watch ranges are written down, within one transaction."""

    bucket_id: int
    sighting: Sighting
    all_fresh: bool  # a watch after its first complete scan finds only fresh objects
    empty_scans: int
    tally: Tally


def _begin_recording(
    db: sqlite3.Connection, watch: str, begun: ScanBegun, *, now_ms: int, began_ms: int
) -> _Recording:
    watch_id, bucket_id, is_complete, empty_scans = db.execute(
        """
        SELECT id, bucket_id, complete_at IS NOT NULL AND complete_rules = rules, empty_scans
          FROM watch WHERE name = ?
        """,
        (watch,),
    ).fetchone()
    return _Recording(
        bucket_id=bucket_id,
        sighting=Sighting(watch_id=watch_id, now_ms=now_ms, began_ms=began_ms),
        all_fresh=bool(is_complete) and begun.kind == "scan",
        empty_scans=empty_scans,
        tally=Counter(),
    )


def _record_range(db: sqlite3.Connection, recording: _Recording, found: Found) -> RecordedObjects:
    return record_objects(
        db,
        recording.bucket_id,
        replace(recording.sighting, as_of=found.as_of),
        found.objects,
        fresh_since=0 if recording.all_fresh else found.at - FRESH_MS,
        tally=recording.tally,
    )


def _as_seen(
    db: sqlite3.Connection, begun: ScanBegun, found: Found, recorded: RecordedObjects
) -> Range:
    """Return what to remember of a range: no digest if its objects must be looked at again."""
    look_again = recorded.look_again
    if found.repeats and not look_again:
        look_again = is_invalidated(db, begun, found.range)
    return replace(found.range, digest=b"") if look_again else found.range


def _put_complete(
    db: sqlite3.Connection, watch: str, totals: ScanTotals, *, started_at: int, now_ms: int
) -> None:
    db.execute(
        """
        UPDATE watch
           SET complete_rules = rules, complete_started_at = ?, complete_at = ?,
               complete_listed = ?, empty_scans = 0
         WHERE name = ?
        """,
        (started_at, now_ms, totals.listed, watch),
    )

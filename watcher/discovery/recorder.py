"""From pieces to the ledger: select, count, record."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from watcher.discovery.listing.trust import DigestTrust
from watcher.discovery.pieces import RememberedRanges
from watcher.errors import CloudError
from watcher.model import Excluded, Found, ListingCost, Objects, Range, ScanTotals
from watcher.model.reports import ScanReport

if TYPE_CHECKING:
    from watcher.discovery.pieces import Piece
    from watcher.discovery.reporter import ScanReporter
    from watcher.discovery.selector import ScanTarget, Selector
    from watcher.ledger.port import ScanRecords
    from watcher.model import ScanBegun, ScanEnd
    from watcher.ports import Clock

TIMES_UNTIL_EMPTY: Final = 3
"""Empty answers in a row after which a bucket that had objects counts as empty."""

_PIECES_A_COMMIT: Final = 10  # more at once would block registration for too long


class ScanRecorder:
    """Writes the pieces of one scan into the ledger, and counts them in `report`."""

    def __init__(
        self,
        target: ScanTarget,
        *,
        selector: Selector,
        records: ScanRecords,
        reporter: ScanReporter,
        clock: Clock,
        full: bool = False,
    ) -> None:
        self._target = target
        self._selector = selector
        self._records = records
        self._reporter = reporter
        self._clock = clock
        self._full = full  # use no remembered range
        self._excluded: Counter[str] = Counter()
        self._unwritten: list[Found] = []
        self._trust = DigestTrust(holds=False)
        self._begun: ScanBegun | None = None
        self._began_ms = 0
        self._started_at = 0  # OSS's clock: the first answer, of the scan that this one resumes
        self.is_answered = False  # whether a first piece came
        self.report = ScanReport(watch=target.name)

    @property
    def is_usual(self) -> bool:
        """Whether the next scans cost what this one costs: it is not the first, nor a full one."""
        return self._scan.is_usual

    @property
    def _scan(self) -> ScanBegun:
        if self._begun is None:
            raise RuntimeError("record nothing before `begin`")
        return self._begun

    def begin(self) -> RememberedRanges:
        """Begin a scan, or resume an interrupted one; return what may be left out or compared.

        The moment of `start = "now"` is kept before anything is listed.
        """
        target, self._began_ms = self._target, self._clock.now_ms()
        if target.start == "now":
            self._records.remember_start(
                target.rules.bucket, target.rules.prefix, now_ms=self._began_ms
            )
        begun = self._records.begin_scan(
            target.name,
            target.kind,
            source=target.source_url,
            decision_digest=self._selector.digest,
            now_ms=self._began_ms,
            full_every_ms=0 if self._full else target.full_every_ms,
        )
        self._begun, self._started_at = begun, begun.started_at
        self._trust.holds = begun.uses_digests
        self._excluded.update(begun.excluded)
        self.report.listed, self.report.matched = begun.listed, begun.matched
        self.report.start = self._selector.start
        self._reporter.started(self.report)
        return RememberedRanges(
            after=partial(self._records.remembered_ranges, begun),
            trust=self._trust,
            makes_digests=begun.digests,
        )

    def skip_outside(self) -> bool:
        """Record the ranges outside of the target's bounds as listed; return whether there are any.

        Only then do the ranges of a narrowed backfill tile all keys.
        """
        above, upto = self._target.above, self._target.upto
        outside = [Range(lo="", hi=above)] if above else []
        outside += [Range(lo=upto, hi=None)] if upto is not None else []
        self._unwritten = [Found(range=each, objects=Objects.of(()), at=0) for each in outside]
        return self.write()

    def record_piece(self, piece: Piece, *, as_of: int | None) -> bool:
        """Select from a piece and count it; return whether the ledger was written.

        Args:
            piece: what was listed.
            as_of: the instant that it shows, in milliseconds since the epoch; None = now.
        """
        if piece.starts_over:
            self._start_over()
        if not self.is_answered:
            self.is_answered, self._started_at = True, self._started_at or piece.at
            self.correct_starts(piece.at)
            self._selector.resolve_starts(piece.at)
        found = self._found(piece, as_of)
        self._unwritten.append(found)
        self.report.listed += found.range.listed
        self.report.matched += found.range.matched
        self._excluded.update(found.range.excluded)
        self.report.excluded = dict(sorted(self._excluded.items()))
        if piece.is_last_waiting or len(self._unwritten) >= _PIECES_A_COMMIT:
            return self.write()
        return False

    def _start_over(self) -> None:
        self.write()
        self._excluded.clear()
        self._reporter.start_over()
        self.report.listed = self.report.matched = 0

    def correct_starts(self, answered_at: int | None) -> None:
        """Move moments of our clock to OSS's, if an answer shows it."""
        if answered_at is not None:
            bucket, now_ms = self._target.rules.bucket, self._clock.now_ms()
            self._records.correct_starts(bucket, now_ms=now_ms, answered_at=answered_at)

    def _found(self, piece: Piece, as_of: int | None) -> Found:
        """Return what the ledger keeps of a piece."""
        if piece.was_known:
            self._trust.learn(repeated=piece.known is not None)
        if piece.known:
            known = replace(piece.known, lo=piece.lo, hi=piece.hi)
            return Found(range=known, objects=piece.objects, at=piece.at, repeats=True)
        selection = self._selector.select(piece.objects, now_ms=piece.at)
        self._reporter.selected(selection, not_utf8=piece.not_utf8)
        excluded = {str(reason): n for reason, n in selection.excluded.items()}
        if piece.not_utf8:
            excluded[Excluded.KEY_NOT_UTF8] = piece.not_utf8
        return Found(
            range=Range(
                lo=piece.lo,
                hi=piece.hi,
                listed=len(piece.objects) + piece.not_utf8,
                matched=len(selection.selected),
                excluded=excluded,
                n_bytes=piece.n_bytes,
                digest=b"" if selection.is_deferred else piece.digest,
            ),
            objects=selection.selected,
            at=piece.at,
            as_of=as_of,
        )

    def write(self) -> bool:
        """Write all pieces that are not written yet; return whether there were any."""
        if not self._unwritten:
            return False
        recorded = self._records.record(
            self._target.name,
            self._unwritten,
            begun=self._scan,
            started_at=self._started_at,
            now_ms=self._clock.now_ms(),
            began_ms=self._began_ms,
        )
        self._unwritten = []
        self.report.new += recorded.new
        self.report.changed += len(recorded.changed)
        self._reporter.changed(recorded.changed)
        return True

    def check_empty(self) -> None:
        """Refuse an empty listing of a watch that had objects, until it is the third in a row.

        Raises:
            CloudError: it does not count yet.
        """
        if self.report.listed or not self._target.lists_all:
            return
        times = self._records.count_empty_scan(self._target.name, self._scan)
        if 0 < times < TIMES_UNTIL_EMPTY:
            where = f'{self._target.source_url} (watch "{self._target.name}")'
            raise CloudError(
                f"OSS lists no objects below {where}. The last complete scan found objects there. "
                f"An empty listing is accepted after {TIMES_UNTIL_EMPTY} scans in a row; "
                f"this is number {times}",
                hint=(
                    "If you deleted the objects, scan again. "
                    "If not, check the bucket and the prefix."
                ),
            )

    def finish(self, *, by_ranges: bool) -> None:
        """Remember a complete scan, or find out that its ranges leave out keys.

        Args:
            by_ranges: whether the ranges in the ledger must prove that nothing is missing.
        """
        report, cost = self.report, None
        if self.is_usual:
            took_ms = int(report.duration_s * 1000)
            cost = ListingCost(calls=report.list_calls, n_bytes=report.list_bytes, took_ms=took_ms)
        totals = self._records.finish_scan(
            self._target.name,
            begun=self._scan,
            counted=ScanTotals(
                listed=report.listed, matched=report.matched, excluded=dict(self._excluded)
            ),
            by_ranges=by_ranges,
            cost=cost,
            started_at=self._started_at,
            now_ms=self._clock.now_ms(),
            mostly_changed=self._trust.mostly_changed,
        )
        if totals is None:
            report.complete = False
            report.error = CloudError(
                f"the listing of {self._target.source_url} left out keys",
                hint="Nothing is lost. Scan again: the next scan lists from the front.",
            )
            return
        report.listed, report.matched = totals.listed, totals.matched
        report.excluded = dict(sorted(totals.excluded.items()))

    def remember_end(self, end: ScanEnd) -> None:
        """Keep how the scan ended."""
        self._records.end_scan(self._target.name, end, source=self._target.source_url)

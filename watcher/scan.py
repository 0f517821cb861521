"""Use case: source -> ledger.  One pass over what a watch watches, gone on with where an earlier one was cut short."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from watcher import scan_log
from watcher.errors import CloudError, StartAfterIgnored
from watcher.listing import (
    PAGE_SIZE,
    Asking,
    RangeListing,
    Trust,
    intervals,
    pieces_in_order,
    pieces_of_snapshot,
    within,
)
from watcher.model import Excluded, Found, ListingCost, Objects, Range, ScanTotals
from watcher.observe import logs
from watcher.reports import ScanReport
from watcher.rules import starts
from watcher.rules.advice import PatternUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.errors import WatcherError
    from watcher.listing import Piece
    from watcher.model import ScanBegun
    from watcher.ports import Clock, Snapshot, Source
    from watcher.records import Records
    from watcher.sieve import Sieve, Watched

BELIEVED_EMPTY = 3  # empty answers in a row that it takes to believe that a bucket which had objects has none
_CALLS_BETWEEN_LINES = 100  # a listing of millions must not be mute
_PIECES_A_COMMIT = 10  # more at once would keep the ledger from those who register


class Scan:
    """One scan of one watch; `run` returns its report."""

    def __init__(
        self,
        watched: Watched,
        *,
        sieve: Sieve,
        source: Source,
        records: Records,
        concurrency: int,
        pace: Callable[[float], bool],
        clock: Clock,
        jitter: Callable[[], float],
        emit: Callable[..., None],
        progress: Callable[[ScanReport], None],
        snapshot: Snapshot | None = None,
        full: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._watched = watched
        self._sieve = sieve
        self._source = source
        self._concurrency = concurrency
        self._asking = Asking(source, pace=pace, clock=clock, jitter=jitter)
        self._snapshot = snapshot  # stands in for the listing
        self._asked: Asking | Snapshot = snapshot or self._asking
        self._records = records
        self._clock = clock
        self._emit = emit
        self._progress = progress
        self._full = full  # trust no remembered range
        self._page_size = page_size
        self._excluded: Counter[str] = Counter()
        self._waiting: list[Found] = []  # not written down yet
        self._patterns = PatternUse(watched.rules, watched.filters)
        self._trust = Trust(holds=False)
        self._met = False
        self._began_ms = 0
        self._started_at = 0  # OSS's clock: the first answer, of the scan that this one goes on with
        self.report = ScanReport(watch=watched.name)

    def run(self) -> ScanReport:
        """List what is left to list, record what is selected, and say whether the listing is complete."""
        began, self._began_ms = self._clock.monotonic(), self._clock.now_ms()
        begun = self._begin()
        try:
            self.report.complete = self._list(begun)
            self._believe(begun)
        except CloudError as error:
            self._correct_starts(error.answered_at)
            self.report.complete = False
            self.report.error = error
        self.report.list_calls, self.report.list_bytes = self._asked.calls, self._asked.n_bytes
        self.report.duration_s = round(self._clock.monotonic() - began, 3)
        if self.report.complete:
            self._finish(begun)
        self._remember_end()
        self._log_end(begun)
        return self.report

    def fail(self, error: WatcherError) -> None:
        """Log and keep that the scan could not run, or ended in an error that `run` does not expect."""
        self.report.error, self.report.complete = error, False
        self._remember_end()
        scan_log.log_incomplete(self._emit, self.report)

    def _begin(self) -> ScanBegun:
        """Take over the counts of a scan that was cut short; before that, see that "now" has its moment."""
        watched = self._watched
        if watched.start == "now":
            self._records.remember_start(watched.rules.bucket, watched.rules.prefix, now_ms=self._began_ms)
        begun = self._records.begin_scan(
            watched.name,
            watched.kind,
            source=watched.source_url,
            basis=self._sieve.digest,
            now_ms=self._began_ms,
            full_every_ms=0 if self._full else watched.full_every_ms,
        )
        self._trust.holds = begun.trusts
        self._started_at = begun.started_at
        self._excluded.update(begun.excluded)
        self.report.listed, self.report.matched = begun.listed, begun.matched
        self.report.start = self._sieve.start
        since = {name: value for name, value in starts.shown(self.report.start).items() if value}
        self._emit(logs.SCAN_STARTED, watch=watched.name, source=watched.source_url, listed=begun.listed, **since)
        return begun

    def _list(self, begun: ScanBegun) -> bool:
        """List and record; return whether nothing was left out."""
        if self._snapshot:
            above, upto = self._watched.above, self._watched.upto
            return self._take_all(pieces_of_snapshot(self._snapshot, above=above, upto=upto), begun)
        listing = RangeListing(
            self._source,
            self._asking,
            concurrency=self._concurrency,
            digests=begun.digests,
            clock=self._clock,
            lowered=lambda n: self._emit(logs.THROTTLE_LOWERED, watch=self._watched.name, list_concurrency=n),
            page_size=self._page_size,
        )
        self._leave_out(begun)
        remembered = intervals(partial(self._records.ahead, begun), self._trust, page_size=self._page_size)
        try:
            try:
                for piece in listing.pieces(within(remembered, self._watched.above, self._watched.upto)):
                    self._take(piece, begun)
            finally:
                self._write(begun)
        except StartAfterIgnored:
            return self._take_all(pieces_in_order(self._asking), begun)
        return listing.is_complete

    def _leave_out(self, begun: ScanBegun) -> None:
        """Count what lies outside of the watch's bounds as listed."""
        above, upto = self._watched.above, self._watched.upto
        outside = [Range(lo="", hi=above)] if above else []
        outside += [Range(lo=upto, hi=None)] if upto is not None else []
        self._waiting = [Found(range=each, objects=Objects.of(()), at=0) for each in outside]
        self._write(begun)

    def _take_all(self, pieces: Iterator[Piece], begun: ScanBegun) -> bool:
        """Record pieces one after the other, from the front; return whether the last one came."""
        self._excluded.clear()
        self._patterns = PatternUse(self._watched.rules, self._watched.filters)
        self.report.listed = self.report.matched = 0
        is_complete = False
        try:
            for piece in pieces:
                is_complete = piece.hi is None
                self._take(piece, begun)
        finally:
            self._write(begun)
        return is_complete

    def _take(self, piece: Piece, begun: ScanBegun) -> None:
        if not self._met:
            self._met, self._started_at = True, self._started_at or piece.at
            self._correct_starts(piece.at)
            self._sieve.resolve_starts(piece.at)
        found = self._sifted(piece)
        self._waiting.append(found)
        report = self.report
        report.listed += found.range.listed
        report.matched += found.range.matched
        self._excluded.update(found.range.excluded)
        report.excluded = dict(sorted(self._excluded.items()))
        if piece.is_last_waiting or len(self._waiting) >= _PIECES_A_COMMIT:
            self._write(begun)

    def _correct_starts(self, answered_at: int | None) -> None:
        """Move moments of our clock to OSS's, if this answer shows it."""
        if answered_at is not None:
            bucket, now_ms = self._watched.rules.bucket, self._clock.now_ms()
            self._records.correct_starts(bucket, now_ms=now_ms, answered_at=answered_at)

    def _sifted(self, piece: Piece) -> Found:
        """Return what is written down of a piece."""
        if piece.was_known:
            self._trust.learn(repeated=piece.known is not None)
        if piece.known:
            known = replace(piece.known, lo=piece.lo, hi=piece.hi)
            return Found(range=known, objects=piece.objects, at=piece.at, repeats=True)
        sifted = self._sieve.sift(piece.objects, now_ms=piece.at)
        self._patterns.see(sifted.page, not_utf8=piece.not_utf8)
        excluded = {str(reason): n for reason, n in sifted.excluded.items()}
        if piece.not_utf8:
            excluded[Excluded.KEY_NOT_UTF8] = piece.not_utf8
        if logs.tells(logs.OBJECT_EXCLUDED):
            for key, reason in sifted.left_out:
                self._emit(logs.OBJECT_EXCLUDED, watch=self._watched.name, key=key, reason=str(reason))
        return Found(
            range=Range(
                lo=piece.lo,
                hi=piece.hi,
                listed=len(piece.objects) + piece.not_utf8,
                matched=len(sifted.selected),
                excluded=excluded,
                n_bytes=piece.n_bytes,
                digest=b"" if sifted.is_deferred else piece.digest,
            ),
            objects=sifted.selected,
            at=piece.at,
            as_of=self._snapshot.as_of if self._snapshot else None,
        )

    def _write(self, begun: ScanBegun) -> None:
        """Write down what came since the last time."""
        if not self._waiting:
            return
        report = self.report
        recorded = self._records.record(
            self._watched.name,
            self._waiting,
            begun=begun,
            started_at=self._started_at,
            now_ms=self._clock.now_ms(),
            began_ms=self._began_ms,
        )
        self._waiting = []
        report.new += recorded.new
        report.changed += len(recorded.changed)
        for key in recorded.changed if self._watched.report_overwritten else ():
            self._emit(logs.OBJECT_CHANGED, watch=self._watched.name, bucket=self._source.bucket, key=key)
        before, report.list_calls = report.list_calls, self._asked.calls
        self._progress(report)
        if report.list_calls // _CALLS_BETWEEN_LINES > before // _CALLS_BETWEEN_LINES:
            facts = {name: getattr(report, name) for name in ("watch", "listed", "new", "list_calls")}
            self._emit(logs.SCAN_PROGRESS, **facts)

    def _believe(self, begun: ScanBegun) -> None:
        """Doubt an empty answer for a watch that had objects.

        Raises:
            CloudError: it is not believed yet.
        """
        if not self.report.complete or self.report.listed or not self._watched.lists_all:
            return
        times = self._records.doubt_empty(self._watched.name, begun)
        if 0 < times < BELIEVED_EMPTY:
            where = f'{self._watched.source_url} (watch "{self._watched.name}")'
            raise CloudError(
                f"OSS answered that there is nothing below {where}, where the last complete scan found objects; "
                f"it is believed when answered {BELIEVED_EMPTY} times in a row, now {times}",
                hint="If the objects were deleted on purpose, scan again; if not, check the bucket and the prefix.",
            )

    def _finish(self, begun: ScanBegun) -> None:
        report, cost = self.report, None
        if begun.is_usual:
            took_ms = int(report.duration_s * 1000)
            cost = ListingCost(calls=report.list_calls, n_bytes=report.list_bytes, took_ms=took_ms)
        counted = ScanTotals(listed=report.listed, matched=report.matched, excluded=dict(self._excluded))
        totals = self._records.finish_scan(
            self._watched.name,
            begun=begun,
            counted=counted,
            by_ranges=self._snapshot is None,
            cost=cost,
            started_at=self._started_at,
            now_ms=self._clock.now_ms(),
            mostly_changed=self._trust.mostly_changed,
        )
        if totals is None:
            report.complete = False
            report.error = CloudError(
                f"the listing of {self._watched.source_url} left out keys",
                hint="Nothing is lost. Scan again: the next scan lists from the front.",
            )
            return
        report.listed, report.matched = totals.listed, totals.matched
        report.excluded = dict(sorted(totals.excluded.items()))

    def _remember_end(self) -> None:
        """Keep how it ended, unless it was stopped before OSS answered: that says nothing new."""
        report, watched = self.report, self._watched
        if report.complete or report.error or self._met:
            end = scan_log.end_of(report, watched.kind, covered=watched.covered, now_ms=self._clock.now_ms())
            self._records.end_scan(watched.name, end, source=watched.source_url)

    def _log_end(self, begun: ScanBegun) -> None:
        report, watched = self.report, self._watched
        if not report.complete:
            scan_log.log_incomplete(self._emit, report)
            return
        report.notes = self._patterns.notes(
            watch=report.watch, listed=report.listed, matched=report.matched, excluded=report.excluded
        )
        scan_log.log_finished(
            self._emit,
            report,
            watched,
            records=self._records,
            is_usual=begun.is_usual and not self._snapshot,
            now_ms=self._clock.now_ms(),
        )

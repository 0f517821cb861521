"""Use case: scan one watch. Resume a scan that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.discovery import scan_log
from watcher.errors import CloudError

if TYPE_CHECKING:
    from watcher.discovery.pieces import PieceSource, RememberedRanges
    from watcher.discovery.recorder import ScanRecorder
    from watcher.discovery.reporter import ScanReporter
    from watcher.discovery.selector import ScanTarget
    from watcher.errors import WatcherError
    from watcher.model.reports import ScanReport
    from watcher.ports import Clock


class Scan:
    """One scan of one watch: a source of pieces, their recorder and a reporter."""

    def __init__(
        self,
        target: ScanTarget,
        *,
        source: PieceSource,
        recorder: ScanRecorder,
        reporter: ScanReporter,
        clock: Clock,
    ) -> None:
        self._target = target
        self._source = source
        self._recorder = recorder
        self._reporter = reporter
        self._clock = clock
        self.report = recorder.report

    def run(self) -> ScanReport:
        """List what is left to list, record what is selected; return the counts.

        The report says whether the listing is complete, and why not.
        """
        began, report = self._clock.monotonic(), self.report
        remembered = self._recorder.begin()
        try:
            self._record_all(remembered)
            report.complete = self._source.is_complete
            if report.complete:
                self._recorder.check_empty()
        except CloudError as error:
            self._recorder.correct_starts(error.answered_at)
            report.complete, report.error = False, error
        report.list_calls, report.list_bytes = self._source.calls, self._source.n_bytes
        report.duration_s = round(self._clock.monotonic() - began, 3)
        if report.complete:
            self._recorder.finish(by_ranges=self._source.proves_completeness)
        self._remember_end()
        if report.complete:
            is_usual = self._recorder.is_usual and self._source.as_of is None
            self._reporter.finished(report, is_usual=is_usual)
        else:
            self._reporter.incomplete(report)
        return report

    def fail(self, error: WatcherError) -> None:
        """Log and keep that the scan could not run, or that it met an unforeseen error."""
        self.report.error, self.report.complete = error, False
        self._remember_end()
        self._reporter.incomplete(self.report)

    def _record_all(self, remembered: RememberedRanges) -> None:
        if self._source.proves_completeness and self._recorder.skip_outside():
            self._show_progress()
        try:
            for piece in self._source.pieces(remembered):
                if self._recorder.record_piece(piece, as_of=self._source.as_of):
                    self._show_progress()
        finally:
            if self._recorder.write():
                self._show_progress()

    def _show_progress(self) -> None:
        self._reporter.progressed(self.report, calls=self._source.calls)

    def _remember_end(self) -> None:
        """Keep how it ended; a stop before OSS answered says nothing new."""
        report, target = self.report, self._target
        if report.complete or report.error or self._recorder.is_answered:
            end = scan_log.end_of(
                report, target.kind, covered=target.covered, now_ms=self._clock.now_ms()
            )
            self._recorder.remember_end(end)

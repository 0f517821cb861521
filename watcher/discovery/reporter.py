"""The log lines, progress and notes of one scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.discovery import scan_log
from watcher.observe import logs
from watcher.rules import starts
from watcher.rules.advice import PatternUse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.discovery.selector import ScanTarget, Selection
    from watcher.ledger.port import ScanRecords
    from watcher.model.reports import ScanReport
    from watcher.ports import Clock

_CALLS_BETWEEN_LINES: Final = 100  # a listing of millions logs its progress
_PROGRESS: Final = ("watch", "listed", "new", "list_calls")


class ScanReporter:
    """Reports what happens in one scan; changes nothing."""

    def __init__(
        self,
        target: ScanTarget,
        *,
        records: ScanRecords,
        clock: Clock,
        emit: Callable[..., None],
        progress: Callable[[ScanReport], None],
    ) -> None:
        self._target = target
        self._records = records
        self._clock = clock
        self._emit = emit
        self._progress = progress
        self._patterns = PatternUse(target.rules, target.filters)

    def started(self, report: ScanReport) -> None:
        """Log that a scan starts, with the objects that an interrupted one has listed."""
        since = {name: value for name, value in starts.shown(report.start).items() if value}
        self._emit(
            logs.SCAN_STARTED,
            watch=self._target.name,
            source=self._target.source_url,
            listed=report.listed,
            **since,
        )

    def start_over(self) -> None:
        """Forget which patterns matched."""
        self._patterns = PatternUse(self._target.rules, self._target.filters)

    def selected(self, selection: Selection, *, not_utf8: int) -> None:
        """Note which patterns match; log each object that is left out, at level debug."""
        self._patterns.see(selection.page, not_utf8=not_utf8)
        if logs.is_enabled(logs.OBJECT_EXCLUDED):
            for key, reason in selection.left_out:
                self._emit(
                    logs.OBJECT_EXCLUDED, watch=self._target.name, key=key, reason=str(reason)
                )

    def changed(self, keys: Sequence[str]) -> None:
        """Log the registered objects that were overwritten."""
        for key in keys if self._target.report_overwritten else ():
            self._emit(
                logs.OBJECT_CHANGED,
                watch=self._target.name,
                bucket=self._target.rules.bucket,
                key=key,
            )

    def progressed(self, report: ScanReport, *, calls: int) -> None:
        """Report how far the scan is; log it every 100 calls."""
        before, report.list_calls = report.list_calls, calls
        self._progress(report)
        if calls // _CALLS_BETWEEN_LINES > before // _CALLS_BETWEEN_LINES:
            self._emit(logs.SCAN_PROGRESS, **{name: getattr(report, name) for name in _PROGRESS})

    def incomplete(self, report: ScanReport) -> None:
        """Log that the scan is incomplete, why, and the cure."""
        scan_log.log_incomplete(self._emit, report)

    def finished(self, report: ScanReport, *, is_usual: bool) -> None:
        """Log a complete scan with its notes; `is_usual`: the next ones cost the same."""
        report.notes = self._patterns.notes(
            watch=report.watch,
            listed=report.listed,
            matched=report.matched,
            excluded=report.excluded,
        )
        scan_log.log_finished(
            self._emit,
            report,
            self._target,
            records=self._records,
            is_usual=is_usual,
            now_ms=self._clock.now_ms(),
        )

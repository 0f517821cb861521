"""What a daemon tells of its work: to the log, to the metrics, and to the page's memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.observe.history import History
    from watcher.observe.metrics import Metrics
    from watcher.reports import RegisterReport, ScanReport


class Notes:
    """`ports.Progress`, and where events go; for any number of threads."""

    def __init__(self, metrics: Metrics, history: History, *, came: Callable[[], None]) -> None:
        self._metrics = metrics
        self._history = history
        self._came = came  # told when something new was put in line
        self._turn = threading.Lock()
        self._told: dict[str, tuple[int, int, int]] = {}  # by watch, of the scan that runs: listed, requests, new
        self._scans: dict[str, ScanReport] = {}  # by watch: the last that ended

    # Events

    def emit(self, event: str, /, **fields: Any) -> None:
        """Write an event to the log, and count it."""
        logs.emit(event, **fields)
        match event:
            case logs.SCAN_STARTED:
                self._told[fields["watch"]] = fields["listed"], 0, 0
            case logs.MEDIA_REGISTERED:
                self._metrics.registered(
                    fields["watch"], new_register=fields["new_register"], after_s=fields["after_s"]
                )
            case logs.MEDIA_FAILED:
                self._metrics.failed(fields["watch"], fields["reason"])
            case _:
                pass

    def called(self, code: str, seconds: float) -> None:
        """Count a RegisterMedia call."""
        self._metrics.called(code, seconds)

    # Progress

    def begin(self, *, in_line: int, to_list: int | None) -> None:
        """See `ports.Progress.begin`."""

    def listed(self, scan: ScanReport) -> None:
        """See `ports.Progress.listed`."""
        with self._turn:
            listed, calls, new = self._told.get(scan.watch, (0, 0, 0))
            self._told[scan.watch] = scan.listed, scan.list_calls, scan.new
        self._metrics.listed(scan.watch, calls=max(0, scan.list_calls - calls), objects=max(0, scan.listed - listed))
        if scan.new > new:
            self._came()

    def listing_ended(self) -> None:
        """See `ports.Progress.listing_ended`."""

    def registered(self, report: RegisterReport) -> None:
        """See `ports.Progress.registered`."""

    # Scans

    def scanned(self, report: ScanReport, *, started_at_ms: int) -> None:
        """Remember a scan that ended."""
        self.listed(report)
        self._metrics.scanned(report.watch, seconds=report.duration_s, complete=report.complete)
        self._history.scanned(report, started_at_ms=started_at_ms)
        self._scans[report.watch] = report

    def incomplete(self) -> list[ScanReport]:
        """Return the last scans that ended early."""
        return [report for _, report in sorted(self._scans.items()) if not report.complete]

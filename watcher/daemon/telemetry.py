"""Report a daemon's work to the log, the metrics and the page's history."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.model.reports import RegisterReport, ScanReport
    from watcher.observe.history import History
    from watcher.observe.metrics import Metrics


class _Counted(NamedTuple):
    """The part of a scan that is in the metrics already."""

    listed: int = 0
    list_calls: int = 0
    new: int = 0


class Telemetry:
    """`ports.Progress` and the receiver of events, for any number of threads."""

    def __init__(self, metrics: Metrics, history: History, *, on_new: Callable[[], None]) -> None:
        self._metrics = metrics
        self._history = history
        self._on_new = on_new  # called when a new entry was queued
        self._lock = threading.Lock()
        self._counted: dict[str, _Counted] = {}  # by watch, of the scan that runs
        self._scans: dict[str, ScanReport] = {}  # by watch: the last that ended

    # Events

    def emit(self, event: str, /, **fields: Any) -> None:
        """Write an event to the log, and count it."""
        logs.emit(event, **fields)
        match event:
            case logs.SCAN_STARTED:
                self._counted[fields["watch"]] = _Counted(listed=fields["listed"])
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

    def begin(self, *, queued: int, to_list: int | None) -> None:
        """See `ports.Progress.begin`."""

    def listed(self, scan: ScanReport) -> None:
        """See `ports.Progress.listed`."""
        with self._lock:
            before = self._counted.get(scan.watch, _Counted())
            self._counted[scan.watch] = _Counted(scan.listed, scan.list_calls, scan.new)
        self._metrics.listed(
            scan.watch,
            calls=max(0, scan.list_calls - before.list_calls),
            objects=max(0, scan.listed - before.listed),
        )
        if scan.new > before.new:
            self._on_new()

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

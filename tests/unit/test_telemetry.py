"""A daemon's scans increment its metrics, and wake up registration."""

from __future__ import annotations

from watcher.daemon.telemetry import Telemetry
from watcher.model.reports import ScanReport
from watcher.observe import logs
from watcher.observe.history import History
from watcher.observe.metrics import Metrics, MetricsSnapshot


class Reported:
    """A `Telemetry`, its metrics and its wake-ups."""

    def __init__(self) -> None:
        self.metrics = Metrics(MetricsSnapshot)
        self.came = 0
        self.telemetry = Telemetry(self.metrics, History(), on_new=self._note)

    def _note(self) -> None:
        self.came += 1

    def figure(self, name: str) -> float:
        lines = self.metrics.exposition().decode().splitlines()
        return next(
            (
                float(line.split()[-1])
                for line in lines
                if line.startswith(f"oss_vod_watcher_{name}")
            ),
            0.0,
        )


def test_a_resumed_scan_counts_only_what_it_lists_itself() -> None:
    reported = Reported()
    reported.telemetry.emit(logs.SCAN_STARTED, watch="w", source="oss://b/", listed=5000)
    reported.telemetry.listed(ScanReport(watch="w", listed=6000, list_calls=1))
    reported.telemetry.listed(ScanReport(watch="w", listed=8000, list_calls=3))
    reported.telemetry.scanned(
        ScanReport(watch="w", listed=8000, list_calls=4, complete=True), started_at_ms=0
    )
    assert reported.figure("listed_objects_total") == 3000
    assert reported.figure("list_calls_total") == 4


def test_only_new_entries_wake_registration() -> None:
    reported = Reported()
    reported.telemetry.emit(logs.SCAN_STARTED, watch="w", source="oss://b/", listed=0)
    reported.telemetry.listed(ScanReport(watch="w", listed=1000))
    assert reported.came == 0
    reported.telemetry.listed(ScanReport(watch="w", listed=2000, new=1))
    reported.telemetry.listed(ScanReport(watch="w", listed=3000, new=1))
    assert reported.came == 1


def test_scans_that_end_early_are_counted_and_complete_ones_are_not() -> None:
    reported = Reported()
    for complete in (False, True, False):
        reported.telemetry.scanned(ScanReport(watch="w", complete=complete), started_at_ms=0)
    assert reported.figure("incomplete_scans_total") == 2

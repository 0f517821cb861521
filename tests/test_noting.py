"""What a daemon tells of its scans: increments to the metrics, and when those who register are to wake up."""

from __future__ import annotations

from watcher.observe import logs
from watcher.observe.history import History
from watcher.observe.metrics import Metrics, Standing
from watcher.reports import ScanReport
from watcher.wiring.noting import Notes


class Told:
    """Notes, and what came of them."""

    def __init__(self) -> None:
        self.metrics = Metrics(Standing)
        self.came = 0
        self.notes = Notes(self.metrics, History(), came=self._note)

    def _note(self) -> None:
        self.came += 1

    def figure(self, name: str) -> float:
        lines = self.metrics.exposition().decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"oss_vod_watcher_{name}")), 0.0)


def test_a_scan_that_goes_on_with_one_cut_short_counts_only_what_it_lists_itself() -> None:
    told = Told()
    told.notes.emit(logs.SCAN_STARTED, watch="w", source="oss://b/", listed=5000)
    told.notes.listed(ScanReport(watch="w", listed=6000, list_calls=1))
    told.notes.listed(ScanReport(watch="w", listed=8000, list_calls=3))
    told.notes.scanned(ScanReport(watch="w", listed=8000, list_calls=4, complete=True), started_at_ms=0)
    assert told.figure("listed_objects_total") == 3000
    assert told.figure("list_calls_total") == 4


def test_only_what_is_new_wakes_those_who_register() -> None:
    told = Told()
    told.notes.emit(logs.SCAN_STARTED, watch="w", source="oss://b/", listed=0)
    told.notes.listed(ScanReport(watch="w", listed=1000))
    assert told.came == 0
    told.notes.listed(ScanReport(watch="w", listed=2000, new=1))
    told.notes.listed(ScanReport(watch="w", listed=3000, new=1))
    assert told.came == 1


def test_scans_that_end_early_are_counted_and_complete_ones_are_not() -> None:
    told = Told()
    for complete in (False, True, False):
        told.notes.scanned(ScanReport(watch="w", complete=complete), started_at_ms=0)
    assert told.figure("incomplete_scans_total") == 2

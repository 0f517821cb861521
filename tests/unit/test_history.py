"""The history for the page stays small and in order, even after the clock was set back."""

from __future__ import annotations

import itertools

from watcher.errors import Unavailable
from watcher.model.reports import ScanReport
from watcher.observe.history import History, Sample

TEN_S = 10_000
DAY_MS = 86_400_000


def filled(seconds: int, *, start_ms: int = 0) -> History:
    history = History()
    for n in range(seconds // 10 + 1):
        history.sample(start_ms + n * TEN_S, backlog=n % 7, registered=n, failed=0)
    return history


def test_an_hour_is_kept_in_full_and_a_day_in_steps_of_five_minutes() -> None:
    history = filled(3 * 86_400)
    hour, day = history.last_hour(), history.last_day()
    assert hour[-1].at_ms == day[-1].at_ms == 3 * DAY_MS
    assert hour[-1].at_ms - hour[0].at_ms == 3_600_000
    assert day[-1].at_ms - day[0].at_ms == DAY_MS
    assert {b.at_ms - a.at_ms for a, b in itertools.pairwise(day)} == {300_000}


def test_the_newest_sample_ends_the_day_as_well() -> None:
    history = filled(610)
    assert [each.at_ms for each in history.last_day()] == [0, 300_000, 600_000, 610_000]


def test_a_new_history_is_empty() -> None:
    history = History()
    assert (history.last_hour(), history.last_day(), history.scans()) == ((), (), {})


def test_a_clock_set_back_an_hour_leaves_no_sample_of_the_future() -> None:
    history = filled(7200)
    history.sample(3_605_000, backlog=1, registered=2, failed=3)
    newest = Sample(at_ms=3_605_000, backlog=1, registered=2, failed=3)
    for samples in (history.last_hour(), history.last_day()):
        assert samples[-1] == newest
        times = [each.at_ms for each in samples]
        assert times == sorted(set(times))


def test_the_last_twenty_scans_of_each_watch_are_kept_the_newest_first() -> None:
    history = History()
    for n in range(50):
        history.scanned(ScanReport(watch="busy", complete=True, listed=n), started_at_ms=n)
    history.scanned(ScanReport(watch="quiet", complete=True), started_at_ms=7)
    scans = history.scans()
    assert [scan.listed for scan in scans["busy"]] == list(range(49, 29, -1))
    assert [scan.started_at_ms for scan in scans["quiet"]] == [7]


def test_an_incomplete_scan_says_why() -> None:
    history = History()
    history.scanned(ScanReport(watch="w", error=Unavailable("OSS did not answer")), started_at_ms=1)
    history.scanned(ScanReport(watch="w"), started_at_ms=2)
    history.scanned(ScanReport(watch="w", complete=True), started_at_ms=3)
    assert [scan.why for scan in history.scans()["w"]] == [
        "",
        "it was stopped",
        "OSS did not answer",
    ]


def test_a_report_that_changes_later_does_not_change_the_history() -> None:
    history, report = History(), ScanReport(watch="w", excluded={"empty": 1})
    history.scanned(report, started_at_ms=1)
    report.excluded["empty"] = 9
    assert history.scans()["w"][0].excluded == {"empty": 1}

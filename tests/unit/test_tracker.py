"""Progress of a run: rates over the last ten seconds, the rest, a line every ten seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fakes import FakeClock
from watcher.errors import CloudError
from watcher.model.reports import RegisterReport, ScanReport
from watcher.operations.owner_wait import WaitEnd, wait_for_owner
from watcher.operations.progress import ProgressReport, ProgressTracker
from watcher.registration.give_up import GiveUp

if TYPE_CHECKING:
    from collections.abc import Callable


class Tracked:
    """A tracker, its log lines and what it showed."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.lines: list[dict[str, Any]] = []
        self.shown: list[ProgressReport] = []
        self.tracker = ProgressTracker(self.clock, emit=self._emit, show=self.shown.append)

    def _emit(self, event: str, **facts: Any) -> None:
        self.lines.append({"event": event, **facts})

    def work(
        self, seconds: int, *, listed: int = 0, per_second: int = 0, was: int = 0
    ) -> dict[str, Any]:
        """Register ten a call, so many calls a second; return the facts at the end."""
        report = RegisterReport(registered=was, register_calls=was // 10)
        for second in range(seconds):
            self.tracker.tick()
            self.clock.wait(1)
            report.registered += 10 * per_second
            report.register_calls += per_second
            self.tracker.registered(report)
            n = second + 1
            self.tracker.listed(
                ScanReport(watch="w", listed=listed * n, new=listed * n, list_calls=n)
            )
        return self.tracker.facts()


def test_rates_and_what_is_left_once_all_is_listed() -> None:
    tracked = Tracked()
    tracked.tracker.begin(queued=1000, to_list=None)
    tracked.tracker.listing_ended()
    assert tracked.tracker.facts()["eta_s"] is None  # nothing is known of the rate
    facts = tracked.work(4, per_second=5)
    assert facts == {
        "listed": 0,
        "new": 0,
        "registered": 200,
        "failed": 0,
        "calls_per_second": 5.0,
        "eta_s": 16,
    }


def test_rates_are_of_the_last_ten_seconds() -> None:
    tracked = Tracked()
    tracked.tracker.begin(queued=100_000, to_list=None)
    tracked.work(60, per_second=20)
    facts = tracked.work(11, per_second=2, was=12_000)
    assert facts["calls_per_second"] == 2


def test_while_it_lists_the_end_is_known_only_with_the_size_of_the_last_listing() -> None:
    blind, seeing = Tracked(), Tracked()
    blind.tracker.begin(queued=0, to_list=None)
    seeing.tracker.begin(queued=0, to_list=10_000)
    assert blind.work(4, listed=100, per_second=10)["eta_s"] is None
    assert seeing.work(4, listed=100, per_second=10)["eta_s"] == 96
    seeing.tracker.listing_ended()
    assert seeing.tracker.facts()["eta_s"] == 0


def test_a_line_every_ten_seconds_and_the_terminal_at_once() -> None:
    tracked = Tracked()
    tracked.work(35, per_second=1)
    assert len(tracked.lines) == 3
    assert len(tracked.shown) == 35
    assert set(tracked.lines[0]) == {
        "event",
        "listed",
        "new",
        "registered",
        "failed",
        "calls_per_second",
        "eta_s",
    }
    assert tracked.lines[0]["event"] == "backfill.progress"


def test_time_that_a_person_takes_to_answer_counts_in_no_rate() -> None:
    """Nor is anything shown or logged meanwhile."""
    tracked = Tracked()
    tracked.tracker.begin(queued=100_000, to_list=None)
    tracked.work(4, listed=1000)
    tracked.tracker.listing_ended()
    tracked.tracker.tick()
    with tracked.tracker.paused():
        n_shown = len(tracked.shown)
        for _ in range(300):
            tracked.clock.wait(1)
            tracked.tracker.tick()
        assert (len(tracked.shown), tracked.lines) == (n_shown, [])
    facts = tracked.work(4, per_second=20)
    assert facts["calls_per_second"] == 20
    assert facts["eta_s"] == 496  # of 100,000 less 800, at 200 a second
    assert tracked.lines == []


def test_rates_of_registering_begin_when_listing_has_ended() -> None:
    tracked = Tracked()
    tracked.tracker.begin(queued=0, to_list=None)
    tracked.work(9, listed=1000)
    tracked.tracker.listing_ended()
    assert tracked.work(4, per_second=20)["calls_per_second"] == 20


def test_what_an_earlier_scan_listed_counts_as_listed_and_in_no_rate() -> None:
    tracked = Tracked()
    tracked.tracker.begin(queued=0, to_list=100_000)
    tracked.tracker.tick()
    for call in range(1, 5):
        tracked.clock.wait(1)
        tracked.tracker.listed(ScanReport(watch="w", listed=50_000 + 1000 * call, list_calls=call))
    it = tracked.tracker.report()
    assert (it.listed, it.listed_per_second, it.eta_s, it.share) == (54_000, 1000, 46, 0.54)


def share(
    *, listed: int = 0, to_list: int | None = None, queued: int = 0, done: int | None = None
) -> float | None:
    """Return the share that is shown; `done`: listing has ended, and so many are registered."""
    tracked = Tracked()
    tracked.tracker.begin(queued=queued, to_list=to_list)
    tracked.tracker.listed(ScanReport(watch="w", listed=listed, new=0))
    if done is not None:
        tracked.tracker.listing_ended()
        tracked.tracker.registered(RegisterReport(registered=done - done // 4, failed=done // 4))
    return tracked.tracker.report().share


def test_a_share_is_shown_only_of_what_is_known() -> None:
    """The share is that of the last listing at first, and that of the files once all are listed."""
    assert share(listed=500) is None
    assert share(listed=500, queued=1000) is None
    assert share(listed=500, to_list=2000) == 0.25
    assert share(listed=2000, to_list=2000) == 1
    assert share(listed=2001, to_list=2000) is None
    assert share(listed=500, to_list=0) is None
    assert share(listed=500, to_list=2000, queued=1000, done=0) == 0
    assert share(listed=500, queued=1000, done=500) == 0.5
    assert share(queued=1000, done=1200) == 1
    assert share(done=0) == 1


class Waited:
    """A wait for the owner, and what ends it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.decided = 0
        self.limit = GiveUp(self.clock, after_s=600, decisions=lambda: self.decided)

    def __call__(
        self,
        *,
        is_queued: Callable[[], bool] = lambda: True,
        free: Callable[[], bool] = lambda: False,
        handed_over: Callable[[], bool] = lambda: False,
    ) -> WaitEnd:
        return wait_for_owner(
            is_queued=is_queued,
            try_own=free,
            handed_over=handed_over,
            limit=self.limit,
            too_long=lambda: CloudError("too long"),
            clock=self.clock,
        )


def test_waiting_for_the_owner_ends_with_the_queue_or_the_owner_or_stopped_calls() -> None:
    left, gone = [3, 2, 1, 0], [False, True]
    assert (Waited()(is_queued=lambda: left.pop(0) > 0), left) == (WaitEnd.SETTLED, [])
    assert Waited()(free=lambda: gone.pop(0)) is WaitEnd.TAKEN_OVER
    assert Waited()(handed_over=lambda: True) is WaitEnd.HANDED_OVER

    def stopped() -> bool:
        raise CloudError("arrears")

    with pytest.raises(CloudError, match="arrears"):
        Waited()(handed_over=stopped)
    stopping = Waited()
    stopping.clock.stopping = True
    assert stopping() is WaitEnd.STOPPED


def test_waiting_for_the_owner_has_a_limit_that_starts_again_with_each_decision() -> None:
    waited = Waited()

    def is_queued() -> bool:
        waited.decided = min(
            5, int(waited.clock.monotonic() // 500)
        )  # one each 500 s, and then no more
        return True

    with pytest.raises(CloudError, match="too long"):
        waited(is_queued=is_queued)
    assert 3100 <= waited.clock.monotonic() <= 3102

"""How far a backfill is: rates over the last ten seconds, what is left, a line every ten seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes import FakeClock
from watcher.backfill import Beside, Tracker, wait_for_owner
from watcher.errors import CloudError
from watcher.reports import RegisterReport, ScanReport

if TYPE_CHECKING:
    from collections.abc import Mapping


class Told:
    """A tracker, and what it told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.lines: list[dict[str, Any]] = []
        self.shown: list[Mapping[str, object]] = []
        self.tracker = Tracker(self.clock, emit=self._emit, show=self.shown.append)

    def _emit(self, event: str, **facts: Any) -> None:
        self.lines.append({"event": event, **facts})

    def work(self, seconds: int, *, listed: int = 0, per_second: int = 0, was: int = 0) -> dict[str, Any]:
        """Register ten a call, so many calls a second; return the facts at the end."""
        report = RegisterReport(registered=was, register_calls=was // 10)
        for second in range(seconds):
            self.tracker.tick()
            self.clock.wait(1)
            report.registered += 10 * per_second
            report.register_calls += per_second
            self.tracker.registered(report)
            self.tracker.listed(ScanReport(watch="w", listed=listed * (second + 1), new=listed * (second + 1)))
        return self.tracker.facts()


def test_rates_and_what_is_left_once_all_is_listed() -> None:
    told = Told()
    told.tracker.begin(in_line=1000, to_list=None)
    told.tracker.listing_ended()
    assert told.tracker.facts()["eta_s"] is None  # nothing is known of the rate
    facts = told.work(4, per_second=5)
    assert facts == {"listed": 0, "new": 0, "registered": 200, "failed": 0, "calls_per_second": 5.0, "eta_s": 16}


def test_rates_are_of_the_last_ten_seconds() -> None:
    told = Told()
    told.tracker.begin(in_line=100_000, to_list=None)
    told.work(60, per_second=20)
    facts = told.work(11, per_second=2, was=12_000)
    assert facts["calls_per_second"] == 2


def test_while_it_lists_the_end_is_known_only_with_the_size_of_the_last_listing() -> None:
    blind, seeing = Told(), Told()
    blind.tracker.begin(in_line=0, to_list=None)
    seeing.tracker.begin(in_line=0, to_list=10_000)
    assert blind.work(4, listed=100, per_second=10)["eta_s"] is None
    assert seeing.work(4, listed=100, per_second=10)["eta_s"] == 96
    seeing.tracker.listing_ended()
    assert seeing.tracker.facts()["eta_s"] == 0


def test_a_line_every_ten_seconds_and_the_terminal_at_once() -> None:
    told = Told()
    told.work(35, per_second=1)
    assert len(told.lines) == 3
    assert len(told.shown) == 35
    assert set(told.lines[0]) == {"event", "listed", "new", "registered", "failed", "calls_per_second", "eta_s"}
    assert told.lines[0]["event"] == "backfill.progress"


def test_waiting_for_the_owner_ends_when_nothing_is_in_line_or_it_is_gone_or_calls_stopped() -> None:
    clock = FakeClock()
    left = [3, 2, 1, 0]
    nothing_stopped = lambda: None  # noqa: E731 (one word of a test)
    ended = wait_for_owner(in_line=lambda: left.pop(0), try_acquire=lambda: False, stopped=nothing_stopped, clock=clock)
    assert (ended, left) == (Beside.SETTLED, [])
    gone = [False, True]
    ended = wait_for_owner(in_line=lambda: 1, try_acquire=lambda: gone.pop(0), stopped=nothing_stopped, clock=clock)
    assert ended is Beside.TAKEN_OVER
    with pytest.raises(CloudError, match="arrears"):
        wait_for_owner(in_line=lambda: 1, try_acquire=lambda: False, stopped=lambda: CloudError("arrears"), clock=clock)
    clock.stopping = True
    ended = wait_for_owner(in_line=lambda: 1, try_acquire=lambda: False, stopped=nothing_stopped, clock=clock)
    assert ended is Beside.STOPPED

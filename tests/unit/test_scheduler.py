"""When scans start: the real scheduler, on a clock that jumps."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import time_machine
from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_SUBMITTED

from watcher.daemon.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from apscheduler.events import JobSubmissionEvent
    from time_machine import Traveller

NOON = datetime(2027, 3, 27, 12, tzinfo=UTC)
HOUR_S = 3600
DAY_S = 24 * HOUR_S


class Days:
    """A timetable, and a clock that a test moves on."""

    def __init__(self, traveller: Traveller, **watches: str) -> None:
        self._traveller = traveller
        self._subject = Scheduler(len(watches))
        self.starts: dict[str, list[float]] = {watch: [] for watch in watches}
        self.skipped: Counter[str] = Counter()  # starts, because the last scan was not over
        self._scheduler = self._subject._scheduler
        self._scheduler.add_listener(
            self._note, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_SUBMITTED | EVENT_JOB_EXECUTED
        )
        self._happened: Counter[int] = Counter()  # by the scheduler's code
        self._rounds = 0  # that the scheduler's own thread has ended
        self._scheduler._process_jobs = self._counted(self._scheduler._process_jobs)
        self.busy = threading.Event()  # while it is set, scans do not end
        for watch, times in watches.items():
            zone = ZoneInfo("Europe/Berlin")
            self._subject.add(
                watch, times, zone, functools.partial(self._scan, watch), now_ms=_now_ms()
            )
        self._subject.start()

    def _scan(self, watch: str) -> None:
        self.starts[watch].append(_now_ms() / 1000)
        while self.busy.is_set():
            threading.Event().wait(0.001)

    def _note(self, event: JobSubmissionEvent) -> None:
        if event.code == EVENT_JOB_MAX_INSTANCES:
            self.skipped[event.job_id] += 1
        self._happened[event.code] += 1

    def _counted(self, process_jobs: Callable[[], float]) -> Callable[[], float]:
        def once() -> float:
            wait_s = process_jobs()
            self._rounds += 1
            return wait_s

        return once

    def pass_by(self, seconds: float, *, step_s: float = 1.0) -> None:
        """Advance the time in steps so small that each start is one of its own."""
        for _ in range(round(seconds / step_s)):
            self.jump(step_s)

    def jump(self, seconds: float) -> None:
        """Set the clock, forward or back, and let what is due start."""
        self._traveller.shift(seconds)
        self._subject.check_clock(_now_ms())
        self.settle()

    def settle(self) -> None:
        """Wait until the scheduler has done what the present instant asks for."""
        wanted = self._rounds + 2  # the first may have begun before
        while self._rounds < wanted or not self._is_idle():
            self._scheduler.wakeup()
            threading.Event().wait(0.001)

    def _is_idle(self) -> bool:
        submitted = self._happened[EVENT_JOB_SUBMITTED]
        begun = sum(map(len, self.starts.values()))
        return begun == submitted and (
            self.busy.is_set() or self._happened[EVENT_JOB_EXECUTED] == submitted
        )

    def close(self) -> None:
        self.busy.clear()
        self._subject.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def days(start: datetime = NOON, **watches: str) -> Iterator[Days]:
    with time_machine.travel(start, tick=False) as traveller:
        passing = Days(traveller, **watches)
        try:
            passing.settle()
            yield passing
        finally:
            passing.close()


def test_a_duration_starts_at_once_and_then_that_often() -> None:
    with days(videos="5s") as passing:
        passing.pass_by(21)
    began = NOON.timestamp()
    assert passing.starts["videos"] == [began + n for n in (0, 5, 10, 15, 20)]


def test_a_crontab_line_waits_for_its_time() -> None:
    with days(videos="30 13 * * *") as passing:
        assert passing.starts["videos"] == []
        passing.pass_by(2 * HOUR_S, step_s=600)
    assert [
        f"{datetime.fromtimestamp(at, ZoneInfo('Europe/Berlin')):%H:%M}"
        for at in passing.starts["videos"]
    ] == ["13:30"]


def test_a_scan_longer_than_its_interval_skips_starts_and_none_piles_up() -> None:
    with days(videos="5s") as passing:
        passing.busy.set()
        passing.pass_by(27)
        assert passing.starts["videos"] == [NOON.timestamp() + n for n in (0, 5)]
        assert passing.skipped["videos"] == 4
        passing.busy.clear()
        passing.pass_by(6)
    assert passing.starts["videos"] == [NOON.timestamp() + n for n in (0, 5, 30)]


def test_one_watch_that_never_ends_holds_up_no_other() -> None:
    with days(slow="5s", videos="5s") as passing:
        passing.pass_by(1)
        passing.busy.set()
        passing.pass_by(6)
        assert len(passing.starts["slow"]) == len(passing.starts["videos"]) == 2


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S, 30 * DAY_S, -30 * DAY_S, 50 * 365 * DAY_S])
@pytest.mark.parametrize("every_s", [1, 5, 60])
def test_after_the_clock_jumped_the_next_scan_starts_within_one_interval(
    jump_s: int, every_s: int
) -> None:
    step_s = max(1.0, every_s / 12)
    with days(videos=f"{every_s}s") as passing:
        passing.pass_by(2 * every_s, step_s=step_s)
        passing.jump(jump_s)
        before = len(passing.starts["videos"])
        passing.pass_by(every_s * 1.05 + step_s, step_s=step_s)
        after = len(passing.starts["videos"])
        assert after > before
        passing.pass_by(4 * every_s, step_s=step_s)
        assert 3 <= len(passing.starts["videos"]) - after <= 4, "no pile, no gap"


@pytest.mark.parametrize("change", ["2027-03-28T00:30:00", "2027-10-31T00:30:00"])
def test_summer_time_comes_and_goes_and_scans_go_on(change: str) -> None:
    start = datetime.fromisoformat(change).replace(tzinfo=UTC)
    with days(start, often="1m", quarter="*/15 * * * *") as passing:
        passing.pass_by(2 * HOUR_S, step_s=20)
    often, quarter = passing.starts["often"], passing.starts["quarter"]
    assert max(b - a for a, b in itertools.pairwise(often)) <= 120
    assert len(quarter) == 9
    assert {round(b - a) for a, b in itertools.pairwise(quarter)} == {900}

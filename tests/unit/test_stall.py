"""Which workers of a daemon are stalled, and what ends their waits."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from watcher.daemon.stall import WorkerGroup
from watcher.registration.work_signal import MOST_WAIT_S, WorkSignal


@dataclass
class Hands:
    """A clock that moves when a caller waits by it."""

    now_s: float = 0.0
    stopping: bool = False

    def now_ms(self) -> int:
        return int(self.now_s * 1000)

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> bool:
        self.now_s += seconds
        return self.stopping


def test_a_worker_is_stalled_if_it_does_not_use_its_clock() -> None:
    clock = Hands()
    group = WorkerGroup(clock)
    with group.worker("scan") as scan, group.worker("registering"):
        clock.now_s = 89
        scan.wait(0)
        clock.now_s = 91
        assert group.stalled(90) == ["registering"]
        scan.wait(300)
        assert group.stalled(90) == ["registering"]
        clock.now_s += 91
        assert group.stalled(90) == ["registering", "scan"]
    assert group.stalled(90) == [], "a worker that has ended is not stalled"


def test_stopping_a_group_ends_its_waits_and_no_others() -> None:
    clock = Hands()
    ending, going_on = WorkerGroup(clock), WorkerGroup(clock)
    with ending.worker("scan") as scan, going_on.worker("scan") as another:
        ending.stop()
        assert (scan.wait(60), clock.now_s) == (True, 0)
        assert (another.wait(60), round(clock.now_s)) == (False, 60)
        assert ending.clock.wait(1)


def test_a_stop_request_to_the_process_ends_every_wait() -> None:
    clock = Hands(stopping=True)
    with WorkerGroup(clock).worker("scan") as scan:
        assert scan.wait(60)
        assert clock.now_s < 1


def test_part_filled_calls_wait_a_second_and_only_for_a_scan() -> None:
    clock = Hands()
    arrivals = WorkSignal(clock)
    assert arrivals.suffice()
    assert arrivals.suffice()
    with arrivals.scanning():
        assert not arrivals.suffice()
        clock.now_s += MOST_WAIT_S
        assert arrivals.suffice()
        assert not arrivals.suffice()
    assert arrivals.suffice()


def test_waiting_ends_with_a_signal_and_lasts_a_second_at_most() -> None:
    clock = Hands()
    arrivals = WorkSignal(clock)
    assert not arrivals.wait(clock)
    assert MOST_WAIT_S <= clock.now_s < MOST_WAIT_S + 0.1
    arrivals.came()
    before = clock.now_s
    assert not arrivals.wait(clock)
    assert clock.now_s == before
    assert not arrivals.wait(clock)
    assert clock.now_s > before, "one signal ends one wait"
    clock.stopping = True
    assert arrivals.wait(clock)


def test_a_signal_while_calls_are_claimed_ends_the_next_wait() -> None:
    clock = Hands()
    arrivals = WorkSignal(clock)
    thread = threading.Thread(target=arrivals.came)
    thread.start()
    thread.join()
    before = clock.now_s
    arrivals.wait(clock)
    assert clock.now_s == before

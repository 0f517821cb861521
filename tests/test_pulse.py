"""Whether a daemon gets on, and what it waits for."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from watcher.arrivals import MOST_WAIT_S, Arrivals
from watcher.pulse import Shift


@dataclass
class Hands:
    """A clock that moves when somebody waits by it."""

    now_s: float = 0.0
    stopping: bool = False

    def now_ms(self) -> int:
        return int(self.now_s * 1000)

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> bool:
        self.now_s += seconds
        return self.stopping


def test_who_waits_or_comes_by_has_a_pulse_and_who_hangs_has_none() -> None:
    clock = Hands()
    shift = Shift(clock)
    with shift.part("scan") as scan, shift.part("registering"):
        clock.now_s = 89
        scan.wait(0)
        clock.now_s = 91
        assert shift.without_pulse(90) == ["registering"]
        scan.wait(300)
        assert shift.without_pulse(90) == ["registering"]
        clock.now_s += 91
        assert shift.without_pulse(90) == ["registering", "scan"]
    assert shift.without_pulse(90) == [], "who is not at work need not come by"


def test_the_end_of_a_shift_cuts_its_waits_short_and_no_others() -> None:
    clock = Hands()
    ending, going_on = Shift(clock), Shift(clock)
    with ending.part("scan") as scan, going_on.part("scan") as another:
        ending.end()
        assert (scan.wait(60), clock.now_s) == (True, 0)
        assert (another.wait(60), round(clock.now_s)) == (False, 60)
        assert ending.clock.wait(1)


def test_a_stop_request_to_the_process_ends_every_wait() -> None:
    clock = Hands(stopping=True)
    with Shift(clock).part("scan") as scan:
        assert scan.wait(60)
        assert clock.now_s < 1


def test_part_filled_calls_wait_a_second_for_a_scan_and_for_nothing_else() -> None:
    clock = Hands()
    arrivals = Arrivals(clock)
    assert arrivals.suffice()
    assert arrivals.suffice()
    with arrivals.scanning():
        assert not arrivals.suffice()
        clock.now_s += MOST_WAIT_S
        assert arrivals.suffice()
        assert not arrivals.suffice()
    assert arrivals.suffice()


def test_waiting_ends_when_something_comes_and_never_lasts_longer_than_a_second() -> None:
    clock = Hands()
    arrivals = Arrivals(clock)
    assert not arrivals.wait(clock)
    assert MOST_WAIT_S <= clock.now_s < MOST_WAIT_S + 0.1
    arrivals.came()
    before = clock.now_s
    assert not arrivals.wait(clock)
    assert clock.now_s == before
    assert not arrivals.wait(clock)
    assert clock.now_s > before, "what came was waited for once"
    clock.stopping = True
    assert arrivals.wait(clock)


def test_what_comes_while_calls_are_claimed_is_not_slept_over() -> None:
    clock = Hands()
    arrivals = Arrivals(clock)
    thread = threading.Thread(target=arrivals.came)
    thread.start()
    thread.join()
    before = clock.now_s
    arrivals.wait(clock)
    assert clock.now_s == before

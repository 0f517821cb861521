"""The real clock: waits that a stop request cuts short, in every thread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.checkout import CHECKOUT
from watcher.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> Iterator[SystemClock]:
    """Return a clock that listens to signals."""
    with SystemClock() as made:
        made.stop_on_signals()
        yield made


def kill(number: int) -> None:
    os.kill(os.getpid(), number)


def in_a_process(code: str) -> subprocess.CompletedProcess[str]:
    script = (
        "import os, signal, threading\nfrom watcher.clock import SystemClock\n"
        + textwrap.dedent(code)
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        cwd=CHECKOUT,
    )


def test_a_wait_without_a_stop_request_lasts_as_long_as_asked_and_says_no(
    clock: SystemClock,
) -> None:
    began = clock.monotonic()
    assert clock.wait(0.15) is False
    assert 0.14 <= clock.monotonic() - began < 5


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_no_time_to_wait_is_no_wait(clock: SystemClock, seconds: float) -> None:
    began = clock.monotonic()
    assert clock.wait(seconds) is False
    assert clock.monotonic() - began < 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_after_a_stop_request_no_wait_waits_and_the_signal_is_known(
    clock: SystemClock, number: int
) -> None:
    assert (clock.stopping, clock.stopped_by) == (False, 0)
    kill(number)
    began = clock.monotonic()
    assert [clock.wait(60) for _ in range(3)] == [True, True, True]
    assert clock.monotonic() - began < 5
    assert (clock.stopping, clock.stopped_by) == (True, number)


def test_a_stop_request_that_one_thread_noticed_still_wakes_the_others(clock: SystemClock) -> None:
    kill(signal.SIGTERM)
    clock._read_signals()
    assert clock._is_readable(0), "a thread that waits on the socket would sleep on"


def test_the_first_of_two_signals_counts(clock: SystemClock) -> None:
    kill(signal.SIGTERM)
    kill(signal.SIGINT)
    assert clock.wait(60)
    assert clock.stopped_by == signal.SIGTERM


def test_a_second_interrupt_ends_code_that_does_not_wait(clock: SystemClock) -> None:
    kill(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        kill(signal.SIGINT)
    assert clock.stopped_by == signal.SIGINT


def test_all_threads_are_woken_by_one_signal(clock: SystemClock) -> None:
    waits: list[bool] = []
    threads = [threading.Thread(target=lambda: waits.append(clock.wait(60))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert not clock.wait(0.1)
    kill(signal.SIGTERM)
    for thread in threads:
        thread.join(10)
    assert waits == [True] * 8


def test_another_signal_neither_stops_nor_shortens_a_wait(clock: SystemClock) -> None:
    before = signal.signal(signal.SIGHUP, lambda *_: None)
    try:
        timer = threading.Timer(0.05, kill, [signal.SIGHUP])
        timer.start()
        began, spent = clock.monotonic(), time.process_time()
        assert clock.wait(0.4) is False
        assert clock.monotonic() - began >= 0.39
        assert time.process_time() - spent < 0.3, "it spins"
        timer.join()
        kill(signal.SIGHUP)
        kill(signal.SIGTERM)
        assert clock.wait(60)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_wait_of_many_days_can_be_asked_for(clock: SystemClock) -> None:
    threading.Timer(0.05, kill, [signal.SIGTERM]).start()
    assert clock.wait(1e9)


def test_closing_restores_the_handlers_and_keeps_the_signal() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    clock = SystemClock()
    clock.stop_on_signals()
    kill(signal.SIGTERM)
    clock.close()
    clock.close()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert signal.set_wakeup_fd(-1) == -1
    assert clock.stopped_by == signal.SIGTERM
    assert clock.wait(60)


def test_a_clock_that_was_never_stopped_says_so_after_it_is_closed() -> None:
    clock = SystemClock()
    clock.close()
    assert (clock.stopping, clock.stopped_by) == (False, 0)


def test_waits_work_with_more_open_files_than_select_allows() -> None:
    done = in_a_process("""
        import resource
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (2000, max(2000, most)))
        files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
        with SystemClock() as clock:
            print(clock.wait(0.01))
    """)
    assert (done.stdout.strip(), done.returncode) == ("False", 0), done.stderr


def test_a_signal_in_the_middle_of_a_lock_held_by_the_main_thread_does_not_deadlock() -> None:
    done = in_a_process("""
        with SystemClock() as clock:
            clock.stop_on_signals()
            event = threading.Event()
            threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGTERM]).start()
            worker = threading.Thread(target=lambda: (clock.wait(60), event.set()))
            worker.start()
            event.wait(20)
            print(clock.stopped_by)
    """)
    assert done.stdout.strip() == str(int(signal.SIGTERM)), done.stderr


def test_the_wall_clock_is_in_milliseconds_since_the_epoch(clock: SystemClock) -> None:
    assert abs(clock.now_ms() - SystemClock.read_ms()) < 5000
    assert 1_700_000_000_000 < clock.now_ms() < 10_000_000_000_000

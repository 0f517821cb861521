"""The only module that asks the time or waits."""

from __future__ import annotations

import select
import signal
import socket
import time
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import FrameType

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
_LONGEST_POLL_S: Final = 86_400.0  # poll(2) counts milliseconds in an int


class SystemClock:
    """`ports.Clock`: wall time, elapsed time, and waits that SIGTERM and SIGINT end.

    The interpreter writes a signal's number to a socket, where it stays. So every wait, present
    or later and in any thread, finds the socket readable. The Python handlers take no lock: a
    lock (as in `Event.set`) can deadlock with the code that the signal interrupts.
    """

    def __init__(self) -> None:
        self._wake_r, self._wake_w = socket.socketpair()
        self._wake_r.settimeout(0)
        self._wake_w.settimeout(0)
        self._signal = 0
        self._hangups = 0
        self._interrupts = 0
        self._second_interrupt_raises = True
        self._closed = False
        self._before: dict[signal.Signals, Any] = {}
        self._fd_before = -1

    def __enter__(self) -> Self:
        """Return itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        self.close()

    @staticmethod
    def read_ms() -> int:
        """Return milliseconds since the epoch, without an instance."""
        return time.time_ns() // 1_000_000

    @staticmethod
    def read_s() -> float:
        """Return elapsed seconds like `monotonic`, without an instance."""
        return time.monotonic()

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return self.read_ms()

    def monotonic(self) -> float:
        """See `ports.Clock.monotonic`."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """See `ports.Clock.wait`. A closed clock counts as a stop request."""
        end = time.monotonic() + max(0.0, seconds)
        while not self._signal and not self._closed:
            left = max(0.0, end - time.monotonic())
            if self._is_readable(min(left, _LONGEST_POLL_S)):
                self._read_signals()
            elif left <= _LONGEST_POLL_S:
                return False
        return True

    @property
    def stopping(self) -> bool:
        """Whether the process was asked to stop."""
        return self.stopped_by != 0

    @property
    def stopped_by(self) -> int:
        """The number n of the first stop signal, for the exit status 128 + n; 0 if none came."""
        if not self._signal and not self._closed and self._is_readable(0):
            self._read_signals()
        return self._signal

    def stop_on_signals(self, *, second_interrupt_raises: bool = True) -> None:
        """Treat SIGTERM and SIGINT as stop requests. Main thread only.

        If `second_interrupt_raises`, a second SIGINT raises KeyboardInterrupt.
        """
        self._second_interrupt_raises = second_interrupt_raises
        self._fd_before = signal.set_wakeup_fd(self._wake_w.fileno(), warn_on_full_buffer=False)
        for number in _STOPPING:
            self._before[number] = signal.signal(number, self._on_stop_signal)

    def reload_on_hangup(self) -> None:
        """On SIGHUP, set the reload flag. Main thread only, after `stop_on_signals`."""
        self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._on_hangup)

    def reload_requested(self) -> bool:
        """Return and clear the reload flag. Main thread only: the SIGHUP handler runs there."""
        came, self._hangups = self._hangups > 0, 0
        return came

    def close(self) -> None:
        """Restore the former signal handlers. `stopped_by` stays as it is."""
        if self._closed:
            return
        self._signal = self.stopped_by
        self._closed = True
        if self._before:
            signal.set_wakeup_fd(self._fd_before)
            for number, handling in self._before.items():
                signal.signal(number, handling if handling is not None else signal.SIG_DFL)
        self._wake_r.close()
        self._wake_w.close()

    def _on_stop_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            self._interrupts += 1
            if self._interrupts > 1 and self._second_interrupt_raises:
                raise KeyboardInterrupt
        self._signal = self._signal or number

    def _on_hangup(self, _number: int, _frame: FrameType | None) -> None:
        self._hangups += 1

    def _is_readable(self, seconds: float) -> bool:
        # poll, not select: a process with many open files has descriptors above 1023.
        # A new object each time: threads must not share one.
        poll = select.poll()
        poll.register(self._wake_r, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _read_signals(self) -> None:
        """Read the signals' numbers. Put a stop request back for the other threads."""
        try:
            numbers = self._wake_r.recv(4096)
        except BlockingIOError:
            return  # another thread was quicker
        if asked := [number for number in numbers if number in _STOPPING]:
            self._signal = self._signal or asked[0]
            self._wake_w.send(bytes(asked[:1]))

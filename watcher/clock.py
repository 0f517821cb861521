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
    """`ports.Clock`: wall time, elapsed time, and waits that SIGTERM and SIGINT cut short, in every thread.

    A signal's number is written to a socket by the interpreter itself, and stays there: whoever waits, now or later,
    finds the socket readable.  The Python handlers take no lock: one taken there (as `Event.set` does) can deadlock
    with the code it interrupts.
    """

    def __init__(self) -> None:
        self._bell, self._rope = socket.socketpair()
        self._bell.settimeout(0)
        self._rope.settimeout(0)
        self._signal = 0
        self._hangups = 0
        self._interrupts = 0
        self._insistent = True
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
        """Return milliseconds since the epoch, for those who need no waits."""
        return time.time_ns() // 1_000_000

    @staticmethod
    def read_s() -> float:
        """Return elapsed seconds, as `monotonic`, for those who need no waits."""
        return time.monotonic()

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return self.read_ms()

    def monotonic(self) -> float:
        """See `ports.Clock.monotonic`."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """See `ports.Clock.wait`.  A closed clock counts as asked to stop."""
        end = time.monotonic() + max(0.0, seconds)
        while not self._signal and not self._closed:
            left = max(0.0, end - time.monotonic())
            if self._rings(min(left, _LONGEST_POLL_S)):
                self._listen()
            elif left <= _LONGEST_POLL_S:
                return False
        return True

    @property
    def stopping(self) -> bool:
        """Whether the process was asked to stop."""
        return self.stopped_by != 0

    @property
    def stopped_by(self) -> int:
        """The number of the first signal that asked to stop, for the exit status 128 + n; 0 if none did."""
        if not self._signal and not self._closed and self._rings(0):
            self._listen()
        return self._signal

    def stop_on_signals(self, *, insistent: bool = True) -> None:
        """Make SIGTERM and SIGINT stop requests; if `insistent`, a second SIGINT is a KeyboardInterrupt.

        Main thread only.
        """
        self._insistent = insistent
        self._fd_before = signal.set_wakeup_fd(self._rope.fileno(), warn_on_full_buffer=False)
        for number in _STOPPING:
            self._before[number] = signal.signal(number, self._note)

    def note_hangups(self) -> None:
        """Make SIGHUP a wish that `hung_up` tells of, after `stop_on_signals`.  Main thread only."""
        self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._note_hangup)

    def hung_up(self) -> bool:
        """Tell whether SIGHUP came since this was last asked.  Main thread only, as its handler runs there."""
        came, self._hangups = self._hangups > 0, 0
        return came

    def close(self) -> None:
        """Give the signals back to whoever had them before.  What stopped us stays known."""
        if self._closed:
            return
        self._signal = self.stopped_by
        self._closed = True
        if self._before:
            signal.set_wakeup_fd(self._fd_before)
            for number, handling in self._before.items():
                signal.signal(number, handling if handling is not None else signal.SIG_DFL)
        self._bell.close()
        self._rope.close()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            self._interrupts += 1
            if self._interrupts > 1 and self._insistent:
                raise KeyboardInterrupt
        self._signal = self._signal or number

    def _note_hangup(self, _number: int, _frame: FrameType | None) -> None:
        self._hangups += 1

    def _rings(self, seconds: float) -> bool:
        # poll, not select: a process with many open files has descriptors above 1023.  One each: poll objects are
        # not to be shared between threads.
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _listen(self) -> None:
        """Read what signals wrote.  A stop request is put back for the other threads; other signals stop nobody."""
        try:
            numbers = self._bell.recv(4096)
        except BlockingIOError:
            return  # another thread was quicker
        if asked := [number for number in numbers if number in _STOPPING]:
            self._signal = self._signal or asked[0]
            self._rope.send(bytes(asked[:1]))

"""The only module that asks the time or waits."""

from __future__ import annotations

import select
import signal
import socket
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType


class SystemClock:
    """Wall time, elapsed time, and waits that SIGTERM and SIGINT cut short, in every thread."""

    def __init__(self) -> None:
        self._bell, self._rope = socket.socketpair()
        self._rope.settimeout(0)  # a handler never waits
        self._restore: dict[int, object] = {}
        self.stopped_by = 0  # the signal that asked to stop; 0 = none yet

    @staticmethod
    def read_ms() -> int:
        """Return our wall clock: milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return self.read_ms()

    def monotonic(self) -> float:
        """See `ports.Clock.monotonic`."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """See `ports.Clock.wait`."""
        # The byte that a signal wrote is never read: once asked to stop, always stopping.
        ready, _, _ = select.select([self._bell], [], [], max(0.0, seconds))
        return bool(ready)

    def stop_on_signals(self) -> None:
        """Let SIGTERM and SIGINT end all waits; only the main thread may ask.

        The kernel rings the bell.  The handler takes no lock: one taken in a signal handler can deadlock
        with the code it interrupts.
        """
        signal.set_wakeup_fd(self._rope.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._restore[number] = signal.signal(number, self._note)

    def close(self) -> None:
        """Give the signals back."""
        if self._restore:
            signal.set_wakeup_fd(-1)
        for number, handler in self._restore.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._restore.clear()
        self._bell.close()
        self._rope.close()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.stopped_by = self.stopped_by or number

    def __enter__(self) -> Self:
        """Return the clock."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        self.close()

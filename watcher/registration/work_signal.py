"""Wake the registration of a daemon when a scan has queued entries, here or in another process."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.ports import Clock

MOST_WAIT_S: Final = 1.0
"""Longest wait of an entry for others to share its call, and the interval of ledger polls."""
_POLL_S = 0.05


class WorkSignal:
    """Signal that entries may be due, and whether more will follow at once; for all threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._came = threading.Event()
        self._scanning = 0
        self._sufficed_at = float("-inf")

    def came(self) -> None:
        """Note that an entry was queued."""
        self._came.set()

    @contextmanager
    def scanning(self) -> Iterator[None]:
        """Note that a scan runs while the block does: what it finds may fill calls."""
        with self._lock:
            self._scanning += 1
        try:
            yield
        finally:
            with self._lock:
                self._scanning -= 1
            self.came()

    def suffice(self) -> bool:
        """Return whether calls go out part-filled now: no scan runs, or they have waited enough."""
        now = self._clock.monotonic()
        if self._scanning and now - self._sufficed_at < MOST_WAIT_S:
            return False
        self._sufficed_at = now
        return True

    def wait(self, clock: Clock) -> bool:
        """Wait for an entry, a second at most; return True at once if `clock` says to stop."""
        until = clock.monotonic() + MOST_WAIT_S
        while not self._came.is_set() and clock.monotonic() < until:
            if clock.wait(_POLL_S):
                return True
        self._came.clear()
        return clock.wait(0)

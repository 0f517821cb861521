"""What registering in a daemon waits for: entries that scans put in line, here or in another process."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.ports import Clock

MOST_WAIT_S: Final = 1.0
"""How long an entry waits for others to share its call, at most; and how often the ledger is looked at unasked."""
_POLL_S = 0.05


class Arrivals:
    """Tells when there may be something to register, and whether more is likely to come at once; for all threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = threading.Lock()
        self._came = threading.Event()
        self._scanning = 0
        self._sufficed_at = float("-inf")

    def came(self) -> None:
        """Note that something was put in line."""
        self._came.set()

    @contextmanager
    def scanning(self) -> Iterator[None]:
        """Note that a scan runs while the block does: what it finds may fill calls."""
        with self._turn:
            self._scanning += 1
        try:
            yield
        finally:
            with self._turn:
                self._scanning -= 1
            self.came()

    def suffice(self) -> bool:
        """Tell whether calls go out part-filled now: no scan could fill them, or they have waited long enough."""
        now = self._clock.monotonic()
        if self._scanning and now - self._sufficed_at < MOST_WAIT_S:
            return False
        self._sufficed_at = now
        return True

    def wait(self, clock: Clock) -> bool:
        """Wait until something came, a second at most; return at once, and True, if `clock` says to stop."""
        until = clock.monotonic() + MOST_WAIT_S
        while not self._came.is_set() and clock.monotonic() < until:
            if clock.wait(_POLL_S):
                return True
        self._came.clear()
        return clock.wait(0)

"""When a one-shot gives up: after so long without one entry decided, once listing has ended."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final

from watcher.errors import CloudError
from watcher.rules.units import rounded_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.ports import Clock

SCAN_S: Final = 30.0
BACKFILL_S: Final = 600.0
_LOOK_S: Final = 0.2
"""How often decisions are counted, and how long one wait lasts before the limit is looked at."""


class GiveUp:
    """The limit of one run, for any number of threads.

    It runs from `begin` on, and starts again with each entry that is registered, refused or failed,
    by whichever process.  An answer that decides nothing does not prolong it.
    """

    def __init__(self, clock: Clock, *, after_s: float, decisions: Callable[[], int]) -> None:
        self._clock = clock
        self._after_s = after_s  # infinity = never
        self._decisions = decisions  # so far, in the ledger
        self._lock = threading.Lock()
        self._since: float | None = None  # the last decision, or the beginning
        self._looked_at = float("-inf")
        self._counted = 0

    def begin(self) -> None:
        """Start the time limit, if it does not run yet: listing has ended."""
        with self._lock:
            if self._since is None and not math.isinf(self._after_s):
                self._counted = self._decisions()
                self._since = self._looked_at = self._clock.monotonic()

    @property
    def left_s(self) -> float:
        """How long until it is over if nothing is decided; infinity while the time does not run."""
        with self._lock:
            if self._since is None:
                return math.inf
            now = self._clock.monotonic()
            if now - self._looked_at >= _LOOK_S or now - self._since >= self._after_s:
                self._look(now)
            return max(0.0, self._since + self._after_s - now)

    @property
    def is_over(self) -> bool:
        """Whether to give up."""
        return self.left_s <= 0

    def error(self) -> CloudError:
        """Return what to say of having given up."""
        return CloudError(
            "gave up: no file was registered, refused or failed for "
            f"{rounded_duration(self._after_s)}",
            hint=(
                "Nothing is lost: the next scan asks again. `export` shows what was said of each "
                "file; `backfill --give-up-after` sets how long a backfill waits."
            ),
        )

    def _look(self, now: float) -> None:
        counted, self._looked_at = self._decisions(), now
        if counted != self._counted:
            self._counted, self._since = counted, now


class LimitedClock:
    """`ports.Clock` for what is to end with the run: a wait is cut short when it gives up."""

    def __init__(self, clock: Clock, limit: GiveUp) -> None:
        self._clock = clock
        self._limit = limit

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return self._clock.now_ms()

    def monotonic(self) -> float:
        """See `ports.Clock.monotonic`."""
        return self._clock.monotonic()

    def wait(self, seconds: float) -> bool:
        """See `ports.Clock.wait`; giving up is a stop request, too."""
        end = self._clock.monotonic() + max(0.0, seconds)
        while True:
            left = max(0.0, end - self._clock.monotonic())
            if self._limit.is_over or self._clock.wait(min(left, _LOOK_S)):
                return True
            if left <= _LOOK_S:
                return False

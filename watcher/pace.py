"""An even pace of calls, for any number of threads."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watcher.ports import Clock

MARGIN: Final = 1.01
"""Our second is this much longer than the service's: network jitter must not exceed its limit."""

_CATCH_UP_S: Final = 0.02  # a wake-up that is at most this late delays no later slot
_LOOK_S: Final = 0.25  # a wait looks this often whether the rate has changed


class Pace:
    """Hands out slots in time: evenly, and at most `per_second` in any sliding second.

    Any number of threads may wait. `per_second` may be lowered and raised again at any time; waits
    that have begun follow it.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self.per_second = per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._slot = float("-inf")  # the last one, as planned
        self._most = math.ceil(per_second)  # in a second
        self._passed_at: deque[float] = deque(maxlen=self._most)

    def pass_one(self) -> None:
        """Skip one slot, since another process may have used it just now."""
        self._slot = self._clock.monotonic()

    def wait(self, rest_s: float = 0.0) -> bool:
        """Wait at least `rest_s` seconds for the next slot, and take it; return True.

        Return False at once if the process is stopping.
        """
        with self._lock:
            now = self._clock.monotonic()
            rested_at = now + rest_s if rest_s else float("-inf")
            while (left := max(rested_at, self._earliest()) - now) > 0:
                if self._clock.wait(min(left, _LOOK_S)):
                    return False
                now = self._clock.monotonic()
            if self._clock.wait(0):
                return False
            self._passed_at.append(now)
            self._slot = max(self._slot + MARGIN / self.per_second, rested_at, now - _CATCH_UP_S)
        return True

    def _earliest(self) -> float:
        """Return when the next slot is, at the present rate (monotonic seconds)."""
        spread = self._slot + MARGIN / self.per_second
        if len(self._passed_at) < self._most:
            return spread
        return max(spread, self._passed_at[0] + MARGIN)

"""Habits around a registrar, each a Registrar itself: the rate limit, and finding the one bad item of a call."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from watcher.errors import CallRefused, CloudError, NotSent, Throttled
from watcher.model import BatchResult, Failure, Outcome, Refused, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.model import CallOptions, Media
    from watcher.ports import Clock, Registrar

MARGIN = 1.01  # our second is this much longer than the service's, so that jitter on the way exceeds nothing
_CATCH_UP_S = 0.02  # a wake-up this late is made good at the next slot


class Pace:
    """Slots in time, at most `per_second` in any sliding second, evenly spread; for any number of threads."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self.per_second = per_second
        self._clock = clock
        self._turn = threading.Lock()
        self._next = 0.0
        self._taken: deque[float] = deque(maxlen=max(1, int(per_second)))

    def wait(self, rest_s: float = 0.0) -> bool:
        """Wait for the next slot, at least `rest_s`, and take it; return False, at once, if the process is stopping."""
        with self._turn:
            now = self._clock.monotonic()
            self._next = max(self._next, now + rest_s) if rest_s else self._next
            full = len(self._taken) == self._taken.maxlen
            earliest = max(self._next, self._taken[0] + MARGIN if full else 0.0)
            if self._clock.wait(max(0.0, earliest - now)):
                return False
            taken = self._clock.monotonic()
            self._taken.append(taken)
            self._next = max(self._next, taken - _CATCH_UP_S) + MARGIN / self.per_second
        return True


class RateLimit:
    """Keeps the calls within the quota: halves the rate when throttled, creeps back afterwards."""

    def __init__(
        self, inner: Registrar, *, calls_per_second: float, clock: Clock, lowered: Callable[[float], None]
    ) -> None:
        self._inner = inner
        self._most = calls_per_second
        self._pace = Pace(calls_per_second, clock)
        self._clock = clock
        self._lowered = lowered  # told the new rate
        self._lowered_at = float("-inf")
        self._count = threading.Lock()
        self.calls = 0

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        if not self._pace.wait():
            raise NotSent("the watcher is stopping; nothing was sent")
        with self._count:
            self.calls += 1
        try:
            result = self._inner.register(batch, options)
        except Throttled:
            self._slow_down()
            raise
        self._pace.per_second = min(self._most, self._pace.per_second + self._most / 200)
        return result

    def _slow_down(self) -> None:
        """Halve the rate, at most once a second: calls in flight together are one complaint."""
        with self._count:
            now = self._clock.monotonic()
            if now - self._lowered_at < 1.0:
                return
            self._lowered_at = now
            self._pace.per_second = max(0.2, self._pace.per_second / 2)
        self._lowered(self._pace.per_second)


class Isolation:
    """Halves a call that is refused for its content until the bad item stands alone; the others go through.

    One bad item of ten costs at most eight extra calls: 10 -> 5 5 -> 2 3 -> 1 2 -> 1 1.
    """

    def __init__(self, inner: Registrar) -> None:
        self._inner = inner

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        try:
            return self._inner.register(batch, options)
        except CallRefused as refusal:
            if len(batch) == 1:
                return BatchResult(outcomes={batch[0].key: _final(refusal)}, request_id=refusal.request_id)
        return self._halves(batch, options)

    def _halves(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        outcomes: dict[str, Outcome] = {}
        request_id, error = "", None
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            if error is None:
                result = self._half(half, options)
                request_id, error = result.request_id or request_id, result.error
                outcomes |= result.outcomes
            else:  # it would meet the same error
                outcomes |= {media.key: Unknown(message=str(error)) for media in half}
        return BatchResult(outcomes=outcomes, request_id=request_id, error=error)

    def _half(self, half: Sequence[Media], options: CallOptions) -> BatchResult:
        try:
            return self.register(half, options)
        except CloudError as error:  # what the other half came to must not be lost with it
            return BatchResult(outcomes={media.key: Unknown(message=str(error)) for media in half}, error=error)


def _final(refusal: CallRefused) -> Refused:
    illegal = refusal.code.lower().startswith("illegalcharacters")
    return Refused(
        reason=Failure.ILLEGAL_CHARACTERS if illegal else Failure.BAD_REQUEST, message=str(refusal), final=True
    )

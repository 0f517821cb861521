"""Habits around a registrar, each a Registrar itself: the breaker's gate, the rate limit, finding the one bad item."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from watcher.errors import CallRefused, CloudError, HeldBack, Throttled
from watcher.model import BatchResult, Failure, Outcome, Refused, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.model import CallOptions, Media
    from watcher.ports import Clock, Registrar

MARGIN = 1.01  # our second is this much longer than the service's, so that jitter on the way exceeds nothing
_CATCH_UP_S = 0.02  # a wake-up this late is made good at the next slot
_SLOWEST = 0.2  # calls a second
_NEAR = 0.9  # of the rate that was too much


class Pace:
    """Slots in time, at most `per_second` in any sliding second, evenly spread; for any number of threads."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self.per_second = per_second
        self._clock = clock
        self._turn = threading.Lock()
        self._next = 0.0
        self._taken: deque[float] = deque(maxlen=max(1, int(per_second)))

    def pass_one(self) -> None:
        """Let one slot pass, which somebody else may have taken just now."""
        self._next = self._clock.monotonic() + MARGIN / self.per_second

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


class Gate:
    """Lets a call go out unless a breaker has opened while it waited its turn; counts those that did."""

    def __init__(self, inner: Registrar, *, check: Callable[[str], None]) -> None:
        self._inner = inner
        self._check = check  # (bucket); raises HeldBack
        self._count = threading.Lock()
        self.calls = 0

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        self._check(batch[0].bucket)
        with self._count:
            self.calls += 1
        return self._inner.register(batch, options)


class Timed:
    """Tells of each call that goes out what came of it, as a code ("" = it was answered), and the seconds it took."""

    def __init__(self, inner: Registrar, *, clock: Clock, told: Callable[[str, float], None]) -> None:
        self._inner = inner
        self._clock = clock
        self._told = told

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        began, code = self._clock.monotonic(), "unforeseen"
        try:
            result = self._inner.register(batch, options)
            code = _code(result.error)
        except CloudError as error:
            code = _code(error)
            raise
        finally:
            self._told(code, self._clock.monotonic() - began)
        return result


class RateLimit:
    """Keeps the calls within the quota: halves the rate when throttled, then settles below what was too much.

    It begins as if there had been a call just now: of the last process, or under the configuration before.
    """

    def __init__(
        self,
        inner: Registrar,
        *,
        calls_per_second: float,
        given: float | None,  # what the account was last seen to give; None = it never asked to slow down
        clock: Clock,
        lowered: Callable[[float], None],
    ) -> None:
        self._inner = inner
        self._most = calls_per_second
        self._pace = Pace(calls_per_second, clock)
        self._pace.per_second = min(calls_per_second, given or calls_per_second)
        self._pace.pass_one()
        self._too_much = self._pace.per_second / _NEAR  # the rate at which the service last asked to slow down
        self._clock = clock
        self._lowered = lowered  # told the new rate
        self._lowered_at = float("-inf")
        self._turn = threading.Lock()

    @property
    def calls_per_second(self) -> float:
        """The present rate."""
        return self._pace.per_second

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        if not self._pace.wait():
            raise HeldBack("the watcher is stopping; nothing was sent")
        try:
            result = self._inner.register(batch, options)
        except Throttled:
            self._slow_down()
            raise
        if result.error is None:
            self._speed_up()
        return result

    def _slow_down(self) -> None:
        """Halve the rate, at most once a second: calls in flight together are one complaint."""
        with self._turn:
            now = self._clock.monotonic()
            if now - self._lowered_at < 1.0:
                return
            self._lowered_at = now
            self._too_much = self._pace.per_second
            self._pace.per_second = max(_SLOWEST, self._pace.per_second / 2)
        self._lowered(self._pace.per_second)

    def _speed_up(self) -> None:
        """Come back quickly to just below what was too much, and creep from there."""
        with self._turn:
            rate = self._pace.per_second
            step = max((_NEAR * self._too_much - rate) / 4, self._most / 1000)
            self._pace.per_second = min(self._most, rate + step)


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
        request_id = ""
        error: Exception | None = None
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            if error is None:
                result = self._half(half, options)
                error = result.error
                if not request_id or any(isinstance(outcome, Refused) for outcome in result.outcomes.values()):
                    request_id = result.request_id  # of the call that refused a file, if one did
                outcomes |= result.outcomes
            else:  # it would meet the same error
                outcomes |= {media.key: Unknown(message=str(error)) for media in half}
        return BatchResult(outcomes=outcomes, request_id=request_id, error=error)

    def _half(self, half: Sequence[Media], options: CallOptions) -> BatchResult:
        try:
            return self.register(half, options)
        except CloudError as error:  # what the other half came to must not be lost with it
            return BatchResult(outcomes={media.key: Unknown(message=str(error)) for media in half}, error=error)


def _code(error: Exception | None) -> str:
    """Return what the service called an error, or what we call it."""
    return "" if error is None else getattr(error, "code", "") or type(error).__name__


def _final(refusal: CallRefused) -> Refused:
    illegal = refusal.code.lower().startswith("illegalcharacters")
    return Refused(
        reason=Failure.ILLEGAL_CHARACTERS if illegal else Failure.BAD_REQUEST, message=str(refusal), final=True
    )

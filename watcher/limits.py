"""Slots in time; and habits around a registrar, each a Registrar itself: the breaker's gate, finding the bad item."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING

from watcher.errors import CallRefused, CloudError
from watcher.model import BatchResult, Failure, Outcome, Refused, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from watcher.model import CallOptions, Media
    from watcher.ports import Clock, Registrar

MARGIN = 1.01  # our second is this much longer than the service's, so that jitter on the way exceeds nothing
_CATCH_UP_S = 0.02  # a wake-up this late is made good at the next slot
_LOOK_S = 0.25  # how long a wait may last before the rate, which may have changed, is looked at


class Pace:
    """Slots in time, at most `per_second` in any sliding second, evenly spread; for any number of threads.

    `per_second` may be set lower, and back, at any time, for those who wait already, too.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self.per_second = per_second
        self._clock = clock
        self._turn = threading.Lock()
        self._slot = float("-inf")  # the last one, as it should have been
        self._most = math.ceil(per_second)  # in a second
        self._taken: deque[float] = deque(maxlen=self._most)

    def pass_one(self) -> None:
        """Let one slot pass, which somebody else may have taken just now."""
        self._slot = self._clock.monotonic()

    def wait(self, rest_s: float = 0.0) -> bool:
        """Wait for the next slot, at least `rest_s`, and take it; return False, at once, if the process is stopping."""
        with self._turn:
            now = self._clock.monotonic()
            rested_at = now + rest_s if rest_s else float("-inf")
            while (left := max(rested_at, self._earliest()) - now) > 0:
                if self._clock.wait(min(left, _LOOK_S)):
                    return False
                now = self._clock.monotonic()
            if self._clock.wait(0):
                return False
            self._taken.append(now)
            self._slot = max(self._slot + MARGIN / self.per_second, rested_at, now - _CATCH_UP_S)
        return True

    def _earliest(self) -> float:
        """Return when the next slot is, at the present rate."""
        spread = self._slot + MARGIN / self.per_second
        if len(self._taken) < self._most:
            return spread
        return max(spread, self._taken[0] + MARGIN)


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
        middle = len(batch) // 2
        return in_turn(self, (batch[:middle], batch[middle:]), options)


def in_turn(inner: Registrar, pieces: Iterable[Sequence[Media]], options: CallOptions) -> BatchResult:
    """Register one piece after another, and return what all of them came to.

    Behind a piece that meets an error no other is asked for: it would meet the same.
    """
    outcomes: dict[str, Outcome] = {}
    request_id = ""
    error: Exception | None = None
    for piece in pieces:
        if error is None:
            result = _one_of_some(inner, piece, options)
            error = result.error
            if not request_id or any(isinstance(outcome, Refused) for outcome in result.outcomes.values()):
                request_id = result.request_id  # of the call that refused a file, if one did
            outcomes |= result.outcomes
        else:
            outcomes |= unknown(piece, error)
    return BatchResult(outcomes=outcomes, request_id=request_id, error=error)


def _one_of_some(inner: Registrar, piece: Sequence[Media], options: CallOptions) -> BatchResult:
    try:
        return inner.register(piece, options)
    except CloudError as error:  # what the other pieces came to must not be lost with it
        return BatchResult(outcomes=unknown(piece, error), error=error)


def unknown(batch: Sequence[Media], error: Exception) -> dict[str, Outcome]:
    """Return the outcomes of a call that was not answered."""
    return {media.key: Unknown(message=str(error)) for media in batch}


def _code(error: Exception | None) -> str:
    """Return what the service called an error, or what we call it."""
    return "" if error is None else getattr(error, "code", "") or type(error).__name__


def _final(refusal: CallRefused) -> Refused:
    illegal = refusal.code.lower().startswith("illegalcharacters")
    return Refused(
        reason=Failure.ILLEGAL_CHARACTERS if illegal else Failure.BAD_REQUEST, message=str(refusal), final=True
    )

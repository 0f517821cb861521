"""How many calls a second an account gives: learnt from the calls that it throttles, and kept to.

The quota of an account is shared with software that we do not see, and may be gone for a while.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watcher.errors import CallSuppressed, Throttled
from watcher.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.model import BatchResult, CallOptions, Media
    from watcher.ports import Clock, Registrar

DOCUMENTED_QUOTA: Final = 50
"""RegisterMedia calls a second of a whole account, as Alibaba Cloud documents it."""

_SLOWEST: Final = 0.2  # calls a second, however long everything is throttled
_GRACE_S: Final = 1.0  # VOD counts a second: what it says sooner is of the rate before
_SAMPLE: Final = 50  # calls to judge by ...
_SAMPLE_S: Final = 6.0  # ... of so many seconds at most
_FEW: Final = 25  # with so many accepted in the sample ...
_TOLERATED: Final = 0.1  # ... this share of it may be throttled: chance, or others
_DELIVERED: Final = 20  # calls that show which share of the rate is accepted
_ENOUGH: Final = 5  # accepted calls show a rate; fewer may be luck
_BELOW: Final = 0.9  # of what the account gives, so that its second drains
_CEILING_S: Final = 8.0  # after a fall the rate is back at the ceiling
_MOST_S: Final = 26.0  # after a fall the rate is back at the most, whatever the ceiling
_STEEPNESS: Final = 7  # of the way there: flat for long, so that a true ceiling is seldom passed
_DEEP: Final = 0.1  # of the most: a process that died while everything was throttled
_LOW: Final = 0.75  # of the most: worth a report
_MUCH_LOWER, _MUCH_HIGHER = 0.7, 1.5  # times what was reported last: worth another report ...
_APART_S: Final = 30.0  # ... after so long
_REMEMBERED: Final = 0.1  # a change by this share is written down


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChange:
    """A change of the rate that a person should hear of."""

    is_raised: bool
    calls_per_second: float
    hint: str


class AdaptiveRate:
    """The rate that an account gives, from the results of calls; pure, without a clock.

    Throttled: the rate falls below what was accepted of late, at once. It halves each second where
    nothing was accepted. A few throttled calls among many are taken for chance.

    Accepted: the rate doubles with each call made at the present rate (slow start), up to a curve
        over the time since the fall. The curve rises quickly to the ceiling, the rate at which the
        account throttled, stays near it, and then rises steeply to the most: a ceiling that is no
        more holds it back for `_MOST_S` only. A time in which nothing is accepted says nothing of
        the ceiling.

    Sources: slow start up to a threshold is TCP's (RFC 5681). The curve is that of CUBIC (RFC
        9438), with a fixed end. Falling to what was delivered is TCP Westwood's (Mascolo et al.,
        MobiCom 2001).
    """

    def __init__(self, most: float, *, given: float | None, now: float) -> None:
        """Begin at `given`, the rate of the last run; None = the account never throttled."""
        self.most = most
        self.rate = min(most, given or most)
        self._slowest = min(_SLOWEST, most / 2)
        self._ceiling = most if self.rate < _DEEP * most else self.rate
        self._held = self.rate  # the rate before the last fall that left something
        self._low = self.rate  # the rate after the last fall
        self._since = now - _CEILING_S  # the last fall: as if it had come to the ceiling since
        self._began = self._raised_at = now  # the sample; the present rate
        self._sample: deque[tuple[float, bool]] = deque(maxlen=2 * _SAMPLE + 2 * int(most))
        self._late = 0  # calls that were throttled within the grace after the fall
        self._reported = self.rate if self.rate < _LOW * most else most
        self._reported_at = now - _APART_S
        self._is_quiet = False  # the present fall was reported

    @property
    def is_low(self) -> bool:
        """Whether the last rate that was reported is below the most."""
        return self._reported < self.most

    def accepted(self, sent: float, *, now: float) -> RateChange | None:
        """Note that a call was accepted; return what is to be reported."""
        self._sample.append((sent, True))
        if now - self._since > _CEILING_S:
            self._is_quiet = False
        aim = self._curve(now - self._since)
        if sent >= self._raised_at and aim > self.rate:
            self.rate = min(aim, 2 * self.rate)
            self._raised_at = now
        if self.is_low and self.rate >= self.most:
            return self._report(self.most, is_raised=True, hint="", now=now)
        return None

    def throttled(self, sent: float, *, now: float) -> RateChange | None:
        """Note that a call was one too many; return what is to be reported."""
        if sent < self._since + _GRACE_S:
            self._late += 1
            return None
        self._sample.append((sent, False))
        _, sample = self._last(_SAMPLE, sent)
        if sample.count(True) >= _FEW and sample.count(False) <= _TOLERATED * len(sample):
            return None
        begin, calls = self._last(_DELIVERED, sent)
        n_accepted = calls.count(True)
        of = len(calls) + self._late
        gives = self.rate * (
            n_accepted / of if 2 * n_accepted < of else sample.count(True) / len(sample)
        )
        if (
            begin > sent - 1.0
        ):  # the first second of a process: no rate yet, but all that it was given
            gives = min(gives, n_accepted)
        self._fall(n_accepted, gives, now)
        return self._after_fall(n_accepted, _hint(self.most, gives), now)

    def _last(self, n: int, sent: float) -> tuple[float, list[bool]]:
        """Return when the last `n` calls began, about, and which of those since were accepted."""
        begin = max(self._began, sent - max(1.0, min(_SAMPLE_S, n / self.rate)))
        return begin, [is_accepted for at, is_accepted in self._sample if at >= begin]

    def _fall(self, n_accepted: int, gives: float, now: float) -> None:
        before = self.rate
        least = self._slowest if n_accepted >= _ENOUGH else max(self._slowest, before / 2)
        self.rate = self._low = max(least, _BELOW * gives)
        if n_accepted:
            self._ceiling, self._held = min(self.most, max(self.rate, gives)), before
        else:  # the fall before was the beginning of the silence, and no ceiling
            self._ceiling = max(self._ceiling, self._held)
        self._since = self._began = self._raised_at = now
        self._sample.clear()
        self._late = 0

    def _curve(self, seconds: float) -> float:
        """Return the rate to be had so many seconds after a fall."""
        if seconds < _CEILING_S:
            return self._ceiling - (self._ceiling - self._low) * (1 - seconds / _CEILING_S) ** 3
        behind = min(1.0, (seconds - _CEILING_S) / (_MOST_S - _CEILING_S))
        return self._ceiling + (self.most - self._ceiling) * behind**_STEEPNESS

    def _after_fall(self, n_accepted: int, hint: str, now: float) -> RateChange | None:
        is_higher = n_accepted >= _ENOUGH and self.rate > _MUCH_HIGHER * self._reported
        is_lower = self.rate < _MUCH_LOWER * self._reported and (
            n_accepted >= _ENOUGH or not self._is_quiet
        )
        if not self.is_low:
            worth = self.rate < _LOW * self.most
        else:
            worth = (is_higher or is_lower) and now - self._reported_at >= _APART_S
        return (
            self._report(self.rate, is_raised=self.is_low and is_higher, hint=hint, now=now)
            if worth
            else None
        )

    def _report(self, rate: float, *, is_raised: bool, hint: str, now: float) -> RateChange:
        self._reported, self._reported_at = rate, now
        self._is_quiet = not is_raised
        return RateChange(is_raised=is_raised, calls_per_second=round(rate, 2), hint=hint)


def _hint(most: float, gives: float) -> str:
    """Return what can be done about an account that gives so many calls a second."""
    if not gives:
        return "VOD accepts no call now. Nothing is lost, and the rate comes back by itself."
    if most > DOCUMENTED_QUOTA:
        return (
            f"The documented quota is {DOCUMENTED_QUOTA} calls a second for the whole account: set "
            "[vod] "
            f"calls_per_second to {DOCUMENTED_QUOTA} or less, or ask Alibaba Cloud for a higher "
            "quota."
        )
    if gives < _LOW * most:
        return (
            f"The account gives about {max(1, round(gives))} calls a second now: other software "
            "shares its quota. "
            f"If this stays so, set [vod] calls_per_second to {max(1, round(gives))}, or ask "
            "Alibaba Cloud for a "
            "higher quota."
        )
    return "Other software shares the quota of the account. The rate comes back by itself."


class RateLimit:
    """Keep calls within the quota and what the account gives of it; for any number of threads.

    It begins as if there had been a call just now: of the last process, or under the configuration
    before.

    Args:
        calls_per_second: as configured.
        given: what the account was last seen to give; None = it never asked to slow down.
        clock: of the waits.
        changed: called with each change that a person should hear of.
        remember: keeps the rate for the next process; None = the account gives all.
    """

    def __init__(
        self,
        *,
        calls_per_second: float,
        given: float | None,
        clock: Clock,
        changed: Callable[[RateChange], None],
        remember: Callable[[float | None], None],
    ) -> None:
        self._clock = clock
        self._changed = changed
        self._remember = remember
        self._rate = AdaptiveRate(calls_per_second, given=given, now=clock.monotonic())
        self._remembered = given
        self._pace = Pace(calls_per_second, clock)
        self._pace.per_second = self._rate.rate
        self._pace.pass_one()
        self._lock = threading.Lock()

    @property
    def calls_per_second(self) -> float:
        """The present rate."""
        return self._pace.per_second

    def send(self, call: Callable[[], BatchResult]) -> BatchResult:
        """Make a call when its turn comes; the result sets the rate.

        Raises:
            CallSuppressed: the process is stopping, or the run gives up.
            CloudError: see `ports.Registrar.register`.
        """
        if not self._pace.wait():
            raise CallSuppressed("the watcher is stopping; nothing was sent")
        sent = self._clock.monotonic()
        try:
            result = call()
        except Throttled:
            self._note(self._rate.throttled, sent)
            raise
        if result.error is None:
            self._note(self._rate.accepted, sent)
        return result

    def write_down(self) -> None:
        """Remember the present rate for the next process."""
        with self._lock:
            self._write_down(by=0.0)

    def _note(self, became: Callable[..., RateChange | None], sent: float) -> None:
        with self._lock:
            change = became(sent, now=self._clock.monotonic())
            self._pace.per_second = self._rate.rate
            self._write_down(by=_REMEMBERED)
            if change:
                self._changed(change)

    def _write_down(self, *, by: float) -> None:
        now, before = self._rate.rate if self._rate.is_low else None, self._remembered
        if now == before or (now and before and abs(now - before) <= by * before):
            return
        self._remembered = now
        self._remember(now)


class RateLimited:
    """A registrar whose calls keep within a limit that it shares with others."""

    def __init__(self, inner: Registrar, limit: RateLimit) -> None:
        self._inner = inner
        self.limit = limit

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        """See `ports.Registrar.register`."""
        return self.limit.send(lambda: self._inner.register(batch, options))

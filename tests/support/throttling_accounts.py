"""Accounts of VOD that throttle in different ways, and calls to them in simulated time."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from watcher.pace import MARGIN
from watcher.registration.rate_limit import AdaptiveRate, RateChange

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence


class Account(Protocol):
    """Decide whether a call is accepted."""

    gives: float

    def accepts(self, at: float) -> bool:
        """Tell whether a call that arrives now is accepted; called in order."""
        ...


class Sliding:
    """So many in any sliding second."""

    def __init__(self, gives: float) -> None:
        self.gives = gives
        self._accepted_at: deque[float] = deque()

    def accepts(self, at: float) -> bool:
        while self._accepted_at and self._accepted_at[0] <= at - 1:
            self._accepted_at.popleft()
        if len(self._accepted_at) >= self.gives:
            return False
        self._accepted_at.append(at)
        return True


class ByTheClock:
    """So many in each second of the clock."""

    def __init__(self, gives: float) -> None:
        self.gives = gives
        self._second, self._n = -1, 0

    def accepts(self, at: float) -> bool:
        if int(at) != self._second:
            self._second, self._n = int(at), 0
        self._n += 1
        return self._n <= self.gives


class Tokens:
    """A bucket of tokens, two of them in store."""

    def __init__(self, gives: float) -> None:
        self.gives = gives
        self._left, self._at = 2.0, 0.0

    def accepts(self, at: float) -> bool:
        self._left = min(2.0, self._left + (at - self._at) * self.gives)
        self._at = at
        if self._left < 1:
            return False
        self._left -= 1
        return True


class ByChance:
    """Over the limit any call may be refused, and each counts: as VOD documents it."""

    def __init__(self, gives: float, chance: random.Random) -> None:
        self.gives = gives
        self._chance = chance
        self._came: deque[float] = deque()

    def accepts(self, at: float) -> bool:
        while self._came and self._came[0] <= at - 1:
            self._came.popleft()
        self._came.append(at)
        return len(self._came) <= self.gives or self._chance.random() < self.gives / len(self._came)


class Shut:
    """Another account, which accepts nothing from time to time."""

    def __init__(self, account: Account, times: Sequence[tuple[float, float]]) -> None:
        self.gives = account.gives
        self._account = account
        self._times = times

    def accepts(self, at: float) -> bool:
        return not any(begin <= at < end for begin, end in self._times) and self._account.accepts(
            at
        )


class Levels:
    """An account that gives another rate from each of some instants on."""

    def __init__(self, *levels: tuple[float, float]) -> None:
        self._levels = levels
        self._account = Sliding(levels[0][1])
        self.gives = levels[0][1]

    def accepts(self, at: float) -> bool:
        self.gives = self._account.gives = [gives for begin, gives in self._levels if begin <= at][
            -1
        ]
        return self._account.accepts(at)


@dataclass(slots=True)
class Run:
    """The result of a run."""

    calls: list[tuple[float, bool]] = field(
        default_factory=list
    )  # when each arrived, and whether it was accepted
    changes: list[tuple[float, RateChange]] = field(default_factory=list)
    rates: list[tuple[float, float]] = field(default_factory=list)

    def a_second(self, begin: float, end: float) -> float:
        """Return how many calls a second were accepted between two instants."""
        return sum(is_accepted for at, is_accepted in self.calls if begin <= at < end) / (
            end - begin
        )

    def throttled(self, begin: float, end: float) -> float:
        """Return the share of calls that were made in vain."""
        made = [is_accepted for at, is_accepted in self.calls if begin <= at < end]
        return made.count(False) / len(made)

    def last_throttled(self, before: float) -> float:
        """Return when the last call was throttled before an instant."""
        return max(at for at, is_accepted in self.calls if not is_accepted and at < before)

    def most_in_a_second(self) -> int:
        """Return the most calls that arrived in any sliding second."""
        window: deque[float] = deque()
        most = 0
        for at, _ in self.calls:
            window.append(at)
            while window[0] <= at - 1:
                window.popleft()
            most = max(most, len(window))
        return most


def call(
    account: Account,
    most: float,
    *,
    until: float,
    chance: random.Random,
    latency_s: float = 0.1,
    concurrent: int = 8,
    given: float | None = None,
) -> Run:
    """Call an account as `RateLimit` does, at its pace, with so many calls at once."""
    rate, run = AdaptiveRate(most, given=given, now=0.0), Run()
    slot, window = 0.0, deque[float](maxlen=math.ceil(most))
    flying: list[tuple[float, float, bool]] = []  # end, sent, accepted
    idle = [0.0] * concurrent  # from when on each worker may call

    def land() -> None:
        end, sent, accepted = heapq.heappop(flying)
        change = (rate.accepted if accepted else rate.throttled)(sent, now=end)
        run.rates.append((end, rate.rate))
        run.changes += [(end, change)] if change else []

    while True:
        worker = heapq.heappop(idle)
        while True:
            full = len(window) == window.maxlen
            at = max(slot + MARGIN / rate.rate, worker, window[0] + MARGIN if full else 0.0)
            if not (flying and flying[0][0] < at):
                break
            land()
        if at > until:
            return run
        accepted = account.accepts(at)
        run.calls.append((at, accepted))
        end = at + latency_s * chance.uniform(0.7, 1.5)
        heapq.heappush(flying, (end, at, accepted))
        heapq.heappush(idle, end)
        window.append(at)
        slot = max(slot + MARGIN / rate.rate, at - 0.02)

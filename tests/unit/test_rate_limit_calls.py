"""The rate limit around a registrar: what it lets pass, remembers and reports."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.support.throttling_accounts import (
    Sliding,
)
from tests.unit.test_limits import Scripted, SteppedClock, Stopping, media
from watcher.errors import CallSuppressed, Throttled, Unanswered
from watcher.model import BatchResult, CallOptions
from watcher.registration.rate_limit import RateChange, RateLimit, RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.model import Media


def limit(
    inner: Scripted,
    clock: SteppedClock,
    changes: list[RateChange] | None = None,
    given: float | None = None,
    remember: Callable[[float | None], None] = lambda _: None,
) -> RateLimited:
    changed = changes.append if changes is not None else lambda _: None
    return RateLimited(
        inner,
        RateLimit(
            calls_per_second=20, given=given, clock=clock, changed=changed, remember=remember
        ),
    )


def test_throttling_halves_the_rate_once_a_second_and_it_comes_back() -> None:
    changes: list[RateChange] = []
    remembered: list[float | None] = []
    limited = limit(
        Scripted(script=[Throttled("slow")] * 2),
        SteppedClock(),
        changes,
        remember=remembered.append,
    )
    for _ in range(2):
        with pytest.raises(Throttled):
            limited.register(media("a"), CallOptions())
    assert [each.calls_per_second for each in changes] == [10.0]
    assert remembered == [10.0]

    for _ in range(600):
        limited.register(media("a"), CallOptions())

    assert limited.limit.calls_per_second == 20
    assert [(each.is_raised, each.calls_per_second) for each in changes] == [
        (False, 10.0),
        (True, 20),
    ]
    assert remembered[-1] is None
    assert len(remembered) < 12


def test_configurations_that_follow_one_another_keep_within_the_rate_of_one() -> None:
    """However often the configuration is read again."""
    clock, calls = SteppedClock(), Scripted()
    sent_at: list[float] = []
    for _ in range(30):
        limited = limit(calls, clock)
        for _ in range(2):
            limited.register(media("a"), CallOptions())
            sent_at.append(clock.at)
    assert max(sum(1 for other in sent_at if at <= other < at + 1) for at in sent_at) <= 20 + 1


def test_the_rate_starts_at_what_the_account_was_last_seen_to_give() -> None:
    assert limit(Scripted(), SteppedClock(), given=3.0).limit.calls_per_second == 3.0
    assert limit(Scripted(), SteppedClock(), given=99.0).limit.calls_per_second == 20


def test_the_present_rate_is_written_down_for_the_next_process() -> None:
    remembered: list[float | None] = []
    limited = limit(
        Scripted(script=[Throttled("slow")]), SteppedClock(), remember=remembered.append
    )
    limited.limit.write_down()
    assert remembered == []
    with pytest.raises(Throttled):
        limited.register(media("a"), CallOptions())
    for _ in range(8):
        limited.register(media("a"), CallOptions())
    limited.limit.write_down()
    limited.limit.write_down()
    assert remembered[0] == 10.0
    assert remembered[-1] == limited.limit.calls_per_second > 10.0
    assert len(set(remembered)) == len(remembered)


class Metered(Scripted):
    """A service that takes `per_second` calls in any sliding second."""

    def __init__(self, clock: SteppedClock, per_second: int) -> None:
        super().__init__()
        self.clock, self.account = clock, Sliding(per_second)
        self.sent_at: list[float] = []
        self.throttled = 0

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        if not self.account.accepts(self.clock.at):
            self.throttled += 1
            raise Throttled("slow")
        self.sent_at.append(self.clock.at)
        return super().register(batch, options)


@pytest.mark.parametrize("gives", [2, 5, 8, 13])
def test_the_rate_settles_near_what_the_account_gives(gives: int) -> None:
    """After a minute of finding out, nine tenths of it are used, and few calls are made in vain."""
    clock = SteppedClock()
    account = Metered(clock, gives)
    limited = limit(account, clock)

    def work_until(end: float) -> None:
        while clock.at < end:
            with contextlib.suppress(Throttled):
                limited.register(media("a"), CallOptions())

    work_until(60)
    account.sent_at.clear()
    account.throttled = 0
    work_until(360)

    assert len(account.sent_at) >= 0.85 * gives * 300
    assert account.throttled <= 0.1 * len(account.sent_at)


def test_a_wait_is_cut_short_when_the_rate_rises() -> None:
    """At 0.2 a second the next slot is 5 s away, but not once the call before is accepted."""

    class Rising(SteppedClock):
        """Raises the rate while somebody waits."""

        limited: RateLimited

        def wait(self, seconds: float) -> bool:
            stopped = super().wait(seconds)
            if self.at > 1.0:
                self.limited.limit._pace.per_second = 20
            return stopped

    clock = Rising()
    clock.limited = limit(Scripted(), clock, given=0.2)
    clock.limited.register(media("a"), CallOptions())
    assert clock.at < 1.5


def test_calls_suppressed_by_a_stopping_process_say_so() -> None:
    with pytest.raises(CallSuppressed, match="the watcher is stopping"):
        limit(Scripted(), Stopping()).register(media("a"), CallOptions())


def test_an_unanswered_call_does_not_speed_up() -> None:
    class Silent(Scripted):
        def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
            return BatchResult(
                outcomes=super().register(batch, options).outcomes, error=Unanswered("?")
            )

    limited = limit(Silent(script=[Throttled("slow")]), SteppedClock())
    with pytest.raises(Throttled):
        limited.register(media("a"), CallOptions())
    limited.register(media("a"), CallOptions())
    assert limited.limit.calls_per_second == 10

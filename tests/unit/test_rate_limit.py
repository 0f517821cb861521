"""How the rate follows what an account gives, in simulated time."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import throttling_accounts
from tests.support.throttling_accounts import (
    ByChance,
    ByTheClock,
    Levels,
    Run,
    Shut,
    Sliding,
    Tokens,
)

if TYPE_CHECKING:
    from collections.abc import Callable


CHANCE = random.Random(5)  # noqa: S311 (no secret)
KINDS: dict[str, Callable[[float, random.Random], throttling_accounts.Account]] = {
    "in any sliding second": lambda gives, _: Sliding(gives),
    "in each second of the clock": lambda gives, _: ByTheClock(gives),
    "by tokens": lambda gives, _: Tokens(gives),
    "by chance": ByChance,
}
kinds = pytest.mark.parametrize("kind", KINDS)


def figures(run: Run) -> list[tuple[bool, float]]:
    return [(change.is_raised, change.calls_per_second) for _, change in run.changes]


def never_twice(run: Run) -> bool:
    shown = [change.calls_per_second for _, change in run.changes]
    return all(one != other for one, other in itertools.pairwise(shown))


@kinds
@pytest.mark.parametrize("most", [25, 50])
@pytest.mark.parametrize("gives", [1, 2, 3, 5, 8, 13, 20])
def test_an_account_that_gives_steadily_less_is_used_at_what_it_gives(
    kind: str, most: int, gives: int
) -> None:
    """About nine tenths of it or more, few calls in vain, and no log full of changes.

    Of a handful of calls a second each one that is throttled is a large share.
    """
    run = throttling_accounts.call(KINDS[kind](gives, CHANCE), most, until=360, chance=CHANCE)

    assert run.a_second(30, 360) >= (0.86 if gives > 3 else 0.72) * gives
    assert run.throttled(30, 360) <= (0.08 if gives > 3 else 0.15)
    assert gives > most / 2 or run.changes[0][1].is_raised is False
    assert len(run.changes) <= 12
    assert never_twice(run)


@kinds
def test_a_quota_that_is_just_missed_is_not_worth_a_report(kind: str) -> None:
    run = throttling_accounts.call(KINDS[kind](24, CHANCE), 25, until=360, chance=CHANCE)
    assert run.a_second(30, 360) >= 0.9 * 24
    assert len(run.changes) <= (6 if kind == "by chance" else 0)


@pytest.mark.parametrize("most", [1, 2, 3, 8, 25, 50, 200])
@pytest.mark.parametrize("latency_s", [0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("begin", [0.0, 0.3, 100.0])
def test_after_40_s_of_throttling_it_is_back_within_30_s(
    most: int, latency_s: float, begin: float
) -> None:
    """One report when the rate falls, one when it is back."""
    shut = Shut(Sliding(1000), [(begin, begin + 40)])
    run = throttling_accounts.call(
        shut, most, until=begin + 120, chance=CHANCE, latency_s=latency_s, concurrent=2 * most
    )

    free = run.last_throttled(begin + 40)
    assert run.a_second(free + 30, begin + 120) >= 0.9 * most
    assert max(rate for at, rate in run.rates if at < free + 30) >= 0.9 * most
    (lowered_at, lowered), (raised_at, raised) = run.changes
    assert (lowered.is_raised, raised.is_raised) == (False, True)
    assert begin <= lowered_at <= begin + 2.5 + 2 * latency_s + 2 / most
    assert lowered.calls_per_second < raised.calls_per_second == most
    assert raised_at <= free + 30
    assert run.most_in_a_second() <= most + 1


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    gives=st.integers(10, 60),
    most=st.integers(4, 60),
    times=st.lists(st.tuples(st.floats(0, 100), st.floats(0.5, 60)), max_size=3),
    latency_s=st.sampled_from([0.02, 0.1, 0.3]),
    was=st.none() | st.floats(0.2, 80),
    seed=st.integers(0, 1000),
)
def test_whatever_was_it_is_back_at_what_the_account_gives(  # noqa: PLR0917 (hypothesis names them)
    kind: str,
    gives: int,
    most: int,
    times: list[tuple[float, float]],
    latency_s: float,
    was: float | None,
    seed: int,
) -> None:
    """From any depth, after any silences, and from what any former process remembered."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    account = Shut(KINDS[kind](gives, chance), [(at, at + for_s) for at, for_s in times])
    free = max((at + for_s for at, for_s in times), default=0.0)
    run = throttling_accounts.call(
        account,
        most,
        until=free + 130,
        chance=chance,
        latency_s=latency_s,
        concurrent=64,
        given=was,
    )

    attainable = min(gives, most)
    least = 0.9 if gives > most else 0.7  # at its limit an account may refuse by chance
    assert max(run.a_second(free + at, free + at + 5) for at in range(26)) >= least * attainable
    assert run.a_second(free + 30, free + 130) >= least * attainable
    assert run.most_in_a_second() <= most + 1
    assert never_twice(run)
    assert all(not change.hint or change.hint.endswith(".") for _, change in run.changes)


@pytest.mark.parametrize(
    ("for_s", "every_s"), [(1, 30), (3, 15), (3, 30), (5, 30), (5, 60), (10, 60)]
)
def test_silences_that_come_again_and_again_cost_little_of_the_time_between(
    for_s: int, every_s: int
) -> None:
    shut = Shut(Sliding(25), [(at, at + for_s) for at in range(20, 620, every_s)])
    run = throttling_accounts.call(shut, 25, until=620, chance=CHANCE)
    assert run.a_second(20, 620) > 0.7 * 25 * (every_s - for_s) / every_s
    assert never_twice(run)


def test_calls_that_are_throttled_by_chance_do_not_slow_the_others_down() -> None:
    """One in fifty: other software has its peaks."""

    class Whimsical:
        gives = 25.0

        def accepts(self, at: float) -> bool:  # noqa: ARG002 (the account's)
            return CHANCE.random() > 0.02

    run = throttling_accounts.call(Whimsical(), 25, until=360, chance=CHANCE)
    assert run.a_second(30, 360) >= 0.9 * 25


def test_a_quota_that_changes_is_followed_and_reported() -> None:
    levels = [(0, 25), (60, 8), (180, 20), (300, 2), (420, 25)]
    run = throttling_accounts.call(Levels(*levels), 25, until=540, chance=CHANCE)
    for (begin, gives), (end, _) in itertools.pairwise([*levels, (540, 0)]):
        assert run.a_second((begin + end) / 2, end) >= (0.88 if gives > 2 else 0.75) * gives, gives
    assert [is_raised for is_raised, _ in figures(run)][-1] is True
    assert figures(run)[-1][1] == 25
    assert never_twice(run)
    assert len(run.changes) <= 9


@pytest.mark.parametrize("was", [0.2, 1.57, 3.0, 24.0, 99.0])
@pytest.mark.parametrize("gives", [5, 25])
def test_a_rate_that_a_former_process_left_does_not_last(was: float, gives: int) -> None:
    run = throttling_accounts.call(Sliding(gives), 25, until=120, chance=CHANCE, given=was)
    assert run.a_second(30, 120) >= 0.85 * gives
    first = min(was, 25)
    assert run.calls[0][0] == pytest.approx(1.01 / first)


@pytest.mark.parametrize(
    ("most", "account", "says"),
    [
        (
            25,
            Shut(Sliding(25), [(0, 9)]),
            "VOD accepts no call now. Nothing is lost, and the rate comes back by ",
        ),
        (
            25,
            Shut(Sliding(25), [(9, 20)]),
            "VOD accepts no call now. Nothing is lost, and the rate comes back by ",
        ),
        (
            25,
            Sliding(8),
            (
                "If this stays so, set [vod] calls_per_second to 8, or ask Alibaba Cloud "
                "for a higher quota."
            ),
        ),
        (25, Sliding(20), "Other software shares the quota of the account. The rate comes back"),
        (
            200,
            Sliding(100),
            (
                "The documented quota is 50 calls a second for the whole account: set [vod] "
                "calls_per_sec"
            ),
        ),
    ],
    ids=["nothing", "nothing any more", "less", "a little less", "more than is documented"],
)
def test_the_hint_fits_what_can_be_done(
    most: int, account: throttling_accounts.Account, says: str
) -> None:
    run = throttling_accounts.call(account, most, until=30, chance=CHANCE, latency_s=0.01)
    assert says in run.changes[0][1].hint

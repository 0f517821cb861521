"""A one-shot ends, however files stay undecided and whatever `[retry]` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import FakeClock
from tests.support.history_configs import WatchAs
from tests.support.in_memory_app import World
from watcher.errors import CloudError, Throttled, Unanswered, Unreachable
from watcher.operations.backfill import BackfillRequest
from watcher.registration.give_up import SCAN_S, GiveUp, LimitedClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.ports import Clock

ASKED_FOR_S = 45.0
LATE_S = 1.5  # a wait under way, a call, a last look


# The limit by itself


class Count:
    """The decisions in the ledger."""

    def __init__(self) -> None:
        self.n = self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.n


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_the_time_runs_from_the_end_of_the_listing_and_from_each_decision(
    clock: FakeClock,
) -> None:
    count = Count()
    limit = GiveUp(clock, after_s=30, decisions=count)
    clock.wait(100)
    assert not limit.is_over, "it was not begun"
    limit.begin()
    clock.wait(29)
    limit.begin()
    assert limit.left_s == 1
    count.n += 1
    clock.wait(0.5)
    assert limit.left_s == 30
    clock.wait(29.9)
    assert not limit.is_over
    clock.wait(0.2)
    assert limit.is_over


def test_a_decision_that_nobody_looked_for_meanwhile_counts_at_the_last_moment(
    clock: FakeClock,
) -> None:
    count = Count()
    limit = GiveUp(clock, after_s=30, decisions=count)
    limit.begin()
    clock.wait(40)
    count.n += 1
    assert limit.left_s == 30


def test_the_ledger_is_not_asked_at_each_look(clock: FakeClock) -> None:
    count = Count()
    limit = GiveUp(clock, after_s=30, decisions=count)
    limit.begin()
    for _ in range(1000):
        clock.wait(0.001)
        assert not limit.is_over
    assert count.asked <= 6


@pytest.mark.parametrize("after_s", [float("inf")])
def test_without_a_limit_nothing_is_asked_or_given_up(clock: FakeClock, after_s: float) -> None:
    count = Count()
    limit = GiveUp(clock, after_s=after_s, decisions=count)
    limit.begin()
    clock.wait(1e9)
    assert (limit.is_over, count.asked) == (False, 0)


def test_a_wait_is_cut_short_when_the_run_gives_up_or_the_process_stops(clock: FakeClock) -> None:
    limit = GiveUp(clock, after_s=3, decisions=Count())
    limited: Clock = LimitedClock(clock, limit)
    assert limited.wait(5) is False
    limit.begin()
    began = limited.monotonic()
    assert limited.wait(2) is False
    assert limited.wait(100) is True
    assert 3 <= limited.monotonic() - began < 3.5
    clock.stopping = True
    assert LimitedClock(clock, GiveUp(clock, after_s=3, decisions=Count())).wait(1) is True
    assert limited.now_ms() == clock.now_ms()


@pytest.mark.parametrize(
    ("after_s", "words"), [(30, "30 s"), (600, "10 min"), (90, "1 min 30 s"), (0.5, "0.5 s")]
)
def test_what_is_said_of_it_names_the_time(clock: FakeClock, after_s: float, words: str) -> None:
    assert f"for {words}" in str(GiveUp(clock, after_s=after_s, decisions=Count()).error())


# A whole run, by a clock that moves when waited on


def never_mentioned(world: World) -> None:
    world.vod.unmentioned = {"stuck.mp4"}


def down(error: CloudError) -> Callable[[World], None]:
    def fail(world: World) -> None:
        world.vod.down = error

    return fail


def in_turns(world: World) -> None:
    """Each call fails in another way, and some are answered: no streak of one kind is long."""
    world.vod.unmentioned = {"stuck.mp4"}
    world.vod.script = ["throttled", "", "not sent", "", "silent", "missing"] * 5000


WAYS: dict[str, Callable[[World], None]] = {
    "in neither list": never_mentioned,
    "throttled while OSS works": down(Throttled("slow down")),
    "throttled, and asked to stay away": down(Throttled("slow down", retry_after_s=7)),
    "not sent": down(Unreachable("no connection")),
    "HTML, odd JSON, timeouts": down(Unanswered("no JSON")),
    "all of it in turns": in_turns,
}
RETRY = {
    "at once": 'first_delay = "1ms"\nmax_delay = "1ms"',
    "300ms": 'first_delay = "300ms"\nmax_delay = "300ms"',
    "20s": 'first_delay = "2s"\nmax_delay = "20s"',
    "default": "",
    "minutes": 'first_delay = "2m"\nmax_delay = "2m"',
}


@pytest.fixture(params=["scan", "backfill"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=RETRY)
def world(request: pytest.FixtureRequest, kind: str) -> Iterator[World]:
    """A process with the real limit of a scan, or one that was asked for."""
    backfill = BackfillRequest(give_up_after_s=ASKED_FOR_S) if kind == "backfill" else None
    made = World([WatchAs("w")], backfill=backfill, retry=RETRY[request.param], patience_s=SCAN_S)
    yield made
    made.remove()


@pytest.mark.parametrize("way", WAYS)
def test_whatever_is_never_decided_is_given_up_in_time(world: World, kind: str, way: str) -> None:
    """Nothing is lost or failed. All that can be registered is; a scan leaves what is due late."""
    world.bucket.put("stuck.mp4")
    if way == "in neither list":
        world.bucket.put("fine.mp4")
    world.scan("w")
    WAYS[way](world)
    began = world.clock.monotonic()
    world.register()
    took_s = world.clock.monotonic() - began
    limit_s = SCAN_S if kind == "scan" else ASKED_FOR_S
    assert took_s <= limit_s + LATE_S
    if kind == "backfill":
        assert world.gave_up
        assert took_s >= limit_s
    left = world.ledger.counts.undecided(["w"], refused=world.gave_up)
    assert (left.entries, left.key) == (1, "stuck.mp4")
    assert ("fine.mp4" in {key for _, key in world.vod.media.values()}) == (
        way == "in neither list"
    )
    assert not world.vod.refused


@pytest.mark.parametrize("n", [1, 40])
def test_one_file_after_the_other_that_is_decided_prolongs_it(kind: str, n: int) -> None:
    """Each refusal of an entry alone is a decision; the run ends with the last."""
    made = World(
        [WatchAs("w")],
        backfill=BackfillRequest() if kind == "backfill" else None,
        retry='first_delay = "20s"\nmax_delay = "20s"',
        patience_s=SCAN_S,
    )
    try:
        for number in range(n):
            made.bucket.put(f"{number}.mp4")
            made.vod.refusing[f"{number}.mp4"] = 1
        made.scan("w")
        made.register()
        assert len(made.vod.media) == n
        assert not made.gave_up
    finally:
        made.remove()

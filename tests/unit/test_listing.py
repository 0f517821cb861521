"""A listing page after page: transient errors are retried, and no page is lost or doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import FakeAnswer
from watcher.discovery.listing.pager import Pager
from watcher.discovery.listing.sequential import pages_in_order
from watcher.errors import AccountRefused, CloudError, Throttled, Unavailable, Unreachable
from watcher.model import ObjectInfo, Objects, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = [f"{n:02}" for n in range(10)]


class World:
    """A source of ten objects in pages of three, and a clock; calls fail as scripted."""

    bucket, prefix = "b", ""

    def __init__(
        self, script: Sequence[CloudError | None] = (), *, stop_after_waits: int | None = None
    ) -> None:
        self.script = list(script)
        self.at = 0.0
        self.waits: list[float] = []
        self.asked: list[str] = []
        self.stop_after_waits = stop_after_waits
        self.asked_rest_s = 0.0

    def now_ms(self) -> int:
        return int(self.at * 1000)

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> bool:
        self.at += seconds
        if seconds:
            self.waits.append(seconds)
        return self.stop_after_waits is not None and len(self.waits) >= self.stop_after_waits

    def list_objects(
        self, *, start_after: str = "", token: str = "", max_keys: int = 1000
    ) -> FakeAnswer:
        assert (token, max_keys) == ("", 1000)
        self.asked.append(start_after)
        if self.script and (error := self.script.pop(0)):
            raise error
        left = [key for key in KEYS if key > start_after]
        objects = Objects.of(ObjectInfo(key, "E", 1, 0) for key in left[:3])
        last_key = objects.keys[-1] if objects else ""
        answer = FakeAnswer(Page(objects=objects, at=0, last_key=last_key, is_last=len(left) <= 3))
        answer.asked_rest_s = self.asked_rest_s
        return answer

    def head(self, key: str) -> ObjectInfo | None:
        pytest.fail(f"a listing asks for no single object, not for {key}")


def listed(world: World) -> tuple[list[str], int]:
    """Return all keys, and how many calls they took."""
    pager = Pager(world, pace=lambda _: True, clock=world, jitter=lambda: 0.5)
    keys = [found.key for page in pages_in_order(pager) for found in page.objects]
    return keys, pager.calls


def test_a_listing_without_faults_asks_once_a_page() -> None:
    assert listed(World()) == (KEYS, 4)


@pytest.mark.parametrize("error", [Unreachable("x"), Throttled("x"), Unavailable("x")])
def test_a_transient_error_is_retried_from_the_same_page_with_growing_delays(
    error: CloudError,
) -> None:
    world = World([None, error, error, error, None])
    assert listed(world) == (KEYS, 7)
    assert world.asked == ["", "02", "02", "02", "02", "05", "08"]
    assert world.waits == [0.5, 1.0, 2.0]


def test_a_page_is_given_up_after_five_tries_and_the_next_page_has_five_of_its_own() -> None:
    four = [Unavailable("x")] * 4
    assert listed(World([*four, None, *four, None]))[0] == KEYS
    world = World([None, *four, Unavailable("last")])
    with pytest.raises(Unavailable, match="last"):
        listed(world)
    assert len(world.asked) == 6


def test_a_retry_waits_as_long_as_the_service_asks_up_to_30_seconds() -> None:
    world = World([Throttled("x", retry_after_s=20)])
    assert listed(world)[0] == KEYS
    assert world.waits == [20]
    for script in ([Throttled("x", retry_after_s=31)], [Throttled("x", retry_after_s=16)] * 2):
        world = World(script)
        with pytest.raises(Throttled):
            listed(world)
        assert world.at <= 30


@pytest.mark.parametrize("error", [AccountRefused("x"), CloudError("x")])
def test_a_lasting_error_is_raised_at_once(error: CloudError) -> None:
    world = World([None, error])
    with pytest.raises(CloudError):
        listed(world)
    assert (world.asked, world.waits) == (["", "02"], [])


def test_a_stop_request_ends_the_waiting_and_the_listing() -> None:
    with pytest.raises(Unavailable):
        listed(World([Unavailable("x")] * 2, stop_after_waits=1))
    assert listed(World([None, Unavailable("x")], stop_after_waits=2)) == (KEYS, 5)


def test_each_call_keeps_the_pace_and_the_rest_that_the_last_answer_asked_for() -> None:
    world, rests = World(), []
    world.asked_rest_s = 1.5

    def pace(rest_s: float) -> bool:
        rests.append(rest_s)
        return len(rests) < 3

    pager = Pager(world, pace=pace, clock=world, jitter=lambda: 0.5)
    assert [page.objects.keys for page in pages_in_order(pager)] == [KEYS[:3], KEYS[3:6]]
    assert (rests, pager.calls) == ([0.0, 1.5, 1.5], 2)


def test_an_answer_that_asks_for_no_rest_takes_back_none_that_another_asked_for() -> None:
    """Answers reach many threads, so the last one does not stand for all."""
    world, rests = World(), []

    def pace(rest_s: float) -> bool:
        rests.append(rest_s)
        world.asked_rest_s = {1: 30.0, 2: 0.0, 3: 5.0}[len(rests)]
        world.at += 2.0
        return len(rests) < 3

    pager = Pager(world, pace=pace, clock=world, jitter=lambda: 0.5)
    for _ in range(3):
        pager.ask(lambda answer: answer, max_keys=1000)
    assert rests == [0.0, 30.0, 28.0]

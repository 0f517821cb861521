"""An object that failed, and only waits for being listed again: the next scan takes it up.

Its range is remembered, and answers with the very same bytes as before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import FOR_GOOD, SLEEPING
from tests.support.history_configs import BUCKET, WatchAs
from tests.support.in_memory_app import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.model import ObjectInfo

KEYS = [f"{n:02}.mp4" for n in range(12)]  # four pages
KEY = KEYS[1]
DAY_S = 86_400


@pytest.fixture(name="world", params=[1, 4], ids=["one by one", "at once"])
def scanned_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A bucket that was scanned, and of which nothing is registered yet."""
    world = World([WatchAs("w")], list_concurrency=request.param)
    for key in KEYS:
        world.bucket.put(key, age_s=7_200)
    assert world.scan("w").complete
    world.clock.wait(1)
    yield world
    world.remove()


def fail(world: World, reason: str) -> None:
    """Register all; when the call comes, one object is not to be had for a moment."""
    found: ObjectInfo = world.bucket.objects[KEY.encode()]

    def vanish() -> None:
        if reason == "gone":
            del world.bucket.objects[KEY.encode()]
        else:
            world.bucket.objects[KEY.encode()] = replace(found, storage_class=SLEEPING)

    world.vod.meanwhile = vanish
    world.register()
    world.bucket.objects[KEY.encode()] = found
    assert states(world) == {key: "failed" if key == KEY else "registered" for key in KEYS}
    assert world.db.execute("SELECT reason FROM entry WHERE key = ?", (KEY,)).fetchone() == (
        reason,
    )


def states(world: World) -> dict[str, str]:
    return dict(world.db.execute("SELECT key, state FROM entry").fetchall())


def pages_read(world: World) -> int:
    """Scan; return how many of the answers were read."""
    before = world.bucket.pages_read
    report = world.scan("w")
    assert (report.complete, report.listed) == (True, len(KEYS))
    return world.bucket.pages_read - before


@pytest.mark.parametrize("reason", ["gone", "archived"])
def test_a_failed_file_that_is_back_is_queued_by_the_next_scan(world: World, reason: str) -> None:
    fail(world, reason)
    world.clock.wait(1)

    assert pages_read(world) < 4  # the others repeat

    assert states(world)[KEY] == "pending"
    world.register()
    assert set(states(world).values()) == {"registered"}
    pages_read(world)
    assert pages_read(world) == 0


@pytest.mark.parametrize("later_s", [0, DAY_S], ids=["while ranges repeat", "while all is read"])
@pytest.mark.parametrize("reason", ["gone", "archived"])
def test_a_file_that_fails_while_it_is_listed_is_queued_by_the_scan_after(
    world: World, reason: str, later_s: int
) -> None:
    """It fails after the answer that shows it, before that is recorded: the next scan queues it."""
    world.clock.wait(later_s)
    world.bucket.meanwhile = lambda: fail(world, reason)
    pages_read(world)
    assert states(world)[KEY] == "failed"
    world.clock.wait(1)

    pages_read(world)

    assert states(world)[KEY] == "pending"
    world.register()
    assert set(states(world).values()) == {"registered"}


def test_a_failed_file_of_a_removed_watch_is_queued_when_it_is_retried(world: World) -> None:
    """The watch that lists it now takes it over."""
    world.vod.refusing[KEY] = FOR_GOOD
    for _ in range(2):
        world.register()
        world.clock.wait(600)
    assert states(world)[KEY] == "failed"
    world.reload([WatchAs("other")])
    assert world.scan("other").complete
    del world.vod.refusing[KEY]
    world.ledger.retry.retry_named([(BUCKET, KEY)], now_ms=world.clock.now_ms())

    assert world.scan("other").complete

    world.register()
    assert set(states(world).values()) == {"registered"}

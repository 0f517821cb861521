"""A backfill waits for all next attempts, and ten minutes without a trustworthy answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.history_configs import WatchAs
from tests.support.in_memory_app import World
from tests.support.ledgers import HOUR, NOW, adopt, claim, finish, obj, record, settle, sleep
from watcher.discovery.selector import Selector
from watcher.errors import Unreachable
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.model import Accepted, Lane, Standing, Waiting
from watcher.operations.backfill import BackfillRequest
from watcher.rules.filters import Filters

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world() -> Iterator[World]:
    made = World([WatchAs("w")], backfill=BackfillRequest())
    yield made
    made.remove()


def test_a_service_that_stays_silent_is_given_up_after_ten_minutes(world: World) -> None:
    """Nothing is lost or failed by it."""
    world.bucket.put("a.mp4")
    world.scan("w")
    world.vod.down = Unreachable("no connection")
    began = world.clock.monotonic()
    world.register()
    assert 590 <= world.clock.monotonic() - began <= 615
    assert world.ledger.queue.pending() == 1
    assert not world.vod.media


def test_a_service_that_is_back_before_that_is_waited_for(world: World) -> None:
    world.bucket.put("a.mp4")
    world.scan("w")
    world.vod.script = ["not sent"] * 9
    world.register()
    assert len(world.vod.media) == 1
    assert world.clock.monotonic() > 60


def test_it_waits_for_attempts_that_are_due_in_minutes(world: World) -> None:
    """A scan leaves them to the next one."""
    world.bucket.put("a.mp4")
    world.scan("w")
    world.vod.script = ["missing"] * 9
    world.register()
    assert len(world.vod.media) == 1
    assert world.clock.monotonic() > 100
    assert world.ledger.queue.pending() == 0


def test_a_backfill_and_a_scan_never_go_on_with_each_others_listing(world: World) -> None:
    """Their digests differ, by what they are, by `start`, and by filters."""
    scan = World([WatchAs("w")])
    filtered = World([WatchAs("w")], backfill=BackfillRequest(filters=Filters(end_with="a")))
    try:
        digests = {
            Selector(each.resolved.target("w"), [], each.ledger.discovery).digest
            for each in (world, scan, filtered)
        }
    finally:
        scan.remove()
        filtered.remove()
    assert len(digests) == 3


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as opened:
        adopt(opened, "w", "other")
        yield opened


def test_only_a_scan_finds_fresh_entries_in_a_watch_that_is_up_to_date(ledger: Ledger) -> None:
    old = NOW - 2 * HOUR
    finish(ledger, listed=0)
    record(ledger, obj("a", at=old), obj("b"), kind="backfill")
    record(ledger, obj("c", at=old))
    claimed = claim(ledger) or pytest.fail("nothing")
    assert {entry.key: entry.lane for entry in claimed.entries} == {
        "a": Lane.BACKFILL,
        "b": Lane.FRESH,
        "c": Lane.FRESH,
    }


def test_counts_are_of_the_chosen_watches(ledger: Ledger) -> None:
    record(ledger, *(obj(key, size=7) for key in "abc"))
    record(ledger, obj("d"), watch="other")
    settle(
        ledger,
        claim(ledger, most=1) or pytest.fail("nothing"),
        Accepted(media_id="m", new_register=True),
    )
    assert ledger.counts.waiting("w") == Waiting(entries=2, size_bytes=14)
    assert ledger.counts.standing(["w"]) == Standing(pending=2, claimed=0, registered=1, failed=0)
    assert ledger.counts.standing(["w", "other"]) == Standing(
        pending=3, claimed=0, registered=1, failed=0
    )
    assert ledger.counts.last_listed(["w"]) is None
    for watch, listed in (("w", 3), ("other", 4)):
        finish(ledger, watch=watch, listed=listed)
    assert ledger.counts.last_listed(["w", "other"]) == 7

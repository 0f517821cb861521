"""The promises of `Clock`, `ScanRecords` and `Starts`, for every implementation."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import FakeClock
from tests.support.ledgers import HOUR, NOW, adopt, obj, record, sleep, states
from tests.support.scripted_calls import World
from tests.unit.test_limits import SteppedClock, Stopping
from watcher.clock import SystemClock
from watcher.errors import Throttled
from watcher.ledger.sqlite import Ledger, LedgerReader, ProcessLock
from watcher.model import Anchor, CallOptions, Found, ListingCost, Media, Objects, Range, ScanTotals
from watcher.operations.dry_run import DryRun
from watcher.registration.call import Group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from watcher.ledger.port import ScanRecords, StartMoments
    from watcher.model import ObjectInfo, ScanBegun
    from watcher.ports import Clock

OPTIONS = CallOptions(template_group_id="VOD_NO_TRANSCODE")

# Clocks


@pytest.fixture(params=["system", "fake", "stepped", "calling"])
def clock(request: pytest.FixtureRequest) -> Iterator[Clock]:
    if request.param == "system":
        with SystemClock() as made:
            yield made
    else:
        fakes: dict[str, Callable[[], Clock]] = {
            "fake": FakeClock,
            "stepped": SteppedClock,
            "calling": lambda: World(Throttled("never called")),
        }
        yield fakes[request.param]()


def test_a_wait_lasts_as_long_as_asked_and_says_that_nobody_asked_to_stop(clock: Clock) -> None:
    began = clock.monotonic()
    assert clock.wait(0) is False
    assert clock.wait(-1) is False or clock.monotonic() <= began
    began = clock.monotonic()
    assert clock.wait(0.02) is False
    assert clock.monotonic() - began >= 0.02 - 1e-9


def test_the_wall_clock_is_in_milliseconds_and_advances_during_a_wait(clock: Clock) -> None:
    before = clock.now_ms()
    clock.wait(0.02)
    assert isinstance(before, int)
    assert clock.now_ms() - before >= 19


@pytest.mark.parametrize("kind", ["system", "fake", "stopping"])
def test_a_clock_that_was_asked_to_stop_waits_no_more(kind: str) -> None:
    with SystemClock() as system:
        fake = FakeClock()
        fake.stopping = True
        if kind == "system":
            system.stop_on_signals()
            signal.raise_signal(signal.SIGTERM)
        clocks: dict[str, Clock] = {"system": system, "fake": fake, "stopping": Stopping()}
        clock = clocks[kind]
        began = clock.monotonic()
        assert [clock.wait(3600), clock.wait(0)] == [True, True]
        assert clock.monotonic() - began < 60


# ScanRecords: the ledger, and nowhere


@pytest.fixture(params=["ledger", "dry run"])
def records(request: pytest.FixtureRequest, path: Path) -> Iterator[ScanRecords]:
    """A ledger that knows `known.mp4`."""
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger)
        record(ledger, obj("known.mp4"))
        if request.param == "ledger":
            yield ledger.discovery
            return
        with LedgerReader(path) as reader:
            yield DryRun(
                reader,
                groups=[Group(bucket="b", watches=("w",), options=OPTIONS)],
                owner=lambda *_: "w",
                describe=lambda entry: Media(
                    bucket="b", key=entry.key, file_url=f"https://b/{entry.key}", title="t"
                ),
                max_bytes=None,
                show=lambda *_: None,
            )


def test_an_object_without_a_row_is_new_and_no_other(records: ScanRecords) -> None:
    begun = begin(records)
    found = all_of(obj("known.mp4"), obj("new.mp4"), obj("other.mp4"))
    recorded = records.record("w", [found], begun=begun, started_at=NOW, now_ms=NOW, began_ms=NOW)
    assert (recorded.new, recorded.changed) == (2, ())
    assert finish(records, begun) == ScanTotals(listed=3, matched=3, excluded={})


def test_a_watch_that_was_never_scanned_is_listed_from_the_front_and_may_be_empty(
    records: ScanRecords,
) -> None:
    begun = begin(records)
    assert (begun.uses_digests, begun.started_at, begun.listed) == (False, 0, 0)
    assert all(not confirmed for _, confirmed in records.remembered_ranges(begun, ""))
    assert records.count_empty_scan("w", begun) == 0


def begin(records: ScanRecords) -> ScanBegun:
    return records.begin_scan(
        "w", "scan", source="oss://b/", decision_digest="x", now_ms=NOW, full_every_ms=HOUR
    )


def all_of(*objects: ObjectInfo) -> Found:
    """Return what a scan finds in a bucket of these objects."""
    whole = Range(lo="", hi=None, listed=len(objects), matched=len(objects))
    return Found(range=whole, objects=Objects.of(objects), at=NOW)


def finish(records: ScanRecords, begun: ScanBegun) -> ScanTotals | None:
    cost = ListingCost(calls=1, n_bytes=1, took_ms=1)
    counted = ScanTotals(listed=0, matched=0, excluded={})
    return records.finish_scan(
        "w",
        begun=begun,
        counted=counted,
        cost=cost,
        started_at=NOW,
        now_ms=NOW,
        mostly_changed=False,
    )


def test_the_first_moment_of_now_stands_for_every_reader(path: Path) -> None:
    with (
        ProcessLock(path) as lock,
        Ledger(path, lock, wait=sleep) as ledger,
        LedgerReader(path) as reader,
    ):
        known: tuple[StartMoments, ...] = (ledger.discovery, reader)
        for starts in known:
            assert starts.anchors("b") == []
        ledger.discovery.remember_start("b", "", now_ms=NOW)
        ledger.discovery.remember_start("b", "", now_ms=NOW + 1)
        ledger.discovery.remember_start("b", "a/", now_ms=NOW + 1)
        for starts in known:
            assert starts.anchors("b") == [Anchor(prefix="", at=NOW)]
            assert starts.anchors("b-2") == []


def test_a_dry_run_leaves_the_ledger_as_it_is(path: Path) -> None:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger)
    before = path.read_bytes()
    with LedgerReader(path) as reader:
        dry_run = DryRun(
            reader,
            groups=[Group(bucket="b", watches=("w",), options=OPTIONS)],
            owner=lambda *_: "w",
            describe=lambda entry: Media(bucket="b", key=entry.key, file_url="u", title="t"),
            max_bytes=None,
            show=lambda *_: None,
        )
        begun = begin(dry_run)
        dry_run.record(
            "w",
            [all_of(obj("a.mp4"))],
            begun=begun,
            started_at=NOW,
            now_ms=NOW,
            began_ms=NOW,
        )
        dry_run.remember_start("b", "", now_ms=NOW)
        dry_run.correct_starts("b", now_ms=NOW, answered_at=NOW)
        finish(dry_run, begun)
        assert reader.anchors("b") == []
    assert (path.read_bytes(), states(path)) == (before, {})

"""What `watcher.ports.Clock`, `records.Records` and `sieve.Starts` promise, asked of all that are one."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.fakes import FakeClock
from tests.ledgers import HOUR, NOW, adopt, obj, record, sleep, states
from tests.test_calling import World
from tests.test_limits import SteppedClock, Stopping
from watcher.calling import Group
from watcher.clock import SystemClock
from watcher.errors import Throttled
from watcher.ledger import Ledger, LedgerReader, ProcessLock
from watcher.model import Anchor, CallOptions, Found, ListingCost, Media, Objects, Range, ScanTotals
from watcher.rehearse import Rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from watcher.model import ObjectInfo, ScanBegun
    from watcher.ports import Clock
    from watcher.records import Records
    from watcher.sieve import Starts

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


def test_the_wall_clock_is_in_milliseconds_and_goes_on_while_one_waits(clock: Clock) -> None:
    before = clock.now_ms()
    clock.wait(0.02)
    assert isinstance(before, int)
    assert clock.now_ms() - before >= 19


@pytest.mark.parametrize("kind", ["system", "fake", "stopping"])
def test_whoever_was_asked_to_stop_waits_no_more(kind: str) -> None:
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


# Records: the ledger, and nowhere


@pytest.fixture(params=["ledger", "rehearsal"])
def records(request: pytest.FixtureRequest, path: Path) -> Iterator[Records]:
    """A ledger that knows `known.mp4`."""
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger)
        record(ledger, obj("known.mp4"))
        if request.param == "ledger":
            yield ledger.intake
            return
        with LedgerReader(path) as reader:
            yield Rehearsal(
                reader,
                groups=[Group(bucket="b", watches=("w",), options=OPTIONS)],
                owner=lambda *_: "w",
                describe=lambda entry: Media(bucket="b", key=entry.key, file_url=f"https://b/{entry.key}", title="t"),
                max_bytes=None,
                show=lambda *_: None,
            )


def test_what_has_no_row_is_new_and_nothing_else(records: Records) -> None:
    begun = begin(records)
    found = all_of(obj("known.mp4"), obj("new.mp4"), obj("other.mp4"))
    recorded = records.record("w", [found], begun=begun, started_at=NOW, now_ms=NOW, began_ms=NOW)
    assert (recorded.new, recorded.changed) == (2, ())
    assert finish(records, begun) == ScanTotals(listed=3, matched=3, excluded={})


def test_a_watch_that_was_never_scanned_is_listed_from_the_front_and_may_be_empty(records: Records) -> None:
    begun = begin(records)
    assert (begun.trusts, begun.started_at, begun.listed) == (False, 0, 0)
    assert all(not confirmed for _, confirmed in records.ahead(begun, ""))
    assert records.doubt_empty("w", begun) == 0


def begin(records: Records) -> ScanBegun:
    return records.begin_scan("w", "scan", source="oss://b/", basis="x", now_ms=NOW, full_every_ms=HOUR)


def all_of(*objects: ObjectInfo) -> Found:
    """Return what a scan finds in a bucket of these objects."""
    whole = Range(lo="", hi=None, listed=len(objects), matched=len(objects))
    return Found(range=whole, objects=Objects.of(objects), at=NOW)


def finish(records: Records, begun: ScanBegun) -> ScanTotals | None:
    cost = ListingCost(calls=1, n_bytes=1, took_ms=1)
    counted = ScanTotals(listed=0, matched=0, excluded={})
    return records.finish_scan(
        "w", begun=begun, counted=counted, cost=cost, started_at=NOW, now_ms=NOW, mostly_changed=False
    )


def test_the_meaning_of_now_is_the_first_one_told_for_whoever_reads_it(path: Path) -> None:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger, LedgerReader(path) as reader:
        known: tuple[Starts, ...] = (ledger.intake, reader)
        for starts in known:
            assert starts.anchors("b") == []
        ledger.intake.remember_start("b", "", now_ms=NOW)
        ledger.intake.remember_start("b", "", now_ms=NOW + 1)
        ledger.intake.remember_start("b", "a/", now_ms=NOW + 1)
        for starts in known:
            assert starts.anchors("b") == [Anchor(prefix="", at=NOW)]
            assert starts.anchors("b-2") == []


def test_a_rehearsal_leaves_the_ledger_as_it_is(path: Path) -> None:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger)
    before = path.read_bytes()
    with LedgerReader(path) as reader:
        rehearsal = Rehearsal(
            reader,
            groups=[Group(bucket="b", watches=("w",), options=OPTIONS)],
            owner=lambda *_: "w",
            describe=lambda entry: Media(bucket="b", key=entry.key, file_url="u", title="t"),
            max_bytes=None,
            show=lambda *_: None,
        )
        begun = begin(rehearsal)
        rehearsal.record("w", [all_of(obj("a.mp4"))])
        rehearsal.remember_start("b", "", now_ms=NOW)
        rehearsal.correct_starts("b", now_ms=NOW, answered_at=NOW)
        finish(rehearsal, begun)
        assert reader.anchors("b") == []
    assert (path.read_bytes(), states(path)) == (before, {})

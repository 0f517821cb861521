"""Random histories of a bucket, a failing service and a dying process, against an oracle.

HISTORIES says how many are tried.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.fakes import FOR_GOOD, SLEEPING, Killed
from tests.support.history_parts import HistoryParts
from tests.support.history_steps import (
    HOUR_S,
    KEYS,
    OUTAGES,
    PLACES,
    QUIET_S,
    SERVICE,
    faults,
    keys,
    listing_faults,
    outages,
    some_keys,
    watches,
)
from tests.support.in_memory_app import World
from tests.support.oracle import Oracle
from watcher.model import ObjectType

if TYPE_CHECKING:
    from tests.support.history_configs import WatchAs


class Histories(HistoryParts):
    """One history; each rule is something that happens."""

    answers = pages_read = 0  # of all histories

    def __init__(self) -> None:
        super().__init__()
        self.undo = contextlib.ExitStack()
        self.has_begun = False

    @initialize(
        found=watches,
        concurrent_calls=st.integers(1, 2),
        list_concurrency=st.sampled_from([1, 1, 4]),
        streak=st.sampled_from([4, 50]),
        uploads_again=st.booleans(),
    )
    def begins(
        self,
        found: list[WatchAs],
        concurrent_calls: int,
        list_concurrency: int,
        streak: int,
        uploads_again: bool,  # noqa: FBT001 (drawn)
    ) -> None:
        """The bucket is full already."""
        for module in (
            "registration.call",
            "ledger.transitions",
            "ledger.sqlite.settle",
            "ledger.sqlite.breakers",
        ):
            self.undo.enter_context(mock.patch(f"watcher.{module}.LONG_STREAK", streak))
        self.world = World(
            found, concurrent_calls=concurrent_calls, list_concurrency=list_concurrency
        )
        self.undo.callback(self.world.remove)
        self.bucket, self.vod, self.clock = self.world.bucket, self.world.vod, self.world.clock
        self.oracle = Oracle(self.world, found)
        self.bucket.before_list = self.oracle.expect_moment
        if os.geteuid() == 0:
            self.world.belong_to(SERVICE)
        for key in KEYS:
            self.bucket.put(key, age_s=2 * HOUR_S)
        self.uploads_again = uploads_again  # failed objects at the end; else `retry`
        self.turns_at_most = (
            40 if streak < len(KEYS) else 4
        )  # a streak of bad files takes a good one each time
        self.has_begun = True

    # Acts of others

    @rule(
        some=some_keys,
        size=st.integers(0, 3),
        age_s=st.sampled_from([0, 60, 2 * HOUR_S, 72 * HOUR_S]),
    )
    def put(self, some: list[str], size: int, age_s: float) -> None:
        """New objects, overwritten ones, or some that are dated back."""
        for key in some:
            self.bucket.put(key, size=size, age_s=age_s)

    @rule(key=keys)
    def append(self, key: str) -> None:
        found = self.bucket.get(key)
        self.bucket.put(key, size=found.size_bytes + 1 if found else 1, kind=ObjectType.APPENDABLE)

    @rule(some=some_keys)
    def delete(self, some: list[str]) -> None:
        for key in some:
            self.bucket.objects.pop(key.encode(), None)
            self.oracle.absent.add(key)

    @rule(key=keys, asleep=st.booleans())
    def archive_or_restore(self, key: str, asleep: bool) -> None:  # noqa: FBT001 (drawn)
        if found := self.bucket.get(key):
            self.bucket.objects[key.encode()] = replace(
                found, storage_class=SLEEPING if asleep else "Standard"
            )
            self.oracle.slept |= {key} if asleep else set()

    @rule(some=some_keys, times=st.sampled_from([1, 2, 3, FOR_GOOD]))
    def refuse(self, some: list[str], times: int) -> None:
        """VOD takes files no more: a few times, or for good."""
        self.oracle.refused.update(some)
        self.vod.refusing.update(dict.fromkeys(some, times))

    @rule(key=keys)
    def refuse_all_that_is_sent_with(self, key: str) -> None:
        self.oracle.refused.add(key)
        self.vod.poison.add(key)

    @rule(key=keys)
    def lose(self, key: str) -> None:
        """Somebody deletes a row by hand."""
        self.oracle.lose(key)

    # Faults of the machine

    @rule(hours=st.sampled_from([-6, -1, 1, 6]))
    def set_the_clock(self, hours: int) -> None:
        self.clock.wrong_ms += hours * HOUR_S * 1000

    @rule(seconds=st.sampled_from([1, 61, 301, 1_000]))
    def pass_time(self, seconds: float) -> None:
        self.clock.wait(seconds)

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule(found=watches)
    def reload(self, found: list[WatchAs]) -> None:
        self.oracle.watches = found
        self.world.reload(found)
        self.oracle.check_owners()

    # Acts of the program

    @rule(fault=listing_faults)
    def scan(self, fault: tuple[str, int]) -> None:
        with self.faults(*fault):
            for each in self.oracle.watches:
                self.oracle.scan(each.name)

    @rule(
        script=faults,
        outage=outages,
        head_fails=st.booleans(),
        meanwhile=st.one_of(st.none(), keys),
    )
    def register(
        self,
        script: list[str],
        outage: str,
        head_fails: bool,  # noqa: FBT001
        meanwhile: str | None,
    ) -> None:
        """Register what is due; perhaps overwrite and list an object during a call."""
        was_open, began_ms = bool(self.oracle.breakers()), self.clock.service_ms()
        with self.faults():
            self.vod.script, self.bucket.head_fails, self.vod.down = (
                script[:],
                head_fails,
                OUTAGES.get(outage),
            )
            self.vod.meanwhile = (lambda: self.overwrite_and_scan(meanwhile)) if meanwhile else None
            calls = self.world.register()
        self.oracle.learn_moments(began_ms)
        if outage in ("account", "bucket"):
            assert calls <= (1 if was_open else 2), "a global fault stops calls at once"
        assert self.oracle.breakers() == self.world.open_breakers

    @rule(fault=listing_faults, script=faults, outage=outages)
    def run_once(self, fault: tuple[str, int], script: list[str], outage: str) -> None:
        self.scan(fault)
        self.register(script, outage, head_fails=False, meanwhile=None)

    @rule(
        place=st.sampled_from(PLACES), n=st.integers(1, 7), script=faults, again=st.integers(0, 3)
    )
    def die(self, place: str, n: int, script: list[str], again: int) -> None:
        """The process is killed somewhere in its run, and perhaps the next one while it starts."""
        began_ms = self.clock.service_ms()
        with self.faults(), contextlib.suppress(Killed):
            self.world.fuse.light(place, n)
            self.vod.script = script[:]
            for each in self.oracle.watches:
                self.world.scan(each.name)
            self.world.register()
        self.world.bury(place="before the commit" if again else "", n=again)
        self.oracle.learn_moments(began_ms)

    @rule(fault=listing_faults, found=st.one_of(st.none(), watches))
    def scan_beside(self, fault: tuple[str, int], found: list[WatchAs] | None) -> None:
        """Another process scans while this one owns the lock, perhaps by another configuration."""
        served, self.oracle.watches = self.oracle.watches, found or self.oracle.watches
        with self.world.beside(self.oracle.watches) as otherwise, self.faults(*fault):
            for each in self.oracle.watches:
                if each.name not in otherwise:
                    self.oracle.scan(each.name)
        self.oracle.watches = served

    @precondition(lambda _: os.geteuid() == 0)
    @rule()
    def lend_to_the_owner(self) -> None:
        """The user whose the ledger is goes on where root worked."""
        assert self.world.lend(SERVICE) == 0

    @rule(pages=st.integers(0, 3), script=faults)
    def fill_the_disk(self, pages: int, script: list[str]) -> None:
        """There is hardly any room during a run, and then there is again."""
        began_ms = self.clock.service_ms()
        with self.faults(), self.world.full_disk(pages):
            self.vod.script = script[:]
            for each in self.oracle.watches:
                self.world.scan(each.name)
            self.world.register()
        self.oracle.learn_moments(began_ms)

    @rule()
    def retry(self) -> None:
        self.world.ledger.retry.retry_failed(watch=None, reason=None, now_ms=self.clock.now_ms())
        self.world.ledger.retry.acknowledge_changed(watch=None)

    @rule()
    def audit(self) -> None:
        report = self.world.audit()
        assert all(each.adds_up and (each.complete or not each.listed) for each in report.watches)

    @invariant()
    @precondition(lambda self: self.has_begun)
    def nothing_is_lost_or_doubled(self) -> None:
        self.oracle.check()
        assert os.geteuid() or self.world.owners() == {SERVICE}, "root leaves no file of its own"

    # The end

    def teardown(self) -> None:
        try:
            if self.has_begun and sys.exc_info()[0] is None:
                self.settle_down()
                Histories.answers += self.bucket.answers
                Histories.pages_read += self.bucket.pages_read
        finally:
            self.undo.close()

    def settle_down(self) -> None:
        """After all faults but lasting refusals, each object is accounted for and nothing waits."""
        for n in range(2):  # and what was refused until it failed may be accepted later
            self.refuse([self.put_below(f"late-{n}.mp4")], times=2)
        for _ in range(4):  # an empty answer is believed at the third scan from the front
            self.clean_run()
        self.oracle.check_failures()
        self.vod.refusing = {
            key: times for key, times in self.vod.refusing.items() if times == FOR_GOOD
        }
        for n in range(self.turns_at_most):
            self.mend()
            self.put_below(f"good-{n}.mp4")  # accepted, it shows that the bucket is good
            self.clock.wait(QUIET_S)
            self.clean_run()
            if not (self.oracle.breakers() or self.oracle.waiting() or self.oracle.failed_by_vod()):
                break  # what a streak's end made fail in this run is mended in the next
        self.oracle.check_all_is_done()
        assert self.world.audit().exit_status == 0
        assert self.oracle.breakers() == set()


@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    "histories",
    [
        pytest.param(15, marks=pytest.mark.quick),
        pytest.param(int(os.environ.get("HISTORIES", "200"))),
    ],
)
def test_whatever_happens_every_object_is_registered_once_or_failed_with_a_true_reason(
    histories: int,
) -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=histories,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=set(Phase) - {Phase.explain},  # which takes long
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Histories.answers - Histories.pages_read > Histories.answers / 10, (
        "answers that repeat are not read"
    )

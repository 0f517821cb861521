"""Random histories of a bucket, a service that fails and a process that dies, held against what is true.

The oracle knows the bucket and VOD only.  HISTORIES sets how many are tried.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, NamedTuple
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fakes import FAULTS, FOR_GOOD, SLEEPING, Killed
from tests.world import BUCKET, WatchAs, World
from watcher.errors import AccountRefused, BucketRefused, NotSent
from watcher.model import ObjectType

HOUR_S = 3_600
LONG = "a/" + "长" * 340 + ".mp4"  # whose file URL VOD would refuse
KEYS = ("1.mp4", "a/1.mp4", "a/x 2.MP4", "a/live.m3u8", "a/b/中+%41.mov", "b/1.mp4", "b/x.mp4", "b/note.txt", LONG)
RULES = {
    "": lambda key: key.lower().endswith((".mp4", ".mov", ".m3u8")),
    'include = ["*.mp4"]': lambda key: key.lower().endswith(".mp4"),
    'exclude = ["x*"]': lambda key: RULES[""](key) and not key.rpartition("/")[2].startswith("x"),
    'min_age = "3m"': lambda key: RULES[""](key),
}
OUTAGES = {
    "account": AccountRefused("no permission", hint="grant it"),
    "bucket": BucketRefused("not added", hint="add it"),
    "network": NotSent("no route"),
}
PLACES = ("before the commit", "after the commit", "before the effect", "after the effect", "page", "statement", "wait")

keys = st.sampled_from(KEYS)
watch = st.builds(WatchAs, st.just(""), st.sampled_from(["", "a/", "b/"]), st.sampled_from([*RULES]), st.sampled_from(["", "{}"]))
watches = st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), watch), min_size=1, max_size=3, unique_by=lambda w: w[0])
faults = st.lists(st.sampled_from(["", *FAULTS]), max_size=4)
listing_faults = st.one_of(
    st.just(("", 0)), st.tuples(st.sampled_from(["once", "error", "cut", "empty", "stop"]), st.integers(0, 2))
)


class Row(NamedTuple):
    """An entry, as the ledger holds it."""

    state: str
    media_id: str | None
    attempts: int
    reason: str | None
    message: str | None
    due_at: int | None


def named(drawn: list[tuple[str, WatchAs]]) -> list[WatchAs]:
    return [WatchAs(name, each.prefix, each.rules, each.options) for name, each in drawn]


class Histories(RuleBasedStateMachine):
    """One history; each rule is something that happens."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = contextlib.ExitStack()
        self.world: World | None = None

    @initialize(drawn=watches, concurrent_calls=st.integers(1, 2), streak=st.sampled_from([4, 50]))
    def begins(self, drawn: list[tuple[str, WatchAs]], concurrent_calls: int, streak: int) -> None:
        for module in ("calling", "ledger.settling", "ledger.breakers"):
            self.undo.enter_context(mock.patch(f"watcher.{module}.LONG_STREAK", streak))
        self.watches = named(drawn)
        self.world = World(self.watches, concurrent_calls=concurrent_calls)
        self.undo.callback(self.world.remove)
        self.known: dict[str, Row] = {}  # after the last step
        self.absent: set[str] = set(KEYS)  # keys that were not there at some time
        self.slept: set[str] = set()
        self.ever_refused: set[str] = set()

    # What others do

    @rule(key=keys, size=st.integers(0, 3), age_s=st.sampled_from([0, 0, 60, 2 * HOUR_S, 72 * HOUR_S]))
    def put(self, key: str, size: int, age_s: float) -> None:
        """A new object, an overwritten one, or one that is dated back."""
        self.w.bucket.put(key, size=size, age_s=age_s)

    @rule(key=keys)
    def append(self, key: str) -> None:
        found = self.w.bucket.get(key)
        size = found.size_bytes if found else 0
        self.w.bucket.put(key, size=size + 1, kind=ObjectType.APPENDABLE)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        self.w.bucket.objects.pop(key.encode(), None)
        self.absent.add(key)

    @rule(key=keys, asleep=st.booleans())
    def archive_or_restore(self, key: str, asleep: bool) -> None:  # noqa: FBT001 (drawn)
        found = self.w.bucket.get(key)
        if found:
            changed = {"storage_class": SLEEPING if asleep else "Standard"}
            self.w.bucket.objects[key.encode()] = type(found)(
                found.key, found.etag, found.size_bytes, found.modified_at, found.type, **changed
            )
            self.slept |= {key} if asleep else set()

    @rule(key=keys, times=st.sampled_from([1, 2, 3, FOR_GOOD]), whole_call=st.booleans())
    def refuse(self, key: str, times: int, whole_call: bool) -> None:  # noqa: FBT001 (drawn)
        """VOD takes a file no more: a few times, or for good, alone or with all that is sent with it."""
        self.ever_refused.add(key)
        if whole_call:
            self.w.vod.poison.add(key)
        else:
            self.w.vod.refusing[key] = times

    @rule(outage=st.sampled_from([*OUTAGES]))
    def go_down(self, outage: str) -> None:
        self.w.vod.down = OUTAGES[outage]

    @rule()
    def come_back(self) -> None:
        self.w.vod.down = None
        self.w.vod.poison.clear()
        self.w.vod.refusing.clear()

    # What befalls the machine

    @rule(hours=st.sampled_from([-6, -1, 1, 6]))
    def set_the_clock(self, hours: int) -> None:
        self.w.clock.wrong_ms += hours * HOUR_S * 1000

    @rule(seconds=st.sampled_from([1, 61, 301, 1_000]))
    def pass_time(self, seconds: float) -> None:
        self.w.clock.wait(seconds)

    @rule()
    def restart(self) -> None:
        self.w.restart()

    @rule(drawn=watches)
    def reload(self, drawn: list[tuple[str, WatchAs]]) -> None:
        self.watches = named(drawn)
        self.w.reload(self.watches)

    # What the program does

    @rule(fault=listing_faults)
    def scan(self, fault: tuple[str, int]) -> None:
        with self.listing(fault):
            for each in self.watches:
                self.scan_one(each)

    @rule(script=faults, head_fails=st.booleans(), meanwhile=st.one_of(st.none(), keys))
    def register(self, script: list[str], head_fails: bool, meanwhile: str | None) -> None:  # noqa: FBT001 (drawn)
        """Register what is due; perhaps an object is overwritten and listed while a call is under way."""
        vod, down, was_open = self.w.vod, self.w.vod.down, bool(self.remembered_breakers())
        vod.script, self.w.bucket.head_fails = script[:], head_fails
        vod.meanwhile = (lambda: self.overwrite_and_scan(meanwhile)) if meanwhile else None
        calls = self.w.register()
        if down is not None and not isinstance(down, NotSent):
            assert calls <= (1 if was_open else 2), "a global fault stops calls at once"
        self.be_calm()
        assert self.remembered_breakers() == self.w.open_breakers

    @rule(fault=listing_faults, script=faults)
    def turn(self, fault: tuple[str, int], script: list[str]) -> None:
        self.scan(fault)
        self.register(script, head_fails=False, meanwhile=None)

    @rule(place=st.sampled_from(PLACES), n=st.integers(1, 7), script=faults, again=st.integers(0, 3))
    def die(self, place: str, n: int, script: list[str], again: int) -> None:
        """The process is killed somewhere in its turn, and perhaps the next one while it starts."""
        self.w.fuse.light(place, n)
        self.w.vod.script = script[:]
        with contextlib.suppress(Killed):
            for each in self.watches:
                self.w.scan(each.name)
            self.w.register()
        self.be_calm()
        self.w.bury(place="before the commit" if again else "", n=again)

    @rule()
    def retry(self) -> None:
        self.w.ledger.retrying.retry_failed(watch=None, reason=None, now_ms=self.w.clock.now_ms())
        self.w.ledger.retrying.acknowledge_changed(watch=None)

    @rule()
    def audit(self) -> None:
        report = self.w.audit()
        assert all(each.adds_up and (each.complete or not each.listed) for each in report.watches)

    # What must hold, whatever happened

    @invariant()
    @precondition(lambda self: self.world)
    def nothing_is_lost_or_doubled(self) -> None:
        rows, vod = self.rows(), self.w.vod
        assert len({key for _, key in vod.media.values()}) == len(vod.media), "one media a file"
        media_ids = {key: media_id for media_id, key in vod.media.values()}
        assert rows.keys() >= self.known.keys(), "no row vanishes"
        for key, row in rows.items():
            assert row.state != "claimed"
            assert (row.state == "registered") == (row.media_id is not None)
            assert row.media_id in (None, media_ids.get(key))
            assert row.attempts <= vod.refused[key] + (key == LONG), "only refusals of the file itself burn attempts"
            assert row.state != "failed" or (row.reason and row.message)
            if (before := self.known.get(key)) and before.state == "registered":
                assert (row.state, row.media_id) == ("registered", before.media_id)
                assert vod.asked[key] == self.asked[key], "what is registered never asks again"
        self.known, self.asked = rows, vod.asked.copy()

    @invariant()
    @precondition(lambda self: self.world)
    def the_counts_are_true(self) -> None:
        tally = {(w, s): n for w, s, n in self.w.db.execute("SELECT watch_id, state, n FROM tally") if n}
        counted = dict(self.counted("state, count(*)", "")) | dict(self.counted("'changed', count(*)", "WHERE changed"))
        assert tally == counted

    # The end

    def teardown(self) -> None:
        try:
            if self.world and sys.exc_info()[0] is None:
                self.settle_down()
        finally:
            self.undo.close()

    def settle_down(self) -> None:
        """All faults pass but the refusals for good: each object is accounted for, and nothing waits."""
        self.heal()
        for _ in range(4):  # an empty answer is believed at the third scan from the front
            self.clean_turn()
        self.failures_are_true()
        self.retry()
        for n in range(12):
            if not self.remembered_breakers() and not self.waiting():
                break
            self.w.bucket.put(f"good-{n}.mp4", age_s=HOUR_S)  # an accepted file tells a bad bucket from bad files
            self.clean_turn()
        rows, report = self.rows(), self.w.audit()
        assert (report.exit_status, report.unaccounted) == (0, 0)
        assert self.remembered_breakers() == set()
        for key in (found.key for found in self.w.bucket.objects.values() if self.selects(found.key)):
            assert rows[key].state == ("failed" if self.is_hopeless(key) else "registered"), (key, rows[key])
        self.nothing_is_lost_or_doubled()
        self.the_counts_are_true()

    def heal(self) -> None:
        vod = self.w.vod
        vod.down = None
        vod.refusing = {key: times for key, times in vod.refusing.items() if times == FOR_GOOD}
        self.w.clock.wait(12 * HOUR_S)

    def clean_turn(self) -> None:
        self.w.restart()
        for each in self.watches:
            assert self.w.scan(each.name).complete or not any(map(self.selects, self.present()))
        self.w.register()
        self.nothing_is_lost_or_doubled()
        self.w.clock.wait(HOUR_S)

    def failures_are_true(self) -> None:
        for key, row in self.rows().items():
            truth = {
                "refused": self.ever_refused | self.absent | self.slept,
                "bad_request": self.ever_refused,
                "gone": self.absent,
                "archived": self.slept,
                "file_url_too_long": {LONG},
            }
            assert row.reason is None or key in truth[row.reason], (key, row)

    # What is true

    @property
    def w(self) -> World:
        assert self.world
        return self.world

    def present(self) -> list[str]:
        return [found.key for found in self.w.bucket.objects.values()]

    def selects(self, key: str) -> bool:
        found = self.w.bucket.get(key)
        if found is None or found.size_bytes == 0 or found.storage_class == SLEEPING:
            return False
        return any(key.startswith(each.prefix) and RULES[each.rules](key) for each in self.watches)

    def is_hopeless(self, key: str) -> bool:
        """Whether the object can never become a media, if it has not already."""
        known = any(known == key for _, known in self.w.vod.media.values())
        return not known and (key == LONG or key in self.w.vod.poison or key in self.w.vod.refusing)

    def waiting(self) -> list[str]:
        return [key for key, row in self.rows().items() if row.state == "pending" and row.due_at is not None]

    # Reading, and the parts of rules

    def rows(self) -> dict[str, Row]:
        found = self.w.db.execute("SELECT key, state, media_id, attempts, reason, message, due_at FROM entry")
        return {key: Row(*rest) for key, *rest in found}

    def counted(self, what: str, which: str) -> list[tuple[tuple[int, str], int]]:
        found = self.w.db.execute(f"SELECT watch_id, {what} FROM entry {which} GROUP BY 1, 2 ")  # noqa: S608
        return [((watch_id, state), n) for watch_id, state, n in found]

    def remembered_breakers(self) -> set[str]:
        return {breaker.bucket for breaker in self.w.ledger.breakers.all()}

    @contextlib.contextmanager
    def listing(self, fault: tuple[str, int]) -> Any:
        self.w.bucket.fault, self.w.bucket.fault_after = fault
        yield
        self.be_calm()

    def be_calm(self) -> None:
        self.w.bucket.fault, self.w.bucket.head_fails, self.w.clock.stopping = "", False, False
        self.w.vod.script, self.w.vod.meanwhile = [], None

    def scan_one(self, each: WatchAs) -> None:
        """Whatever was listed: nothing fails by it, and only a complete listing counts as one."""
        seen = "SELECT complete_at FROM watch WHERE name = ?"
        before, complete_at = self.rows(), self.w.db.execute(seen, (each.name,)).fetchone()
        report = self.w.scan(each.name)
        after = self.rows()
        assert all(row == before.get(key) for key, row in after.items() if row.state in ("failed", "registered"))
        assert report.complete or self.w.db.execute(seen, (each.name,)).fetchone() == complete_at

    def overwrite_and_scan(self, key: str) -> None:
        self.w.bucket.put(key)
        for each in self.watches:
            self.w.scan(each.name)


assert BUCKET  # the oracle's only bucket
TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=int(os.environ.get("HISTORIES", "200")),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    phases=set(Phase) - {Phase.explain},  # which takes longer than it tells
    suppress_health_check=list(HealthCheck),
)
TestHistories.pytestmark = [pytest.mark.long, pytest.mark.timeout(0)]

"""Steps that several rules of a random history share."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from hypothesis.stateful import RuleBasedStateMachine

from tests.support.history_configs import BUCKET
from tests.support.history_steps import HOUR_S, QUIET_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.fake_vod import FakeVod
    from tests.support.fakes import FakeBucket, FakeClock
    from tests.support.in_memory_app import World
    from tests.support.oracle import Oracle


class HistoryParts(RuleBasedStateMachine):
    """A world, its fakes, and an oracle that knows what must be true of them."""

    world: World
    bucket: FakeBucket
    vod: FakeVod
    clock: FakeClock
    oracle: Oracle
    uploads_again: bool

    def mend(self) -> None:
        """Retry, or upload again, each failed object that VOD would now accept."""
        for key in self.oracle.failed_by_vod():
            if self.uploads_again:
                self.bucket.put(key, age_s=self.no_history_s)
            else:
                self.world.ledger.retry.retry_named([(BUCKET, key)], now_ms=self.clock.now_ms())

    def clean_run(self) -> None:
        """A run of a process of its own, in a world without faults."""
        self.world.restart()
        for each in self.oracle.watches:
            below = [key for key in self.oracle.present() if key.startswith(each.prefix)]
            began_ms = self.clock.service_ms()
            assert self.world.scan(each.name).complete or not below
            self.oracle.learn_moments(began_ms)
        self.world.register()
        self.oracle.check()
        self.clock.wait(QUIET_S)

    # Parts of rules

    def put_below(self, name: str) -> str:
        key = self.oracle.watches[0].prefix + name
        self.bucket.put(key, age_s=self.no_history_s)
        return key

    @property
    def no_history_s(self) -> float:
        """How old an object may be that every watch takes."""
        return 0 if any(each.start == "now" for each in self.oracle.watches) else HOUR_S

    @contextlib.contextmanager
    def faults(self, listing: str = "", after_pages: int = 0) -> Iterator[None]:
        """Make the listing fail after so many pages; afterwards all is well again."""
        self.bucket.fault, self.bucket.fault_after = listing, after_pages
        yield
        self.bucket.fault, self.bucket.head_fails, self.clock.stopping = "", False, False
        self.vod.script, self.vod.meanwhile, self.vod.down = [], None, None

    def overwrite_and_scan(self, key: str) -> None:
        self.bucket.put(key)
        for each in self.oracle.watches:
            self.world.scan(each.name)

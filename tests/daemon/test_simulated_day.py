"""A day of a daemon in a minute: five watches, the real scheduler and SDKs, a cloud that fails."""

from __future__ import annotations

import itertools
import random
import threading
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import time_machine

from tests.support.workspace import Workspace
from watcher import config as configuration
from watcher.daemon.workers import Workers
from watcher.ledger.sqlite import Ledger, LedgerReader, ProcessLock, create
from watcher.observe.history import History
from watcher.observe.metrics import Metrics, MetricsSnapshot
from watcher.sandbox import Sandbox
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from time_machine import Traveller

    from watcher.config import Config

pytestmark = pytest.mark.long

BUCKETS = tuple(f"bucket-{n}" for n in range(5))
STEP_S = 30
HOUR_STEPS = 3600 // STEP_S
SCHEDULES = ("5m", "7m", "15m", "1h", "*/10 * * * *")
TROUBLE = {  # by hour: what the cloud does for an hour
    2: Fault(operation="oss", kind="server_error", probability=0.5),
    4: Fault(operation="RegisterMedia", kind="throttle", every=2),
    6: Fault(operation="RegisterMedia", kind="access_denied"),
    8: Fault(operation="*", kind="reset"),
    10: Fault(operation="RegisterMedia", kind="reset", effect="before", every=2),
    12: Fault(operation="RegisterMedia", kind="partial_refusal", items=2, every=3),
    14: Fault(operation="ListObjectsV2", kind="truncated", every=2),
    16: Fault(operation="ListObjectsV2", kind="empty_listing", next=1),
    18: Fault(operation="RegisterMedia", kind="html", every=2),
    20: Fault(operation="RegisterMedia", kind="missing_items", items=3),
}


class SimulatedClock:
    """The machine's clock as the test sets it; who waits, waits for the test."""

    def __init__(self) -> None:
        self.stopping = False

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return self.now_ms() / 1000

    def wait(self, seconds: float) -> bool:
        until = self.monotonic() + seconds
        while not self.stopping and self.monotonic() < until:
            threading.Event().wait(0.001)
        return self.stopping


class Day:
    """The daemon's work, and time that passes as the test wants."""

    def __init__(self, traveller: Traveller, sandbox: Sandbox, config: Config) -> None:
        self._traveller = traveller
        self._sandbox = sandbox
        self._random = random.Random(24)  # noqa: S311 (the same day each time)
        self.history = History()
        self._clock = SimulatedClock()
        self._lock = ProcessLock(config.ledger_path)
        self._ledger = Ledger(config.ledger_path, self._lock, wait=self._clock.wait, tries=None)
        self.workers = Workers(
            config,
            ledger=self._ledger,
            lock=self._lock,
            clock=self._clock,
            metrics=Metrics(MetricsSnapshot),
            history=self.history,
            on_check=lambda: None,
        )
        self.workers.start()
        self.put = 0
        self.uploading = True

    def _upload(self) -> None:
        bucket = self._random.choice(BUCKETS)
        name = (
            f"{self._random.choice('cab')}/{self.put:04} "
            f"节目.{self._random.choice(['mp4', 'MOV', 'flv', 'txt'])}"
        )
        self._sandbox.oss.put(bucket, name, b"x")
        self.put += 1

    def step(self) -> None:
        if self.uploading and self._random.random() < 0.1:
            self._upload()
        self._traveller.shift(STEP_S)
        self.workers.check()
        threading.Event().wait(0.012)
        assert self.workers.fatal is None

    def pass_until(self, true: Callable[[], bool], *, hours: float) -> None:
        """Advance the time until something is true, for some hours at most."""
        for _ in range(int(hours * HOUR_STEPS)):
            if true():
                return
            self.step()

    def end(self) -> None:
        self._clock.stopping = True
        self.workers.stop()
        self._ledger.__exit__()
        self._lock.release()

    def queued(self) -> int:
        return self._ledger.queue.pending()


@contextmanager
def day(folder: Path) -> Iterator[tuple[Day, Sandbox]]:
    with (
        time_machine.travel(datetime(2027, 3, 28, tzinfo=UTC), tick=False) as traveller,
        Sandbox(calls_per_second=100_000) as sandbox,
    ):
        for bucket in BUCKETS:
            sandbox.oss.create_bucket(bucket)
            sandbox.oss.fill(bucket, [f"{bucket}/{n:03}.mp4" for n in range(40)])
        workspace = Workspace(folder, sandbox)
        workspace.configure(
            *(
                workspace.watch(
                    name=bucket, source=f"oss://{bucket}/", more=f'schedule = "{times}"'
                )
                for bucket, times in zip(BUCKETS, SCHEDULES, strict=True)
            ),
        )
        config = configuration.load(workspace.config)
        create(config.ledger_path)
        with pytest.MonkeyPatch.context() as patched:
            for name, value in workspace.env.items():
                if name.startswith("ALIBABA"):
                    patched.setenv(name, value)
            passing = Day(traveller, sandbox, config)
            try:
                yield passing, sandbox
            finally:
                passing.end()


def test_a_day_with_faults_ends_with_every_object_registered_once(tmp_path: Path) -> None:
    with day(tmp_path) as (passing, sandbox):
        for hour in range(24):
            sandbox.hook = Faults(*([TROUBLE[hour]] if hour in TROUBLE else []))
            for _ in range(HOUR_STEPS):
                passing.step()
            if hour in {6, 8}:
                assert passing.workers.reasons(), f"no reason names {TROUBLE[hour].kind}"
        sandbox.hook, passing.uploading = Faults(), False
        passing.pass_until(lambda: False, hours=2.1)  # the scans of an hour, and what they find
        passing.pass_until(lambda: passing.queued() == 0, hours=3)
        assert passing.workers.reasons() == {}
        wanted = {
            (bucket, key.decode())
            for bucket in BUCKETS
            for key in sandbox.oss.keys(bucket)
            if not key.endswith(b".txt")
        }
    media = sandbox.vod.media
    assert set(media) == wanted
    assert len({each.media_id for each in media.values()}) == len(wanted)
    with closing(LedgerReader(tmp_path / "ledger.db")._connection) as db:
        states = dict(db.execute("SELECT state, count(*) FROM entry GROUP BY 1").fetchall())
    assert states == {"registered": len(wanted)}
    _scans_kept_time(passing.history)


def _scans_kept_time(history: History) -> None:
    """No scan of a watch began before the last one had ended, and none is missing."""
    for watch, scans in history.scans().items():
        assert len(scans) == 20, watch
        for later, earlier in itertools.pairwise(scans):
            assert later.started_at_ms >= earlier.started_at_ms + earlier.duration_s * 1000 - 1

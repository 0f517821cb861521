"""Killed at random instants, again and again, alone and beside others, while objects keep arriving.

CRASH_SEED=N repeats a run as far as chance goes; the seed is printed with every failure.
"""

from __future__ import annotations

import os
import random
import re
import signal
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.crash_workspace import (
    QUICK,
    Crashing,
    assert_sound,
    reading,
    secret_bucket,
    times_asked,
)
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.timeout(300)  # on a machine that does much else
sandbox = secret_bucket
SEED = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
INSTANTS = 50
ROUNDS = 8
# Objects: a resumed scan of several pages leaves what came meanwhile to the next scan.
ONE_PAGE = 900
STARTING = re.compile(r'Fatal Python error: init_|<frozen|dying\.py", line')
ORDERLY = {signal.SIGTERM: 143, signal.SIGINT: 130}


@pytest.fixture
def chance() -> random.Random:
    print(f"CRASH_SEED={SEED}")  # noqa: T201 (shown when the test fails)
    return random.Random(SEED)  # noqa: S311 (chance that can be repeated)


class WorkSignal:
    """Objects that are put, and some of them overwritten, as long as this goes on."""

    def __init__(self, workspace: Crashing, chance: random.Random) -> None:
        self._workspace = workspace
        self._chance = random.Random(chance.random())  # noqa: S311 (chance that can be repeated)
        self._enough = threading.Event()
        self.etags: dict[str, str] = {}
        self.overwritten: set[str] = set()

    def put(self, key: str) -> None:
        body = self._chance.randbytes(4)
        self.etags[key] = self._workspace.sandbox.oss.put(BUCKET, key, body).etag
        self._workspace.keys.add(key)

    def _put_on(self) -> None:
        while not self._enough.wait(0.025):
            if len(self.etags) < ONE_PAGE:
                self.put(f"{self._chance.randrange(10**9):09}.mp4")
            if self._chance.randrange(5) == 0:
                self.overwritten.add(again := self._chance.choice(sorted(self.etags)))
                self.put(again)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        thread = threading.Thread(target=self._put_on)
        thread.start()
        try:
            yield
        finally:
            self._enough.set()
            thread.join()


@pytest.fixture
def workspace(tmp_path: Path, sandbox: Sandbox) -> Crashing:
    made = Crashing(tmp_path, sandbox)
    made.new_interpreter = True
    made.configure(vod=QUICK.replace("concurrent_calls = 2", "concurrent_calls = 4"))
    sandbox.vod.latency_s = 0.1
    return made


@pytest.fixture
def arrivals(workspace: Crashing, chance: random.Random) -> WorkSignal:
    made = WorkSignal(workspace, chance)
    for n in range(200):
        made.put(f"{n:03}.mp4")
    return made


def assert_nothing_lost(workspace: Crashing) -> None:
    """Whatever was killed: what VOD has is in the ledger, and what is registered there VOD has."""
    with reading(workspace.ledger) as db:
        known = dict(db.execute("SELECT key, media_id FROM entry").fetchall())
    media = {key: media.media_id for (_, key), media in list(workspace.sandbox.vod.media.items())}
    assert media.keys() <= known.keys(), f"CRASH_SEED={SEED}"
    assert {key: media.get(key) for key, found in known.items() if found} == {
        k: v for k, v in known.items() if v
    }
    assert_sound(workspace.ledger)


def assert_seen(workspace: Crashing, arrivals: WorkSignal) -> None:
    """The ledger knows the bytes of each object; only overwritten ones are marked."""
    with reading(workspace.ledger) as db:
        rows = db.execute("SELECT key, etag, changed FROM entry").fetchall()
    assert {key: etag for key, etag, _ in rows} == arrivals.etags
    assert {key for key, _, changed in rows if changed} <= arrivals.overwritten


def claims(path: Path) -> set[tuple[str, int]]:
    """Return which entries are claimed, each with the call it is claimed for."""
    with reading(path) as db:
        return set(db.execute("SELECT key, batch_id FROM entry WHERE state = 'claimed'").fetchall())


def wait_for_an_instant(
    workspace: Crashing, program: subprocess.Popen[bytes], chance: random.Random
) -> None:
    """Wait for a random instant of a run; every other time for one during calls.

    The second kind does not depend on the speed of the machine.
    """
    delay_s, calls = chance.uniform(0, 0.9), len(workspace.sandbox.vod.journal)
    if chance.randrange(2):
        delay_s /= 6
        while program.poll() is None and len(workspace.sandbox.vod.journal) == calls:
            threading.Event().wait(0.005)
    threading.Event().wait(delay_s)


def stopped(program: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """Send a signal; return the exit status."""
    with program:
        program.send_signal(number)
        return program.wait(20)


def test_killed_at_random_instants_while_objects_arrive(
    workspace: Crashing, arrivals: WorkSignal, chance: random.Random
) -> None:
    left: set[tuple[str, int]] = set()
    with arrivals.going_on():
        for _ in range(INSTANTS):
            number = chance.choice([signal.SIGKILL] * 8 + [signal.SIGTERM, signal.SIGINT])
            program = workspace.start("scan")
            wait_for_an_instant(workspace, program, chance)
            status = stopped(program, number)
            if number == signal.SIGINT and STARTING.search(workspace.written()):
                workspace.folder.joinpath(
                    f"{workspace.started}.err"
                ).unlink()  # it had not begun: Python's own words
                continue
            assert status in {0, -number, ORDERLY.get(number)}, (SEED, status, workspace.written())
            claimed = claims(workspace.ledger)
            assert status < 0 or claimed <= left, (
                SEED,
                status,
                workspace.written(),
            )  # an orderly end leaves none
            left |= claimed
            assert_nothing_lost(workspace)
    assert left, f"CRASH_SEED={SEED}: no kill hit a call"
    workspace.sandbox.vod.latency_s = 0.0
    most = Counter(key for key, _ in left)
    workspace.claimed = set(most)
    workspace.recovers()
    assert_seen(workspace, arrivals)
    assert {key: n for key, n in times_asked(workspace).items() if n > 1 + most[key]} == {}, (
        f"CRASH_SEED={SEED}"
    )


def test_of_several_at_once_some_are_killed(
    workspace: Crashing, arrivals: WorkSignal, chance: random.Random
) -> None:
    """The owner of the lock registers, the others record; nothing is lost, nothing doubled."""
    kills = 0
    with arrivals.going_on():
        for _ in range(ROUNDS):
            programs = [workspace.start("scan") for _ in range(chance.choice([2, 2, 3]))]
            threading.Event().wait(chance.uniform(0.3, 1.5))
            for program in chance.sample(programs, k=chance.randint(1, len(programs))):
                kills += stopped(program, signal.SIGKILL) == -signal.SIGKILL
            for program in programs:
                with program:
                    assert program.wait(60) in {0, -signal.SIGKILL}, (SEED, workspace.written())
            assert_nothing_lost(workspace)
    assert kills, f"CRASH_SEED={SEED}"
    workspace.sandbox.vod.latency_s = 0.0
    workspace.claimed = set(arrivals.etags)
    workspace.recovers()
    assert_seen(workspace, arrivals)
    assert max(times_asked(workspace).values()) <= 1 + kills

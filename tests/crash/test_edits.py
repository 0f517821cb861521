"""Kills while people edit `source` and `start`, scans are refused and others work beside.

CRASH_SEED=N repeats a run as far as chance goes; the seed is printed with every failure.
"""

from __future__ import annotations

import os
import signal
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from tests.crash.test_random import SEED, chance, wait_for_an_instant
from tests.support.crash_workspace import QUICK, Crashing, assert_sound, reading, secret_bucket
from tests.support.privileged import as_user, fill, folder_for_all, needs_root, small_disk, uid_of
from tests.support.secrets import assert_none_seen
from tests.support.workspace import BUCKET
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.timeout(300)
sandbox = secret_bucket
chance = chance  # noqa: PLW0127 (a fixture of this module, too)

ROUNDS: Final = 25
SERVICE: Final = "daemon"
DISK: Final = 4 * 1024 * 1024
SOURCES: Final = (["v/"], ["v/a/"], ["v/a/", "v/b/"], ["v"], [""], ["v/b/", "v/"])
KEYS: Final = ("v/a/{}.mp4", "v/b/{}.mp4", "v/{}.mp4", "v-old/{}.mp4", "w/{}.mp4")
STEPS: Final = (
    "remember start 1",
    "correct start 1",
    "record 1",
    "claim 1",
    "settle 1",
    "finish scan 1",
)
TOO_EARLY = timedelta(seconds=10)  # more than a moment may lie before its attempt


class Shared(Crashing):
    """A ledger of the service's user, in a folder of that user, at which root works, too."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        super().__init__(folder, sandbox)
        state = folder / "state"
        state.mkdir(mode=0o700)
        self.ledger = self.ledger.rename(state / "ledger.db")
        for each in (state, self.ledger):
            os.chown(each, uid_of(SERVICE), -1)

    def configure(self, *watches: str, vod: str = "", more: str = "") -> None:
        """Write the configuration."""
        super().configure(*watches, vod=vod, more=more)
        text = self.config.read_text(encoding="utf-8")
        self.config.write_text(text.replace('"ledger.db"', '"state/ledger.db"'), encoding="utf-8")
        self.config.chmod(0o644)

    def owners(self) -> set[int]:
        """Return whose the files beside the ledger are."""
        return {each.stat().st_uid for each in self.ledger.parent.iterdir()}


class Edited:
    """A bucket, a configuration that people edit, and what has to be registered in the end."""

    def __init__(self, workspace: Crashing, chance: random.Random) -> None:
        self.workspace = workspace
        self._chance = chance
        self.sources = ["v/"]
        self.expected: set[str] = set()
        self.history: set[str] = set()
        self.everything = False  # whether a scan may have taken history

    def write(self, start: str = "now") -> None:
        self.everything = self.everything or start != "now"
        made = self.workspace
        made.configure(
            *(
                made.watch(f"w{n}", f"oss://{BUCKET}/{prefix}").replace('"all"', f'"{start}"')
                for n, prefix in enumerate(self.sources)
            ),
            vod=QUICK,
        )

    def moments(self) -> set[str]:
        """Return the prefixes whose keys count already."""
        with reading(self.workspace.ledger) as db:
            found = db.execute("SELECT source FROM source_start").fetchall()
        return {source.removeprefix(f"oss://{BUCKET}/") for (source,) in found}

    def upload(self, n: int) -> None:
        """Put a new object below each prefix in use, and an older one below each prefix."""
        oss, moments = self.workspace.sandbox.oss, self.moments()
        now = self.workspace.sandbox.clock.now()
        for key in (each.format(n) for each in KEYS):
            if any(key.startswith(prefix) for prefix in moments):
                oss.put(BUCKET, key, modified_at=now)
                self.expected.add(key)
            else:
                oss.put(BUCKET, f"{key}.old.mp4", modified_at=now - TOO_EARLY)
                self.history.add(f"{key}.old.mp4")

    # The events of a round

    def edits_the_source(self) -> None:
        self.sources = self._chance.choice(SOURCES)
        self.write()
        self.killed()

    def edits_the_start(self) -> None:
        self.write(self._chance.choice(["all", "2026-01-01T00:00:00Z"]))
        self.killed()
        self.write()

    def is_refused(self) -> None:
        kind = self._chance.choice(["access_denied", "html", "clock_skew", "reset"])
        self.workspace.sandbox.hook = faults = Faults(Fault(operation="ListObjectsV2", kind=kind))
        self.killed()
        faults.clear()

    def works_beside(self) -> None:
        """A second process scans, and the first is killed; or the second."""
        programs = [self.workspace.start("scan") for _ in range(2)]
        wait_for_an_instant(self.workspace, programs[0], self._chance)
        victim = self._chance.randrange(2)
        programs[victim].send_signal(signal.SIGKILL)
        for program in programs:
            with program:
                assert program.wait(60) in {0, -signal.SIGKILL}, (SEED, self.workspace.written())

    def killed(self) -> None:
        """A scan is killed at a commit, or at any instant."""
        if self._chance.randrange(2):
            when, step = self._chance.choice(["before", "after"]), self._chance.choice(STEPS)
            program = self.workspace.start("scan", DIES_AT=f"{when} {step}")
        else:
            program = self.workspace.start("scan")
            wait_for_an_instant(self.workspace, program, self._chance)
            program.send_signal(signal.SIGKILL)
        with program:
            assert program.wait(60) in {0, 5, -signal.SIGKILL}, (SEED, self.workspace.written())

    def is_another_user(self) -> None:
        """From here on the other of the two users works: root, or the service's."""
        if isinstance(self.workspace, Shared):
            self.workspace.before = [] if self.workspace.before else as_user(SERVICE)
            self.killed()
            assert self.workspace.owners() == {uid_of(SERVICE)}

    def fills_the_disk(self) -> None:
        """There is no room; a process that waits for it is killed, and then there is."""
        if not isinstance(self.workspace, Shared):
            return
        ballast = fill(self.workspace.ledger.parent, leave=self._chance.choice([0, 8192, 65536]))
        program = self.workspace.start("scan")
        threading.Event().wait(self._chance.uniform(0.5, 2.5))
        program.send_signal(signal.SIGKILL)
        with program:
            assert program.wait(60) in {0, -signal.SIGKILL}, (SEED, self.workspace.written())
        ballast.unlink()

    def rounds(self) -> list[Callable[[], None]]:
        return [
            self.edits_the_source,
            self.edits_the_start,
            self.is_refused,
            self.works_beside,
            self.is_another_user,
            self.fills_the_disk,
            self.killed,
        ]


@pytest.mark.parametrize("with_starts", [False, True])
def test_whatever_is_edited_nothing_is_lost_and_no_history_is_taken(
    tmp_path: Path,
    sandbox: Sandbox,
    chance: random.Random,
    *,
    with_starts: bool,
) -> None:
    """Without edits of `start`, exactly the uploads since `start` are registered."""
    live_through(Crashing(tmp_path, sandbox), chance, with_starts=with_starts)


def test_two_users_and_a_full_disk_lose_nothing_either(
    sandbox: Sandbox, chance: random.Random
) -> None:
    needs_root("mount, and run as another user")
    with folder_for_all() as folder:
        workspace = Shared(folder, sandbox)
        ledger = workspace.ledger.read_bytes()
        with small_disk(workspace.ledger.parent, DISK, ",mode=0700"):
            os.chown(workspace.ledger.parent, uid_of(SERVICE), -1)
            workspace.ledger.write_bytes(ledger)
            workspace.ledger.chmod(0o600)
            os.chown(workspace.ledger, uid_of(SERVICE), -1)
            live_through(workspace, chance, with_starts=False)


def live_through(workspace: Crashing, chance: random.Random, *, with_starts: bool) -> None:
    """Run all events, then two undisturbed scans, and hold the ledger against the truth."""
    sandbox, edited = workspace.sandbox, Edited(workspace, chance)
    edited.write()
    for n in range(ROUNDS):
        edited.upload(n)
        step = chance.choice(edited.rounds())
        if with_starts or step != edited.edits_the_start:
            step()
    edited.sources = [""]
    edited.write()
    for _ in range(2):  # what is listed beside a claim of the last owner waits for the next scan
        with workspace.start("scan") as program:
            assert program.wait(60) == 0, (SEED, workspace.written())

    with reading(workspace.ledger) as db:
        rows = dict(db.execute("SELECT key, state FROM entry").fetchall())
    assert edited.expected <= rows.keys(), f"CRASH_SEED={SEED}"
    assert set(rows.values()) <= {"registered"}, f"CRASH_SEED={SEED}"
    assert edited.everything or not edited.history & rows.keys(), f"CRASH_SEED={SEED}"
    media = sandbox.vod.media
    assert {key for _, key in media} == rows.keys()
    assert workspace.run("audit").status == 0
    assert_sound(workspace.ledger)
    assert_none_seen(workspace)

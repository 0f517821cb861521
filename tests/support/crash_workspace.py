"""A workspace whose program is killed, and what must be true of ledger and VOD afterwards."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import warm_start
from tests.support.secrets import TOKEN, assert_none_seen, secret_sandbox
from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite import create

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.sandbox import Sandbox
    from watcher.sandbox.http_server import Request

DYING = Path(__file__).with_name("kill_at_commit.py")
QUICK = 'timeout = "5s"\ncalls_per_second = 400\nconcurrent_calls = 2'


@pytest.fixture(name="sandbox")
def secret_bucket() -> Iterator[Sandbox]:
    """A local OSS and VOD with one bucket, and credentials that must not be seen."""
    with secret_sandbox() as local:
        local.oss.create_bucket(BUCKET)
        yield local


class Crashing(Workspace):
    """Starts the program so that it can be killed; all it writes lies in files below the folder."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        super().__init__(folder, sandbox)
        self.env["ALIBABA_CLOUD_SECURITY_TOKEN"] = TOKEN
        self.keys: set[str] = set()  # of the bucket, as far as they are to be registered
        self.claimed: set[str] = set()  # those that were claimed when the program was killed
        self.unanswered: list[Request] = []  # whose sender was killed
        self.started = 0
        self.before: list[str] = []  # what starts a program: as another user
        self.new_interpreter = False  # for each start: a kill may hit its imports too
        sandbox.vod.calls_per_second = 500
        self.configure(vod=QUICK)
        create(self.ledger)

    def fill(self, *keys: str) -> None:
        """Put objects that are to be registered."""
        self.sandbox.oss.fill(BUCKET, keys)
        self.keys.update(keys)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        """Start one command; its output goes to files of its own."""
        self.started += 1
        program = ["-P", str(DYING)] if env else ["-m", "watcher"]
        options = ["-c", str(self.config), "--log-format", "json", "--log-level", "debug"]
        with (
            self.folder.joinpath(f"{self.started}.out").open("wb") as out,
            self.folder.joinpath(f"{self.started}.err").open("wb") as err,
        ):
            begin = subprocess.Popen if self.new_interpreter else warm_start.start
            return begin(
                [*self.before, sys.executable, *program, *options, *arguments],
                cwd=self.folder,
                env=self.env | {"PYTHONPATH": str(DYING.parents[2])} | env,
                stdout=out,
                stderr=err,
            )

    def die(self, at: str, *arguments: str) -> None:
        """Run one command, a scan by default, that is killed `at` a step; see `dying`."""
        self.die_creating(at, *(arguments or ("scan",)))
        self.note_claims()

    def die_creating(self, at: str, *arguments: str) -> None:
        """Run one command, `ledger init` by default, that is killed `at` a step.

        There may be no ledger yet.
        """
        with self.start(*(arguments or ("ledger", "init")), DIES_AT=at) as program:
            assert program.wait(60) == -signal.SIGKILL, self.written()

    def note_claims(self) -> int:
        """Remember which entries are claimed now: their calls may have counted; return how many."""
        left = {key for key, state in states(self.ledger).items() if state == "claimed"}
        self.claimed |= left
        return len(left)

    def die_at_call(self, operation: str, effect: str, *, skip: int) -> list[str]:
        """Run a scan that is killed when a call arrives; return the states of the call's entries.

        The states are those at that moment.

        `effect`: whether the call takes effect before that, after that, or not at all ("none").
        """
        from watcher.sandbox.faults import Faults  # noqa: PLC0415 (moto is slow to import)

        started: list[subprocess.Popen[bytes]] = []
        found: list[str] = []

        def kill(request: Request) -> None:
            self.unanswered.append(request)
            if operation == "RegisterMedia":
                nonce = request.parameter("SignatureNonce")  # another call may have come meanwhile
                call = next(
                    each
                    for each in self.sandbox.vod.journal
                    if each.params.get("SignatureNonce") == nonce
                )
                urls = [str(item["FileURL"]) for item in call.items]
                found.extend(states(self.ledger)[url.partition("aliyuncs.com/")[2]] for url in urls)
            os.kill(started[0].pid, signal.SIGKILL)
            started[0].wait()

        self.sandbox.hook = faults = Faults()
        faults.on(operation, kill, skip=skip, next=1, effect=effect)
        with self.start("scan") as program:
            started.append(program)
            assert program.wait(60) == -signal.SIGKILL, self.written()
        assert faults.hits.total() == 1
        faults.clear()
        return found

    def commits(self, *arguments: str) -> Counter[str]:
        """Run one command to its end; return how many commits of each kind it made."""
        log = self.folder / "commits"
        log.write_text("")
        with self.start(*arguments, COMMITS_TO=str(log)) as program:
            assert program.wait(60) == 0, self.written()
        return Counter(log.read_text().splitlines())

    def written(self) -> str:
        """Return what the last program that was started wrote."""
        return "".join(
            self.folder.joinpath(f"{self.started}.{end}").read_text() for end in ("out", "err")
        )

    def recovers(self) -> None:
        """Scan once, and find everything whole: see the assertions."""
        left, asked = self.note_claims(), times_asked(self)
        with self.start("scan", "--output-format", "json") as program:
            assert program.wait(60) == 0, self.written()
        written = self.written()
        events = [json.loads(line) for line in written.splitlines() if line.startswith('{"at"')]
        recovered = [event["entries"] for event in events if event["event"] == "ledger.recovered"]
        assert recovered == ([left] if left else [])
        again = {
            key for key, times in times_asked(self).items() if key in asked and times > asked[key]
        }
        assert again <= self.claimed
        self.is_whole()

    def is_whole(self) -> None:
        """Everything is registered once, and neither scan nor audit finds work.

        No secret is in any output.
        """
        assert_registered(self)
        assert_sound(self.ledger)
        calls = len(self.sandbox.vod.journal)
        assert self.scan().status == 0
        assert len(self.sandbox.vod.journal) == calls
        assert self.run("audit").status == 0
        assert not [file for file in self.folder.glob("*.err") if b"Traceback" in file.read_bytes()]
        assert_none_seen(self)


def times_asked(workspace: Crashing) -> dict[str, int]:
    return {key: media.times_asked for (_, key), media in workspace.sandbox.vod.media.items()}


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that leaves the file and its log as a killed process left them."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        yield db


def states(path: Path) -> dict[str, str]:
    with reading(path) as db:
        return dict(db.execute("SELECT key, state FROM entry").fetchall())


def assert_registered(workspace: Crashing) -> None:
    """Each object is in the ledger with VOD's media ID, under one URL.

    No attempt was counted, and no breaker or open listing is left.
    """
    known = workspace.sandbox.vod.media
    with reading(workspace.ledger) as db:
        assert db.execute("SELECT * FROM breaker").fetchall() == []
        assert db.execute("SELECT * FROM listing WHERE is_open = 1").fetchall() == []
        rows = db.execute("SELECT key, state, media_id, attempts, doubts FROM entry").fetchall()
    registered = {key: media_id for key, state, media_id, *_ in rows if state == "registered"}
    states_now = Counter(state for _, state, *_ in rows)
    left = [row for row in rows if row[1] != "registered"]
    assert states_now == Counter(registered=len(workspace.keys)), (
        states_now,
        left[:3],
        workspace.written(),
    )
    assert registered == {key: media.media_id for (_, key), media in known.items()}
    assert registered.keys() == workspace.keys
    assert {
        counts for *_, attempts, doubts in rows if (counts := (attempts, doubts)) != (0, 0)
    } == set()
    urls = {str(item["FileURL"]) for call in workspace.sandbox.vod.journal for item in call.items}
    assert urls == {media.file_url for media in known.values()}
    assert len({media.media_id for media in known.values()}) == len(urls) == len(known)


def assert_sound(path: Path) -> None:
    """SQLite finds nothing, and the counts are what a recount gives."""
    with reading(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        counted: Counter[tuple[int, str]] = Counter()
        for watch, state, changed in db.execute("SELECT watch_id, state, changed FROM entry"):
            counted[watch, state] += 1
            counted[watch, "changed"] += changed
        tally: dict[Any, int] = {
            (watch, state): n for watch, state, n in db.execute("SELECT * FROM tally")
        }
        assert {place: n for place, n in tally.items() if n} == +counted

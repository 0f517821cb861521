"""A full disk at the start: the daemon waits without end, a one-shot for half a minute."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.ledger.test_migrations import OLDER, made_by
from tests.support.daemons import EVERY_SECOND, known
from tests.support.privileged import fill, small_disk
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.daemons import Systemd
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long
SIZE = 8 << 20
STARTS_IN_S = 30


class Listening(Workspace):
    """Its daemon serves a page at a known port: one that waits does not log where."""

    listen = 0


def never_used(_workspace: Workspace) -> None:
    """No lock file yet, nor anything else beside the ledger."""


def used(workspace: Workspace) -> None:
    assert workspace.scan().status == 0


def died(workspace: Workspace) -> None:
    """Its last owner left its pid: every page is to be checked."""
    used(workspace)
    ProcessLock(workspace.ledger).path.write_text("4711\n")


def older(workspace: Workspace) -> None:
    """Of the version before this; its breakers are none of this test's."""
    made_by(OLDER[-1], workspace.ledger)
    with closing(sqlite3.connect(workspace.ledger)) as db, db:
        db.execute("DELETE FROM breaker")


STATES = (never_used, used, died, older)


@pytest.fixture
def full(tmp_path: Path, sandbox: Sandbox) -> Iterator[Listening]:
    """A ledger on a disk that is to be filled, and a page at a port of its own."""
    workspace = Listening(tmp_path, sandbox)
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        workspace.listen = any_port.getsockname()[1]
    workspace.configure(
        workspace.watch(more=EVERY_SECOND),
        more=f'[http]\nlisten = "127.0.0.1:{workspace.listen}"',
    )
    text = workspace.config.read_text().replace('"ledger.db"', '"disk/ledger.db"')
    workspace.config.write_text(text)
    workspace.ledger = tmp_path / "disk" / "ledger.db"
    with small_disk(workspace.ledger.parent, SIZE, ",nr_inodes=200"):
        workspace.init()
        yield workspace


def readyz(workspace: Listening) -> tuple[int, str]:
    try:
        url = f"http://127.0.0.1:{workspace.listen}/readyz"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except urllib.error.URLError:
        return 0, ""


@pytest.mark.parametrize(
    ("state", "leave"),
    [*((state, 0) for state in STATES), (never_used, 32 * 1024), (older, 36 * 1024)],
)
def test_the_daemon_waits_says_why_and_goes_on_by_itself(
    full: Listening,
    sandbox: Sandbox,
    systemd: Systemd,
    state: Callable[[Workspace], None],
    leave: int,
) -> None:
    state(full)
    sandbox.oss.put(BUCKET, "fresh.mp4")
    ballast = fill(full.ledger.parent, leave=leave)
    with Running(full, env=systemd.env | {"WATCHDOG_USEC": "4000000"}) as running:
        reasons = running.until_logged("daemon.degraded")["reasons"]
        assert len(reasons) == 1
        assert "full" in reasons[0]
        running.until(
            lambda: readyz(full)[0] == 503 and "full" in readyz(full)[1], "readyz says why"
        )
        running.until(lambda: systemd.has_heard("EXTEND_TIMEOUT_USEC"), "systemd is asked for time")
        systemd.listen()
        time.sleep(3.5)  # noqa: TID251 (what systemd would wait for)
        assert [message for message in systemd.listen() if "WATCHDOG" in message]
        assert not systemd.has_heard("READY")
        assert not running.logged("daemon.ready")
        second = full.run("run")
        assert second.status == 3, second.err
        ballast.unlink()
        running.until(lambda: systemd.has_heard("READY"), "it is ready")
        running.until(lambda: "fresh.mp4" in known(sandbox), "it is registered")
        running.until_logged("daemon.ready")
        running.until(
            lambda: not systemd.has_heard("never") and readyz(full)[0] == 200, "readyz says so"
        )
        assert running.stop() == 0
    assert full.run("ledger", "check").status == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("state", STATES)
def test_asked_to_stop_it_stops_within_seconds(
    full: Listening, state: Callable[[Workspace], None], number: signal.Signals
) -> None:
    state(full)
    fill(full.ledger.parent)
    with Running(full) as running:
        running.until_logged("daemon.degraded")
        began = time.monotonic()  # noqa: TID251
        assert running.stop(number) == 0
        assert time.monotonic() - began < 5  # noqa: TID251


def test_a_disk_without_inodes_is_waited_for_too(full: Listening, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    folder = full.ledger.parent
    free = os.statvfs(folder).f_ffree
    names = [folder / f"{n}" for n in range(free)]
    for name in names:
        name.touch()
    with Running(full) as running:
        running.until_logged("daemon.degraded")
        running.until(lambda: "full" in readyz(full)[1], "readyz says why")
        for name in names:
            name.unlink()
        running.until(lambda: known(sandbox) == {"a.mp4"}, "it is registered")
        assert running.stop() == 0


ONE_SHOTS = {"scan": ["scan"], "backfill": ["backfill"], "retry": ["retry", "--all-failed"]}


@pytest.mark.parametrize("command", ONE_SHOTS)
@pytest.mark.parametrize("state", [never_used, died])
def test_a_one_shot_waits_for_room(
    full: Listening, sandbox: Sandbox, command: str, state: Callable[[Workspace], None]
) -> None:
    state(full)
    sandbox.oss.put(BUCKET, "a.mp4")
    ballast = fill(full.ledger.parent)
    threading.Timer(4.0, ballast.unlink).start()
    ran = full.run(*ONE_SHOTS[command])
    assert ran.status == 0, ran.err
    assert command == "retry" or known(sandbox) == {"a.mp4"}


@pytest.mark.parametrize("command", ONE_SHOTS)
def test_a_one_shot_that_gets_no_room_says_so_after_half_a_minute(
    full: Listening, command: str
) -> None:
    ballast = fill(full.ledger.parent)
    began = time.monotonic()  # noqa: TID251
    ran = full.run(*ONE_SHOTS[command])
    assert 25 < time.monotonic() - began < 60  # noqa: TID251
    assert ran.status == 1
    assert "full" in ran.err
    assert "hint: Free some space" in ran.err
    assert "writable" not in ran.err
    ballast.unlink()
    assert full.scan().status == 0
    assert json.loads(full.run("status", "--output-format", "json").out)["watches"]

"""A daemon that cannot write its ledger, or checks it, lives on and stops when asked to."""

from __future__ import annotations

import resource
import signal
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import known, put
from tests.support.ledgers import adopt, obj, record
from tests.support.running_daemon import Running
from watcher.clock import SystemClock
from watcher.config import load
from watcher.daemon.workers import Workers
from watcher.errors import LocalFailure
from watcher.ledger.sqlite import Ledger, ProcessLock, crash_check
from watcher.observe.history import History
from watcher.observe.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemons import Systemd
    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("seconds")
FULL = (1024, resource.RLIM_INFINITY)  # no file grows further
ROOM = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture
def waiting(workspace: Workspace, sandbox: Sandbox, systemd: Systemd) -> Iterator[Running]:
    """A daemon that waits for a full disk, and is asked to reload its configuration."""
    with Running(workspace, env=systemd.env | {"WATCHDOG_USEC": "2000000"}) as running:
        running.until_logged("scan.finished")
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, FULL)
        put(sandbox, "a.mp4")
        running.until_logged("daemon.degraded")
        running.send(signal.SIGHUP)
        running.until(lambda: systemd.has_heard("RELOADING"), "it reloads")
        yield running


def test_a_reload_waits_for_the_disk_and_the_watchdog_is_fed(
    waiting: Running, sandbox: Sandbox, systemd: Systemd
) -> None:
    for _ in range(2):
        systemd.listen()
        time.sleep(1.9)  # noqa: TID251 (what systemd would wait for)
        assert [message for message in systemd.listen() if "WATCHDOG" in message]
    assert not waiting.logged("daemon.reloaded")
    resource.prlimit(waiting.pid, resource.RLIMIT_FSIZE, ROOM)
    waiting.until_logged("daemon.reloaded")
    waiting.until(lambda: known(sandbox) == {"a.mp4"}, "it is registered")
    assert waiting.stop() == 0


def test_a_disk_that_fills_during_a_reload_alone_is_an_event_and_its_end_another(
    workspace: Workspace,
) -> None:
    workspace.configure(workspace.watch())  # scans a minute apart
    with Running(workspace) as running:
        running.until_logged("scan.finished")
        running.until_logged("daemon.ready")
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, FULL)
        workspace.configure(workspace.watch(), workspace.watch("more", "oss://media-bucket/more/"))
        running.send(signal.SIGHUP)
        running.until_logged("daemon.degraded")
        (degraded,) = running.logged("daemon.degraded")
        assert "disk" in degraded["reasons"][0]
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, ROOM)
        running.until(lambda: len(running.logged("daemon.ready")) > 1, "it is ready again")
        assert running.logged("daemon.reloaded")
        assert running.stop() == 0


def test_asked_to_stop_while_a_reload_waits_for_the_disk_it_ends_in_order(waiting: Running) -> None:
    began = time.monotonic()  # noqa: TID251
    assert waiting.stop() == 0
    assert time.monotonic() - began < 5  # noqa: TID251
    assert waiting.events[-1]["event"] == "daemon.stopped"


def test_asked_to_stop_while_another_process_locks_the_ledger_at_the_start_it_ends_in_order(
    workspace: Workspace, systemd: Systemd
) -> None:
    with closing(sqlite3.connect(workspace.ledger, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with Running(workspace, env=systemd.env) as running:
            running.until(lambda: systemd.has_heard("EXTEND_TIMEOUT_USEC"), "it waits, and says so")
            assert running.stop() == 0


def test_a_check_of_every_page_ends_when_the_process_is_to_stop(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next owner of the lock makes it again."""
    monkeypatch.setattr(crash_check, "_STEPS_BETWEEN_STOPS", 10)
    ProcessLock(workspace.ledger).path.write_text("4711\n")
    for _ in range(2):
        with (
            ProcessLock(workspace.ledger) as lock,
            Ledger(workspace.ledger, lock, wait=lambda _: True) as ledger,
        ):
            assert lock.try_acquire()
            with pytest.raises(LocalFailure, match="interrupted"):
                ledger.check_after_unclean_stop()
            assert lock.found_unclean


def test_giving_out_what_waits_ends_when_the_process_is_to_stop(workspace: Workspace) -> None:
    """The next start gives it out."""
    path = workspace.ledger
    with (
        ProcessLock(path) as lock,
        Ledger(path, lock, wait=lambda _: False) as ledger,
        SystemClock() as clock,
    ):
        adopt(ledger)
        record(ledger, obj("a.mp4"))
        workers = Workers(
            load(workspace.config),
            ledger=ledger,
            lock=lock,
            clock=clock,
            metrics=Metrics(lambda: pytest.fail("nobody asks")),
            history=History(),
            on_check=clock.close,  # which counts as asked to stop
        )
        workers.start()
        workers.stop()
        assert not ledger.assignments.is_assigned


def test_a_ledger_whose_folder_is_missing_is_missing(workspace: Workspace) -> None:
    workspace.config.write_text(
        workspace.config.read_text().replace('"ledger.db"', '"nowhere/ledger.db"')
    )
    assert workspace.run("run").status == 4
    assert not (workspace.folder / "nowhere").exists()

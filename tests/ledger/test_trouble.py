"""A ledger that cannot be written for a while: the work waits and loses nothing."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.ledger_trouble import PAGE, failing, fill_up, free, holding, opened, until_open
from tests.support.ledgers import NOW, begin, claim, obj, record, settle, sleep
from tests.support.workspace import BUCKET, Workspace
from watcher.errors import LocalFailure
from watcher.ledger.sqlite import ProcessLock
from watcher.ledger.sqlite.busy_retry import TRIES
from watcher.model import Accepted, Failure, Found, Objects, Range, Refused, Settlement

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.sandbox import Sandbox


def test_a_page_is_written_once_a_full_disk_has_room_again(path: Path) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 3:
            free(ledger)
        return False

    with ProcessLock(path) as lock, opened(path, lock, wait) as ledger:
        fill_up(ledger)
        assert record(ledger, *PAGE) == (500, ())
        assert (waits, ledger.queue.pending()) == ([1.0, 1.0, 1.0], 500)


def test_a_daemon_waits_for_room_without_end_and_shows_why(path: Path) -> None:
    seen: list[str] = []

    def wait(_seconds: float) -> bool:
        seen.append(str(ledger.trouble))
        if len(seen) == 10 * TRIES:
            free(ledger)
        return False

    with ProcessLock(path) as lock, opened(path, lock, wait, tries=None) as ledger:
        fill_up(ledger)
        assert record(ledger, *PAGE) == (500, ())
        assert ledger.trouble is None
    assert set(seen) == {f"the disk of the ledger {path} is full"}


def test_a_disk_that_stays_full_ends_all_work(path: Path) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    with ProcessLock(path) as lock, opened(path, lock, wait) as ledger:
        record(ledger, obj("a"))
        fill_up(ledger)
        with pytest.raises(LocalFailure, match="full"):
            record(ledger, *PAGE)
        assert len(waits) == 29
        with pytest.raises(LocalFailure, match="full"):
            claim(ledger)
        assert len(waits) == 29


def test_a_stop_request_ends_the_wait_for_room(path: Path) -> None:
    with ProcessLock(path) as lock, opened(path, lock, lambda _seconds: True) as ledger:
        fill_up(ledger)
        with pytest.raises(LocalFailure):
            record(ledger, *PAGE)


def test_a_settlement_that_waits_for_room_is_written_before_the_next_claim(
    path: Path,
) -> None:
    seen: list[object] = []

    def wait(_seconds: float) -> bool:
        seen.append(claim(ledger))
        free(ledger)
        return False

    with ProcessLock(path) as lock, opened(path, lock, wait) as ledger:
        record(ledger, obj("a"), obj("b"))
        claimed = claim(ledger, most=1)
        assert claimed
        fill_up(ledger)
        outcome = Refused(reason=Failure.REFUSED, message="m" * 100_000, final=True)
        settled = ledger.queue.settle(
            claimed,
            [Settlement(entry=claimed.entries[0], outcome=outcome, due_at=NOW)],
            request_id="R",
            max_attempts=3,
            now_ms=NOW,
        )
        assert (seen, len(settled.failed)) == ([None], 1)
        assert claim(ledger) is not None


def test_the_writes_of_one_thread_do_not_hide_the_trouble_of_another(path: Path) -> None:
    """Trouble is reported until the work that met it is done, even if other writes pass."""
    seen: list[tuple[bool, bool]] = []

    def wait(_seconds: float) -> bool:
        ledger.breakers.remember_calls_per_second(3.0 + len(seen))  # a small write, which passes
        breaker_rows = ledger.breakers.all()
        seen.append((ledger.trouble is not None, breaker_rows == ()))
        if len(seen) == 3:
            free(ledger)
        return False

    with ProcessLock(path) as lock, opened(path, lock, wait, tries=None) as ledger:
        ledger.breakers.remember_calls_per_second(2.0)
        fill_up(ledger)
        assert record(ledger, *PAGE) == (500, ())
        assert seen == [(True, True)] * 3
        assert ledger.trouble is None


def test_claims_wait_for_every_settlement_that_cannot_be_written(
    path: Path,
) -> None:
    """Another settlement that is written meanwhile does not end the wait."""
    seen: list[object] = []

    def wait(_seconds: float) -> bool:
        if not seen:
            settle(
                ledger, small or pytest.fail("nothing"), Accepted(media_id="m", new_register=True)
            )
        seen.append(claim(ledger))
        free(ledger)
        return False

    with ProcessLock(path) as lock, opened(path, lock, wait) as ledger:
        record(ledger, *(obj(key) for key in "abc"))
        large, small = claim(ledger, most=1), claim(ledger, most=1)
        assert large
        fill_up(ledger)
        outcome = Refused(reason=Failure.REFUSED, message="m" * 100_000, final=True)
        settle(ledger, large, outcome)
        assert seen == [None]
        assert claim(ledger) is not None


def test_trouble_ends_when_a_stop_request_ends_the_work(path: Path) -> None:
    """Until then the oldest trouble is shown."""
    stopping = threading.Event()

    def wait(seconds: float) -> bool:
        return stopping.wait(min(seconds, 0.05))

    with ProcessLock(path) as lock, opened(path, lock, wait, tries=None) as ledger:
        fill_up(ledger)
        works = [threading.Thread(target=failing, args=(ledger, name)) for name in ("w", "v")]
        for work in works:
            work.start()
        sleep(0.5)
        assert "full" in str(ledger.trouble)
        stopping.set()
        for work in works:
            work.join()
        assert ledger.trouble is None


def test_a_thread_that_waits_for_the_ledger_shows_that_it_is_alive(path: Path) -> None:
    """A thread waits for room on the disk, or behind other threads."""
    signs: list[float] = []

    def wait(_seconds: float) -> bool:
        free(ledger)
        return False

    with ProcessLock(path) as lock, opened(path, lock, wait) as ledger:
        fill_up(ledger)
        begun = begin(ledger)
        part = ledger.seen_by(lambda: signs.append(time.monotonic()))  # noqa: TID251 (counted only)
        listed = Objects.of(PAGE)
        found = Found(range=Range(lo="", hi=None, listed=500, matched=500), objects=listed, at=NOW)
        part.discovery.record("w", [found], begun=begun, started_at=NOW, now_ms=NOW, began_ms=NOW)
        assert len(signs) == 1
        with ledger._transactions.begin(durable=False):
            behind = threading.Thread(target=part.queue.pending)
            behind.start()
            sleep(2.5)
        behind.join()
        assert len(signs) == 3


def test_a_scan_waits_for_a_ledger_that_is_locked_for_a_while(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    other = holding(workspace.ledger, 4.0)
    done = workspace.scan()
    other.join()
    assert (done.status, done.json["registered"]) == (0, 1)


@pytest.mark.long
def test_a_ledger_that_stays_locked_is_exit_1_with_the_cure(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    other = holding(workspace.ledger, 45.0)
    ran = workspace.scan()
    other.kill()
    other.join()
    assert ran.status == 1
    assert "locked" in ran.err
    assert "lsof" in ran.err
    assert not sandbox.vod.journal
    assert workspace.scan().status == 0


@pytest.mark.long
def test_a_failing_disk_is_exit_1_and_the_next_run_loses_and_doubles_nothing(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """The kernel lets no file grow, as a quota does, while calls are made."""
    sandbox.oss.fill(BUCKET, [f"{n:05}{'x' * 200}.mp4" for n in range(3000)])
    command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), "scan"]
    limit = 400 * 1024
    child = subprocess.run(
        command,
        env=workspace.env,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        timeout=110,
    )
    assert child.returncode == 1, child.stderr
    assert "nothing is lost" in child.stderr or "is done again" in child.stderr
    assert "Traceback" not in child.stderr
    registered = len(sandbox.vod.media)

    workspace.configure(vod="calls_per_second = 45")
    done = workspace.scan()
    assert (done.status, done.json["pending"]) == (0, 0)
    assert len(sandbox.vod.media) == 3000
    assert done.json["already_registered"] <= registered
    assert {entry["state"] for entry in workspace.entries()} == {"registered"}


def test_a_stop_request_ends_the_wait_for_a_locked_ledger(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Within five seconds, with the status of an interrupted run."""
    sandbox.oss.put(BUCKET, "a.mp4")
    other = holding(workspace.ledger, 100.0)
    command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), "scan"]
    child = subprocess.Popen(
        command, env=workspace.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    until_open(workspace.ledger, child.pid)
    sleep(1.0)
    child.terminate()
    _, err = child.communicate(timeout=5)
    other.kill()
    other.join()
    assert child.returncode == 143, err
    assert "run the command again" in err

"""A backfill beside a process that registers, and one that finds fresh uploads."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite import LedgerReader, ProcessLock

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from watcher.sandbox import Sandbox


def put_old(sandbox: Sandbox, *keys: str) -> None:
    sandbox.oss.fill(BUCKET, keys, modified_at=sandbox.clock.now() - timedelta(days=3))


def pending(workspace: Workspace) -> int:
    with LedgerReader(workspace.ledger) as reader:
        return sum(row.pending for row in reader.status())


def until(condition: Callable[[], object], child: subprocess.Popen[str]) -> None:
    while not condition():
        assert child.poll() is None, child.communicate()
        time.sleep(0.02)  # noqa: TID251 (waits for another process)


def ended(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = child.communicate(timeout=90)
    assert "Traceback" not in err, err
    return child.returncode, out, err


def test_it_lists_names_the_owner_and_takes_over_when_that_one_goes(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    put_old(sandbox, "a.mp4", "b.mp4")
    with ProcessLock(workspace.ledger) as lock:
        assert lock.try_acquire()
        owner = lock.owner_pid()
        child = workspace.begin("backfill", "--output-format", "json")
        until(lambda: pending(workspace) == 2, child)
        time.sleep(1)  # noqa: TID251 (it waits, and calls nothing)
        assert child.poll() is None
        assert not sandbox.vod.journal
    status, out, err = ended(child)
    assert status == 0, err
    assert f"registering: pid {owner}" in err
    done = json.loads(out)
    assert (done["registered"], done["register_calls"], done["pending"]) == (2, 1, 0)


def test_its_finds_are_registered_by_the_owner(workspace: Workspace, sandbox: Sandbox) -> None:
    """It ends when all is done, makes no call itself, and counts what became registered."""
    workspace.configure(
        workspace.watch("a", f"oss://{BUCKET}/a/"),
        workspace.watch("b", f"oss://{BUCKET}/b/"),
        vod="calls_per_second = 4",
    )
    put_old(sandbox, *(f"a/{n:03}.mp4" for n in range(200)), *(f"b/{n:03}.mp4" for n in range(20)))
    owner = workspace.begin("backfill")
    until(lambda: len(sandbox.vod.journal) > 2, owner)
    done = workspace.backfill("--watch", "b")
    status, _, _ = ended(owner)
    assert (status, done.status) == (0, 0), done.err
    assert f"registering: pid {owner.pid}" in done.err
    assert (done.json["registered"], done.json["register_calls"]) == (20, 0)
    assert len(sandbox.vod.media) == 220
    assert {media.times_asked for media in sandbox.vod.media.values()} == {1}


def test_an_open_breaker_ends_the_wait(workspace: Workspace, sandbox: Sandbox) -> None:
    put_old(sandbox, "a.mp4")
    sandbox.vod.remove_bucket(BUCKET)
    assert workspace.scan().status == 5
    with ProcessLock(workspace.ledger) as lock:
        assert lock.try_acquire()
        done = workspace.backfill()
    assert done.status == 5
    assert "VOD console" in done.err
    assert done.json["pending"] == 1


def test_a_stopped_wait_says_how_to_go_on(workspace: Workspace, sandbox: Sandbox) -> None:
    put_old(sandbox, "a.mp4")
    with ProcessLock(workspace.ledger) as lock:
        assert lock.try_acquire()
        child = workspace.begin("backfill")
        until(lambda: pending(workspace) == 1, child)
        child.terminate()
        status, _, err = ended(child)
    assert status == 143
    assert "run the command again to continue" in err


@pytest.mark.long
def test_fresh_uploads_overtake_a_running_backfill(workspace: Workspace, sandbox: Sandbox) -> None:
    """A scan beside it finds them; they are registered next, behind the calls under way only.

    The backfill logs its progress every ten seconds.
    """
    workspace.configure(vod="calls_per_second = 20\nconcurrent_calls = 8")
    put_old(sandbox, *(f"old/{n:05}.mp4" for n in range(3000)))
    child = workspace.begin("backfill", "--output-format", "json")
    until(lambda: len(sandbox.vod.journal) > 20, child)
    fresh = [f"zz/{n:02}.mp4" for n in range(30)]
    sandbox.oss.fill(BUCKET, fresh)

    beside = workspace.scan()

    found_at = len(sandbox.vod.journal)
    assert beside.status == 0, beside.err
    assert beside.json["scans"][0]["new"] == 30
    status, out, err = ended(child)
    assert status == 0, err
    assert json.loads(out)["registered"] == 3030
    carried = [str(call.items) for call in sandbox.vod.journal]
    at = [n for n, items in enumerate(carried) if "zz/" in items]
    assert len(at) == 3
    assert max(at) <= found_at + 8 + 2
    assert len(carried) > max(at) + 50
    events: list[dict[str, Any]] = [
        json.loads(line) for line in err.splitlines() if line.startswith("{")
    ]
    progress = [event for event in events if event["event"] == "backfill.progress"]
    assert progress
    assert (progress[0]["listed"], progress[0]["new"]) == (3000, 3000)
    assert 15 < progress[0]["calls_per_second"] <= 21
    assert 0 < progress[0]["eta_s"] < 20

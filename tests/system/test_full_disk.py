"""A disk that is really full: a ledger on a small tmpfs; somebody makes room, or nobody does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import EVERY_SECOND
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from tests.system.machine import lacking
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 24 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 megabytes."""
    if os.geteuid() != 0:
        lacking("needs root to mount a tmpfs")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)], check=True)  # noqa: S607
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)  # noqa: S607


def fill(disk: Path, *, leave: int) -> Path:
    """Fill the disk up to `leave` bytes; return the ballast."""
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast.write_bytes(b"\0" * (free - leave))
    return ballast


@pytest.mark.parametrize("room_is_made", [True, False])
def test_a_full_disk_is_waited_out_or_reported_and_nothing_is_lost(
    small_disk: Path, *, room_is_made: bool
) -> None:
    with Sandbox() as sandbox:
        sandbox.oss.create_bucket(BUCKET)
        sandbox.oss.fill(BUCKET, [f"{n:05}{'x' * 150}.mp4" for n in range(1500)])
        workspace = Workspace(small_disk, sandbox)
        workspace.configure(vod="calls_per_second = 45")
        workspace.init()
        ballast = fill(small_disk, leave=200 * 1024)
        command = [
            sys.executable,
            "-m",
            "watcher",
            "-c",
            str(workspace.config),
            "scan",
            "--output-format",
            "json",
        ]
        if room_is_made:
            threading.Timer(5.0, ballast.unlink).start()
        child = subprocess.run(
            command,
            env=workspace.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
            cwd=small_disk,
        )
        if room_is_made:
            assert child.returncode == 0, child.stderr
        else:
            assert child.returncode == 1, child.stderr
            assert "is full" in child.stderr
            assert "Free some space" in child.stderr
            assert "Traceback" not in child.stderr
            ballast.unlink()
            assert workspace.scan().status == 0
        assert len(sandbox.vod.media) == 1500
        assert {entry["state"] for entry in workspace.entries()} == {"registered"}


ON_ANY_PORT = '[http]\nlisten = "127.0.0.1:0"'
WATCHES = ("first", "second", "idle")


@pytest.mark.parametrize("also", ["", "reload"])
def test_a_daemon_is_not_ready_while_any_write_fails_and_says_once_that_it_is_again(
    small_disk: Path, *, also: str
) -> None:
    """Two watches find much, a third finds nothing.

    Its small writes succeed, and hide no error of the others.
    """
    with Sandbox() as sandbox:
        sandbox.oss.create_bucket(BUCKET)
        workspace = Workspace(small_disk, sandbox)
        watches = [
            workspace.watch(name, f"oss://{BUCKET}/{name}/", EVERY_SECOND) for name in WATCHES
        ]
        workspace.configure(*watches, more=ON_ANY_PORT, vod="calls_per_second = 45")
        workspace.init()
        with Running(workspace) as running:
            for name in WATCHES:
                running.until_logged("scan.finished", watch=name)
            running.until(lambda: running.get("/readyz")[0] == 200, "it is ready")
            ballast = fill(small_disk, leave=48 * 1024)
            for name in ("first", "second"):
                sandbox.oss.fill(BUCKET, [f"{name}/{n:05}{'x' * 150}.mp4" for n in range(1500)])
            running.until(lambda: running.get("/readyz")[0] == 503, "it is not")
            running.until_logged("daemon.degraded")
            if also:
                running.send(signal.SIGHUP)
            answers = answers_for(running, 12.0)
            assert {status for status, _ in answers} == {503}
            assert any("is full" in body for _, body in answers)
            assert len(running.logged("daemon.ready")) == 1
            ballast.unlink()
            running.until_logged("daemon.ready", times=2)
            running.until(lambda: len(sandbox.vod.media) == 3000, "all are registered")
            assert len(running.logged("daemon.ready")) == 2
            assert running.get("/readyz")[0] == 200
            assert running.stop() == 0
        assert {entry["state"] for entry in workspace.entries()} == {"registered"}


def answers_for(running: Running, seconds: float) -> list[tuple[int, str]]:
    """Return all that /readyz says for so long."""
    until, said = time.monotonic() + seconds, []  # noqa: TID251 (a real process keeps real time)
    while time.monotonic() < until:  # noqa: TID251
        said.append(running.get("/readyz"))
        time.sleep(0.02)  # noqa: TID251
    return said

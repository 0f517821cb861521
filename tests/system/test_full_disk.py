"""A disk that is really full: a small tmpfs, a ledger on it, and somebody who makes room in time or does not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.system.machine import lacking
from tests.workspace import BUCKET, Workspace
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
def test_a_full_disk_is_waited_out_or_told_and_nothing_is_lost(small_disk: Path, *, room_is_made: bool) -> None:
    with Sandbox() as sandbox:
        sandbox.oss.create_bucket(BUCKET)
        sandbox.oss.fill(BUCKET, [f"{n:05}{'x' * 150}.mp4" for n in range(1500)])
        workspace = Workspace(small_disk, sandbox)
        workspace.configure(vod="calls_per_second = 45")
        workspace.init()
        ballast = fill(small_disk, leave=200 * 1024)
        command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), "scan", "--output-format", "json"]
        if room_is_made:
            threading.Timer(5.0, ballast.unlink).start()
        child = subprocess.run(
            command, env=workspace.env, capture_output=True, text=True, check=False, timeout=100, cwd=small_disk
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

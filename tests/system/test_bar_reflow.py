"""The progress bar in tmux, which breaks lines again when its window becomes narrow."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.odd_streams import waits
from tests.support.workspace import BUCKET, Workspace
from tests.system.machine import lacking
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A local OSS and VOD with one bucket, in this process."""
    with Sandbox() as local:
        local.oss.create_bucket(BUCKET)
        yield local


class Tmux:
    """One window that runs one command."""

    def __init__(self, workspace: Workspace) -> None:
        self._env = os.environ | workspace.env
        self._socket = str(workspace.folder / "tmux")
        command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), "backfill"]
        settings = workspace.folder / "tmux.conf"
        settings.write_text("set -g remain-on-exit on\n")
        self("-f", str(settings), "new-session", "-d", "-x", "120", "-y", "30", *command)

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments],  # noqa: S607 (it was looked for)
            env=self._env, capture_output=True, check=True, text=True, timeout=30,
        )  # fmt: skip
        return done.stdout

    def resize(self, columns: int) -> None:
        """Make the window so wide, while nothing that was drawn for its old width is under way."""
        pid = int(self("display-message", "-p", "#{pane_pid}"))
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)  # noqa: TID251 (tmux draws what it has)
        self("resize-window", "-x", str(columns), "-y", "30")
        os.kill(pid, signal.SIGCONT)

    def rows(self) -> list[str]:
        return [row for row in self("capture-pane", "-p").splitlines() if row.strip()]


@pytest.fixture
def window(workspace: Workspace, sandbox: Sandbox) -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        lacking("tmux is not installed")
    workspace.configure(vod="calls_per_second = 10")
    sandbox.oss.fill(BUCKET, [f"{n:05}.mp4" for n in range(9000)])
    tmux = Tmux(workspace)
    yield tmux
    tmux("kill-server")


def test_a_window_that_is_made_narrow_or_wide_holds_one_bar(window: Tmux) -> None:
    waits(lambda: any("ETA 0:" in row for row in window.rows()), "the bar")
    for columns in (80, 41, 60, 120, 33, 100):
        window.resize(columns)

        def has_followed(columns: int = columns) -> bool:
            rows = window.rows()
            bar = [n for n, row in enumerate(rows) if "ETA " in row]
            has_bar = len(bar) == 1 and (
                columns < 40 or min(columns, 101) - 1 <= len(rows[bar[0]]) <= columns
            )
            return has_bar and not any("━" in row for row in rows[: bar[0]] + rows[bar[0] + 1 :])

        try:
            waits(has_followed, f"one bar of {columns} columns")
        except AssertionError:
            pytest.fail("\n".join(window.rows()))
        assert sum("registered " in row for row in window.rows()) == 1
    window("send-keys", "C-c")
    waits(lambda: "command again" in " ".join(window.rows()), "the end")
    assert not any("━" in row for row in window.rows())

"""Long runs on a terminal, and the progress bar that they draw."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from tests.support.terminals import Terminal
    from watcher.sandbox import Sandbox

N = 3000
SLOWLY = "calls_per_second = 10"
ONE_BY_ONE = "list_concurrency = 1\nlist_calls_per_second = 1"
IGNORES_HANGUPS = ("sh", "-c", "trap '' HUP; exec \"$@\"", "sh")
WORK = ("backfill", "scan")


def fill(sandbox: Sandbox, n: int = N) -> None:
    old = sandbox.clock.now() - timedelta(days=3)
    sandbox.oss.fill(BUCKET, [f"{i:06}.mp4" for i in range(n)], b"x" * 1000, modified_at=old)


@pytest.fixture(name="slow")
def slow_workspace(workspace: Workspace, sandbox: Sandbox) -> Workspace:
    """Three thousand files, a hundred a second."""
    workspace.configure(vod=SLOWLY)
    fill(sandbox)
    return workspace


def bars(terminal: Terminal) -> list[str]:
    return [row for row in terminal.all_rows if "ETA " in row]


def percent(terminal: Terminal) -> float | None:
    found = re.search(r"(\d+\.\d)%", bars(terminal)[-1])
    return float(found[1]) if found else None


def registers(terminal: Terminal) -> bool:
    """Whether the rate is known by now."""
    return bool(
        re.search(r"^registering .*%.* ETA \d+:\d\d:\d\d", "\n".join(bars(terminal)), re.MULTILINE)
    )

"""A daemon on a machine whose clock is set an hour ahead, and an hour back, while it runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import NO_PAGE
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from tests.system.faked_clock import FakedClock
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERY_S = 2
HOUR_S = 3600.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as local:
        local.oss.create_bucket(BUCKET)
        yield local


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_uploads_are_registered_within_an_interval_before_and_after_a_jump(
    tmp_path: Path, sandbox: Sandbox, jump_s: float
) -> None:
    clock, workspace = FakedClock(tmp_path, sandbox), Workspace(tmp_path, sandbox)
    workspace.configure(workspace.watch(more=f'schedule = "{EVERY_S}s"'), more=NO_PAGE)
    workspace.init()
    with Running(workspace, env=clock.env) as running:
        running.until_logged("scan.finished", times=2)
        for n, offset_s in enumerate((jump_s, 0.0, jump_s)):
            clock.set(offset_s)
            sandbox.oss.put(BUCKET, f"{n}.mp4", b"x")
            began = time.monotonic()  # noqa: TID251 (which libfaketime leaves alone)
            running.until(lambda n=n: len(sandbox.vod.media) == n + 1, "it is registered")  # type: ignore[misc]
            assert time.monotonic() - began < EVERY_S + 2  # noqa: TID251
        assert running.stop() == 0
    assert {entry["state"] for entry in workspace.entries()} == {"registered"}

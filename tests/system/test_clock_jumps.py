"""A daemon on a machine whose clock is set an hour ahead, and an hour back, while it runs."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import NO_PAGE
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from tests.system.machine import lacking
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY_S = 2
HOUR_S = 3600.0


class Machine:
    """The clock of one process, by libfaketime, and the cloud's, which is always right."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self._offset = folder / "offset"
        self._sandbox = sandbox
        self.set(0)
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        self.env = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset_s: float) -> None:
        """Set both clocks at once; with two times the cloud would refuse every request."""
        self._offset.write_text(f"{offset_s:+.0f}s", encoding="ascii")
        self._sandbox.clock_offset_s = offset_s


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    if shutil.which("faketime") is None:
        lacking("needs libfaketime (apt-get install faketime)")
    with Sandbox() as local:
        local.oss.create_bucket(BUCKET)
        yield local


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_uploads_are_registered_within_an_interval_before_and_after_a_jump(
    tmp_path: Path, sandbox: Sandbox, jump_s: float
) -> None:
    machine, workspace = Machine(tmp_path, sandbox), Workspace(tmp_path, sandbox)
    workspace.configure(workspace.watch(more=f'schedule = "{EVERY_S}s"'), more=NO_PAGE)
    workspace.init()
    with Running(workspace, env=machine.env) as running:
        running.until_logged("scan.finished", times=2)
        for n, offset_s in enumerate((jump_s, 0.0, jump_s)):
            machine.set(offset_s)
            sandbox.oss.put(BUCKET, f"{n}.mp4", b"x")
            began = time.monotonic()  # noqa: TID251 (which libfaketime leaves alone)
            running.until(lambda n=n: len(sandbox.vod.media) == n + 1, "it is registered")  # type: ignore[misc]
            assert time.monotonic() - began < EVERY_S + 2  # noqa: TID251
        assert running.stop() == 0
    assert {entry["state"] for entry in workspace.entries()} == {"registered"}

"""The clock of a process, by libfaketime, together with that of the sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.machine import lacking

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


class FakedClock:
    """The clock of one process, and the cloud's, which is always right.

    Processes that run with `env` have it.
    """

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        if shutil.which("faketime") is None:
            lacking("needs libfaketime (apt-get install faketime)")
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

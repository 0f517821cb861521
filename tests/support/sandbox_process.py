"""The command `sandbox` as a real process, and the memory that it takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support.oss_calls import signing_client

if TYPE_CHECKING:
    import oss2

BUCKET = "sandbox-bucket"


class SandboxProcess:
    """`oss-vod-watcher sandbox`, with a folder of its own for temporary files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "watcher", "sandbox"],
            stdout=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(folder)},
        )
        assert self._process.stdout is not None
        self._printed = ""
        while "[[watch]]" not in self._printed:
            line = self._process.stdout.readline().decode()
            assert line, "the sandbox ended"
            self._printed += line

    def __enter__(self) -> Self:
        """Return it: it listens already."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def bucket(self) -> oss2.Bucket:
        """The real SDK's client of its bucket."""
        return signing_client(
            self._found(r'endpoint = "(.+)"'),
            BUCKET,
            self._found("_ID=(.+)"),
            self._found("_SECRET=(.+)"),
        )

    @property
    def peak_bytes(self) -> int:
        """The most memory that it ever had."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def stop(self) -> int:
        """Stop it as a person does, and return its exit status."""
        self._process.terminate()
        return self._ended()

    def kill(self) -> int:
        """End it without a chance to clean up."""
        self._process.kill()
        return self._ended()

    def _ended(self) -> int:
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._process.wait(timeout=30)

    def _found(self, pattern: str) -> str:
        found = re.search(pattern, self._printed)
        assert found is not None
        return found[1]

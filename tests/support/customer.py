"""`sandbox --tls` as a process, and the program with the configuration that it printed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from tests.support import warm_start
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class TlsSandbox:
    """A sandbox that has printed its configuration; leaving the block stops it."""

    def __init__(self, *arguments: str, before: Sequence[str] = ()) -> None:
        command = [sys.executable, "-m", "watcher", "sandbox", "--tls", "--bucket", BUCKET]
        self._process = warm_start.start(
            [*before, *command, *arguments],
            env=os.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.printed, self.err = "", ""
        assert self._process.stdout
        for line in self._process.stdout:
            self.printed += line
            if line.startswith("start = "):
                break
        else:
            self.stop()
            raise AssertionError(self.err)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    @property
    def ca_bundle(self) -> str:
        return self._found(r'^ca_bundle = "(.*)"$')

    @property
    def port(self) -> int:
        """The port that it asks to forward to."""
        return int(self._found(r"to port (\d+)"))

    def _found(self, pattern: str) -> str:
        found = re.search(pattern, self.printed, re.MULTILINE)
        assert found, self.printed
        return found[1]

    def stop(self) -> int:
        """Stop it as a service manager does; return its exit status."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            _, self.err = self._process.communicate(timeout=30)
        return self._process.returncode


class Customer(Workspace):
    """Runs the program with a configuration that names no endpoint."""

    def __init__(
        self, folder: Path, printed: str, *, network: str = "", before: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.config = folder / "watcher.toml"
        self.ledger = folder / "ledger.db"
        self._before = before
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **dict(re.findall(r"^# export (\w+)=(.*)$", printed, re.MULTILINE)),
        }
        text = printed.replace("[network]\n", f"[network]\n{network}\n")
        self.config.write_text(f'{text}\n[ledger]\npath = "ledger.db"\n', encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """Return the words that start one command."""
        return [*self._before, *super().command(*arguments)]

    def edit(self, old: str, new: str) -> None:
        """Change the configuration; `old` is a regular expression."""
        text, times = re.subn(old, new, self.config.read_text(encoding="utf-8"))
        assert times, old
        self.config.write_text(text, encoding="utf-8")

"""A folder with a configuration, a ledger, and the program run in it as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support import warm_start
from watcher.clock import SystemClock
from watcher.config import load
from watcher.ledger.sqlite import create, starts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from watcher.sandbox import Sandbox

BUCKET = "media-bucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The result of one command."""

    status: int
    out: str
    err: str
    raw: bytes = b""  # stdout as it came

    @property
    def json(self) -> Any:
        """Return stdout as one JSON value."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the JSON log lines."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]


class Workspace:
    """Runs `oss-vod-watcher` in a process of its own, against a sandbox."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.config = folder / "watcher.toml"
        self.ledger = folder / "ledger.db"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "ALIBABA_CLOUD_ACCESS_KEY_ID": sandbox.credentials.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": sandbox.credentials.access_key_secret,
        }
        self.configure()

    def configure(self, *watches: str, vod: str = "", more: str = "") -> None:
        """Write the configuration; each watch is the inside of a [[watch]] table."""
        url = self.sandbox.url
        tables = watches or (self.watch(),)
        self.config.write_text(
            f'[ledger]\npath = "ledger.db"\n'
            f'[vod]\nendpoint = "{url}"\nregion = "{self.sandbox.region}"\n{vod}\n{more}\n'
            + "\n".join(f"[[watch]]\n{table}" for table in tables),
            encoding="utf-8",
        )

    def watch(self, name: str = "videos", source: str = f"oss://{BUCKET}/", more: str = "") -> str:
        """Return the inside of a [[watch]] table."""
        return (
            f'name = "{name}"\nsource = "{source}"\nendpoint = "{self.sandbox.url}"\nstart = '
            f'"all"\n{more}\n'
        )

    def command(self, *arguments: str) -> list[str]:
        """Return the words that start one command."""
        options = ["-c", str(self.config), "--log-format", "json"]
        return [sys.executable, "-m", "watcher", *options, *arguments]

    def run(
        self, *arguments: str, env: dict[str, str] | None = None, before: Sequence[str] = ()
    ) -> Ran:
        """Run one command to its end; `before` starts it, as another user or in a namespace."""
        done = warm_start.run(
            [*before, *self.command(*arguments)],
            cwd=self.folder,
            env=self.env if env is None else env,
            timeout=100,
        )
        err = done.stderr.decode(errors="replace")
        assert "Traceback" not in err, err
        return Ran(
            status=done.returncode,
            out=done.stdout.decode(errors="replace"),
            err=err,
            raw=done.stdout,
        )

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin one command in a process of its own, its output in pipes."""
        return warm_start.start(
            self.command(*arguments),
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def init(self) -> None:
        """Create the ledger, as `ledger init` does."""
        config = load(self.config)
        sources = [str(each.source) for each in config.watches if each.start == "now"]
        create(config.ledger_path, starts.from_now(sources, now_ms=SystemClock.read_ms()))

    def scan(self, *arguments: str) -> Ran:
        """Run `scan` and return it, its report as JSON."""
        return self.run("scan", "--output-format", "json", *arguments)

    def backfill(self, *arguments: str) -> Ran:
        """Run a backfill to its end and return it, its report as JSON."""
        return self.run("backfill", "--output-format", "json", *arguments)

    def entries(self) -> list[dict[str, Any]]:
        """Return the ledger as exported."""
        exported = self.run("export")
        assert exported.status == 0, exported.err
        return [json.loads(line) for line in exported.out.split("\n") if line]

"""The cost of a process: wall clock, CPU and peak memory, from the kernel's own account."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# A process of its own, since a child's peak memory counts what its parent had at the fork.
_LAUNCHER = """
import json, os, subprocess, sys, threading, time
with open(sys.argv[1], "wb") as out, open(sys.argv[2], "wb") as err:
    began = time.perf_counter()
    child = subprocess.Popen(sys.argv[4:], stdout=out, stderr=err)
    if float(sys.argv[3]):
        stop = threading.Timer(float(sys.argv[3]), child.terminate)
        stop.daemon = True
        stop.start()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
cpu_s, mib = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
print(json.dumps([wall, cpu_s, mib, os.waitstatus_to_exitcode(status)]))
"""


# Beside the interpreter first: packages bring programs too.
PATH = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))


def program(name: str) -> str | None:
    """Return where a program is, or None if it is not installed."""
    return shutil.which(name, path=PATH)


class NotMeasured(Exception):
    """A figure could not be had; the sentence stands in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The resources of one process and the children that it waited for."""

    wall_s: float
    cpu_s: float
    rss_mb: float  # at its peak
    out: str = ""

    @property
    def json(self) -> Any:
        """Return what it printed as one JSON value."""
        return json.loads(self.out)


def measure(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    keep: bool = True,
    status: int = 0,
    stop_after_s: float = 0.0,
) -> Cost:
    """Run a command to its end; return its cost, and with `keep` its stdout.

    With `stop_after_s` it is sent SIGTERM then.

    Raises:
        NotMeasured: it is not there, or ended with another status.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = (str(Path(folder) / "out") if keep else "/dev/null"), Path(folder) / "err"
        launched = [
            sys.executable,
            "-S",
            "-c",
            _LAUNCHER,
            out,
            str(err),
            str(stop_after_s),
            *command,
        ]
        done = subprocess.run(launched, env=dict(env), capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotMeasured(f"{command[0]} could not be started")
        wall_s, cpu_s, rss_mb, ended = json.loads(done.stdout)
        if ended != status:
            said = err.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise NotMeasured(f"exit {ended}: {said[-1] if said else 'it said nothing'}")
        text = Path(out).read_text(encoding="utf-8") if keep else ""
    return Cost(wall_s=wall_s, cpu_s=cpu_s, rss_mb=rss_mb, out=text)


def cheapest(costs: Sequence[Cost]) -> Cost:
    """Return the run that was disturbed least: the one with the least CPU time."""
    return min(costs, key=lambda cost: cost.cpu_s)

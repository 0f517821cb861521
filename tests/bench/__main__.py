"""`make bench`: what an object costs.  Figures are of this machine; the ratios are what to compare.

Prints one line a figure: the ledger's bytes an object (media ID included), memory of scan and audit at ten times the
objects, calls a second against the quota, and how long `--help` takes against a bare interpreter.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.workspace import BUCKET, Workspace
from watcher.sandbox import Sandbox

FEW, MANY = 10_000, 100_000
QUOTA = 1_000  # calls a second; far above the real one, so that the run ends
KEY_BYTES = 60


def seed(sandbox: Sandbox, first: int, last: int) -> None:
    """Put objects with keys of 60 bytes."""
    for n in range(first, last):
        name = f"uploads/2026/11/25/camera-{n % 40:02}/{n:012}"
        sandbox.oss.put(BUCKET, f"{name}{'x' * (KEY_BYTES - 4 - len(name))}.mp4")


# A process of its own, since a child's peak memory counts what its parent had at the fork.
LAUNCHER = """
import os, subprocess, sys, time
began = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(time.perf_counter() - began, usage.ru_maxrss / 1024)
os._exit(os.waitstatus_to_exitcode(status))
"""


def forget_everything(workspace: Workspace) -> None:
    """Delete every row of the ledger, and that there ever was a scan."""
    with contextlib.closing(sqlite3.connect(workspace.ledger)) as db, db:
        db.execute("DELETE FROM entry")
        db.execute("UPDATE watch SET complete_started_at = NULL")


def timed(workspace: Workspace, *arguments: str, status: int = 0) -> tuple[float, float]:
    """Run one command; return seconds and its peak memory in MB."""
    command = [sys.executable, "-m", "watcher", "-q", "-c", str(workspace.config), *arguments]
    launched = [sys.executable, "-u", "-c", LAUNCHER, *command]
    done = subprocess.run(launched, env=workspace.env, capture_output=True, text=True, check=False)
    if done.returncode != status:
        raise RuntimeError(f"exit {done.returncode} of {arguments}: {done.stderr}")
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(calls_per_second=QUOTA * 2) as sandbox:
        sandbox.oss.create_bucket(BUCKET)
        workspace = Workspace(Path(folder), sandbox)
        workspace.env["PYTHONPATH"] = os.getcwd()  # noqa: PTH109
        workspace.configure(workspace.watch(), vod=f"calls_per_second = {QUOTA}\nconcurrent_calls = 8")
        workspace.init()
        seed(sandbox, 0, FEW)
        few_s, few_mb = timed(workspace, "scan")
        _, few_audit_mb = timed(workspace, "audit")
        seed(sandbox, FEW, MANY)
        many_s, many_mb = timed(workspace, "scan")
        again_s, again_mb = timed(workspace, "scan")
        size = workspace.ledger.stat().st_size
        print(
            f"ledger: {size / MANY:.0f} bytes an object at {MANY:,} objects, keys of {KEY_BYTES} bytes (promised: 300)"
        )
        print(f"first scans: {few_s:.1f} s for {FEW:,}, {many_s:.1f} s for {MANY - FEW:,} more")
        print(f"scan of {MANY:,} known objects: {again_s:.1f} s")
        print(f"peak memory: {few_mb:.0f} MB, {many_mb:.0f} MB, {again_mb:.0f} MB; ratio {many_mb / few_mb:.2f}")
        audit_s, audit_mb = timed(workspace, "audit")
        forget_everything(workspace)
        lost_s, lost_mb = timed(workspace, "audit", status=6)
        print(
            f"audit of {MANY:,} objects: {audit_s:.1f} s, {lost_s:.1f} s if none has a row; peak memory: "
            f"{few_audit_mb:.0f} MB for {FEW:,}, {audit_mb:.0f} MB, {lost_mb:.0f} MB; "
            f"ratios {audit_mb / few_audit_mb:.2f}, {lost_mb / few_audit_mb:.2f}"
        )
        help_s = min(timed(workspace, "--help")[0] for _ in range(5))
        bare = [sys.executable, "-c", "pass"]
        bare_s = min(_seconds(bare) for _ in range(5))
        print(
            f"--help: {help_s * 1000:.0f} ms; a bare interpreter: {bare_s * 1000:.0f} ms; ratio {help_s / bare_s:.1f}"
        )


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

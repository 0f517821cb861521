"""Two processes start at the same time, on a new, an old and a restored ledger."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.ledger.test_file import older
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

TIMES = 20


def both(workspace: Workspace, *arguments: str) -> list[tuple[int, str]]:
    """Run the program twice at the same time; return (status, stderr) of both."""
    command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), *arguments]
    pair = [
        subprocess.Popen(
            command, env=workspace.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=100)[1] for process in pair]
    return [(process.returncode, err) for process, err in zip(pair, errors, strict=True)]


@pytest.mark.long
def test_one_of_two_processes_creates_the_ledger(workspace: Workspace) -> None:
    for _ in range(TIMES):
        workspace.ledger.unlink()
        done = sorted(both(workspace, "ledger", "init"))
        assert [status for status, _ in done] == [0, 2], done
        assert "there is a ledger already" in done[1][1]
        assert sorted(found.name for found in workspace.folder.glob("ledger.db*")) == ["ledger.db"]
    assert workspace.run("ledger", "check").status == 0


@pytest.mark.long
def test_two_processes_that_find_an_older_ledger_both_scan(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    for _ in range(TIMES):
        for found in workspace.folder.glob("ledger.db*"):
            found.unlink()
        older(workspace.ledger)
        done = both(workspace, "scan")
        assert [status for status, _ in done] == [0, 0], done
        assert "Traceback" not in "".join(err for _, err in done)
    check = workspace.run("ledger", "check", "--output-format", "json").json
    assert (check["damaged"], check["tally_corrected"]) == (False, False)
    assert len(sandbox.vod.media) == 1


@pytest.mark.long
def test_two_processes_that_find_a_restored_backup_both_scan(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """A backup is not in WAL mode, and both processes switch it to WAL."""
    sandbox.oss.put(BUCKET, "a.mp4")
    assert workspace.scan().status == 0
    backup = workspace.folder / "backup.db"
    assert workspace.run("ledger", "backup", str(backup)).status == 0
    for _ in range(TIMES):
        for found in workspace.folder.glob("ledger.db*"):
            found.unlink()
        workspace.ledger.write_bytes(backup.read_bytes())
        done = both(workspace, "scan")
        assert [status for status, _ in done] == [0, 0], done
        assert workspace.ledger.read_bytes()[18:20] == b"\2\2"

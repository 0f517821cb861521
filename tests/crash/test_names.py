"""Kills at any step that makes, renames or removes a file.

No ledger is left with two names, and none is lost.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.damage import filled
from tests.support.workspace import BUCKET, Workspace
from tests.system.machine import lacking
from watcher.ledger.sqlite.check import check

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.timeout(400)
DYING = CHECKOUT / "tests" / "support" / "kill_at_rename.py"
COMMANDS = {
    "init": ["ledger", "init"],
    "replace": ["ledger", "init", "--replace", "--yes"],
    "backup": ["ledger", "backup", "copy.db"],
}
KERNELS = {"renames without replacing": {}, "cannot": {"NO_RENAMEAT2": "1"}}


def dies_at(
    workspace: Workspace, n: int, command: str, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-P", str(DYING), str(n), "-c", str(workspace.config)]
    path = {"PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(
        [*program, *COMMANDS[command]],
        cwd=workspace.folder,
        env=workspace.env | path | env,
        capture_output=True,
        text=True,
        check=False,
    )


def prepared(workspace: Workspace, command: str) -> bytes | None:
    """Return the ledger that the command is to find, if it is to find one."""
    if command == "init":
        return None
    assert workspace.scan().status == 0
    return workspace.ledger.read_bytes()


def begin(workspace: Workspace, found: bytes | None) -> None:
    """Leave the folder as the command is to find it."""
    for left in workspace.folder.glob("*.db*"):
        left.unlink()
    if found is not None:
        workspace.ledger.write_bytes(found)
        workspace.ledger.chmod(0o600)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_any_step_there_is_one_name_and_a_way_on(
    workspace: Workspace, sandbox: Sandbox, command: str, kernel: str
) -> None:
    filled(workspace, sandbox, 3)
    found = prepared(workspace, command)
    begin(workspace, found)
    whole = dies_at(workspace, 0, command, KERNELS[kernel])
    if "no seccomp here" in whole.stderr:
        lacking("needs seccomp")
    assert whole.returncode == 0, whole.stderr
    steps = int(whole.stdout.rpartition("steps: ")[2])
    assert steps >= 4
    states = set()
    for n in range(1, steps + 1):
        begin(workspace, found)
        dead = dies_at(workspace, n, command, KERNELS[kernel])
        assert dead.returncode == 9, dead.stderr
        states.add(goes_on(workspace, command))
        sandbox.oss.put(BUCKET, f"{command}-{kernel[:3]}-{n}.mp4")
        done = workspace.scan()
        assert done.status == 0, (n, done.err)
        assert {entry["state"] for entry in workspace.entries()} == {"registered"}
    assert len({media.file_url for media in sandbox.vod.media.values()}) == len(sandbox.vod.media)
    assert "works" in states


def goes_on(workspace: Workspace, command: str) -> str:
    """Look at the state that a killed command left, follow the hint, and return that state."""
    links = {found.name: found.stat().st_nlink for found in workspace.folder.glob("*.db*")}
    assert set(links.values()) <= {1}, links
    copy = workspace.folder / "copy.db"
    if command == "backup" and copy.exists() and copy.stat().st_size:  # else at most its name
        assert not check(copy, wait=lambda _: True).damaged
    ran = workspace.scan()
    if ran.status == 0:
        return "works"
    assert ran.status == 4, ran.err
    hint = ran.err.partition("hint: ")[2]
    if "ledger init --replace` again" in hint:
        assert workspace.run("ledger", "init").status == 2
        assert workspace.run("ledger", "init", "--replace", "--yes").status == 0
        return "is being replaced"
    assert command == "init"
    assert "`oss-vod-watcher ledger init`" in hint
    assert workspace.run("ledger", "init").status == 0
    return "is not there"

"""The program as a real process in surroundings that a test makes: nothing of the machine's own environment."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.workspace import Ran

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.workspace import Workspace

KEYS = ["a.mp4", "b.mp4"]


def run(workspace: Workspace, *arguments: str, env: dict[str, str] | None = None, before: Sequence[str] = ()) -> Ran:
    """Run one command with nothing but this environment, if one is given."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "watcher", "-c", str(workspace.config), *arguments],
        env=workspace.env if env is None else env,
        cwd=workspace.folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    err = done.stderr.decode(errors="replace")
    assert "Traceback" not in err, err
    assert "unforeseen" not in err, err
    return Ran(status=done.returncode, out=done.stdout.decode(errors="replace"), err=err)

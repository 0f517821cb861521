"""The program as a real process with only the environment that a test gives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.support import warm_start
from tests.support.workspace import Ran

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.workspace import Workspace

KEYS = ["a.mp4", "b.mp4"]


def run(
    workspace: Workspace,
    *arguments: str,
    env: dict[str, str] | None = None,
    before: Sequence[str] = (),
) -> Ran:
    """Run one command with nothing but this environment, if one is given."""
    done = warm_start.run(
        [*before, sys.executable, "-m", "watcher", "-c", str(workspace.config), *arguments],
        env=workspace.env if env is None else env,
        cwd=workspace.folder,
        timeout=60,
    )
    err = done.stderr.decode(errors="replace")
    assert "Traceback" not in err, err
    assert "unforeseen" not in err, err
    return Ran(status=done.returncode, out=done.stdout.decode(errors="replace"), err=err)

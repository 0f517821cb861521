"""A process that registers, as other processes see it: the lock and the watches it serves."""

from __future__ import annotations

import contextlib
import time
from sqlite3 import connect
from typing import TYPE_CHECKING, Any

from tests.support.ledgers import sleep
from watcher import config as configuration
from watcher.clock import SystemClock
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.wiring.ownership import ownership_of
from watcher.wiring.resolved import ResolvedConfig

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.support.workspace import Workspace


@contextlib.contextmanager
def owner(workspace: Workspace, *watches: str, endless: bool = True) -> Iterator[ProcessLock]:
    """Own the lock with the current configuration, for these watches or all.

    It is a daemon if `endless`, else a scan.
    """
    config = configuration.load(workspace.config)
    resolved = ResolvedConfig(
        config, watches or [watch.name for watch in config.watches], endless=endless
    )
    with (
        SystemClock() as clock,
        ProcessLock(workspace.ledger) as lock,
        Ledger(workspace.ledger, lock, wait=sleep) as ledger,
    ):
        assert lock.try_acquire()
        ownership_of(ledger, lock, resolved, clock).adopt()
        yield lock


def until(true: Callable[[], object], child: subprocess.Popen[Any]) -> None:
    """Wait until something is true, while a process works."""
    deadline = time.monotonic() + 30  # noqa: TID251
    while not true():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline  # noqa: TID251
        time.sleep(0.02)  # noqa: TID251


def entries(workspace: Workspace) -> int:
    """Return how many the ledger holds."""
    with contextlib.closing(connect(workspace.ledger)) as db:
        (n,) = db.execute("SELECT count(*) FROM entry").fetchone()
    return int(n)

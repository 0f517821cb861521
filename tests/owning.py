"""A process that registers, as far as those beside it see it: it holds the lock, and says what it serves."""

from __future__ import annotations

import contextlib
import time
from sqlite3 import connect
from typing import TYPE_CHECKING

from tests.ledgers import sleep
from watcher import config as configuration
from watcher.ledger import Ledger, ProcessLock
from watcher.wiring.owning import adopt
from watcher.wiring.terms import Terms

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.workspace import Workspace


@contextlib.contextmanager
def owner(workspace: Workspace, *watches: str, endless: bool = True) -> Iterator[ProcessLock]:
    """Own the lock with the configuration as it is, for these watches or all; a daemon if `endless`, else a scan."""
    config = configuration.load(workspace.config)
    terms = Terms(config, watches or [watch.name for watch in config.watches], endless=endless)
    with (
        ProcessLock(workspace.ledger) as lock,
        Ledger(workspace.ledger, lock, wait=sleep) as ledger,
    ):
        assert lock.try_acquire()
        adopt(ledger, lock, terms)
        yield lock


def until(true: Callable[[], object], child: subprocess.Popen[str]) -> None:
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

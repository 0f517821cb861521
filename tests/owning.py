"""A process that registers, as far as those beside it see it: it holds the lock, and says what it serves."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.ledgers import sleep
from watcher import config as configuration
from watcher.ledger import Ledger, ProcessLock
from watcher.wiring.owning import adopt
from watcher.wiring.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

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

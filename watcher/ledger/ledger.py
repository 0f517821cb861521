"""The open ledger: what scans write, what registering takes from it, why calls stopped, what people ask for."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from watcher.errors import LedgerUntrusted
from watcher.ledger.backlog import Backlog
from watcher.ledger.breakers import BreakerMemory
from watcher.ledger.intake import Intake
from watcher.ledger.opening import as_it_is, open_for_writing, see_that_it_is_whole
from watcher.ledger.patience import TRIES, patiently
from watcher.ledger.queue import Queue
from watcher.ledger.retrying import Retrying
from watcher.ledger.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watcher.errors import MachineFailed
    from watcher.ledger.lock import ProcessLock


class Ledger:
    """Open for writing; shared by all threads of the process.

    With `tries` None, what a full disk or another process keeps from being written is tried without end.
    """

    def __init__(
        self, path: Path, lock: ProcessLock, *, wait: Callable[[float], bool], tries: int | None = TRIES
    ) -> None:
        self._path = path
        self._lock = lock
        self._wait = wait
        connection = patiently(lambda: open_for_writing(path, lock, wait), wait=wait, tries=tries)
        self._transactions = Transactions(path, connection, wait=wait, tries=tries)
        self.intake = Intake(self._transactions)
        self.queue = Queue(self._transactions)
        self.backlog = Backlog(self._transactions)
        self.breakers = BreakerMemory(self._transactions)
        self.retrying = Retrying(self._transactions)

    @property
    def trouble(self) -> MachineFailed | None:
        """What keeps the ledger from being written at the moment."""
        return self._transactions.trouble

    def check_after_unclean_stop(self, *, stop: Callable[[], bool] | None = None) -> None:
        """Check every page, if this process has taken the lock and its last owner died at work.

        To be called after taking the lock, before anything else.  It may take minutes; whether to `stop` is asked all
        the while, by default whether the process is to.

        Raises:
            LedgerUntrusted: it is damaged.
            MachineFailed: it was stopped, and is to be made by whoever takes the lock next.
        """
        see_that_it_is_whole(self._path, self._lock, stop=stop or (lambda: self._wait(0)))

    def __enter__(self) -> Self:
        """Return the open ledger."""
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        """Close it; a damaged one stays as it is."""
        damaged = kind is not None and issubclass(kind, LedgerUntrusted)
        with as_it_is(self._path) if damaged else contextlib.nullcontext():
            self._transactions.close()

"""The open ledger: what scans write, what registering takes from it, why calls stopped, what people ask for."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from watcher.errors import LedgerUntrusted
from watcher.ledger.backlog import Backlog
from watcher.ledger.breakers import BreakerMemory
from watcher.ledger.intake import Intake
from watcher.ledger.opening import as_it_is, open_for_writing, see_that_it_is_whole
from watcher.ledger.ownership import Ownership
from watcher.ledger.parameters import ParameterMemory
from watcher.ledger.patience import TRIES, patiently
from watcher.ledger.queue import Queue
from watcher.ledger.recognising import RESTORE
from watcher.ledger.retrying import Retrying
from watcher.ledger.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watcher.errors import MachineFailed
    from watcher.ledger.lock import ProcessLock


class LedgerSides:
    """What scans, registering and people do with an open ledger."""

    def __init__(self, transactions: Transactions) -> None:
        self.intake = Intake(transactions)
        self.queue = Queue(transactions)
        self.backlog = Backlog(transactions)
        self.ownership = Ownership(transactions)
        self.breakers = BreakerMemory(transactions)
        self.parameters = ParameterMemory(transactions)
        self.retrying = Retrying(transactions)


class Ledger(LedgerSides):
    """Open for writing; shared by all threads of the process.

    With `tries` None, what a full disk or another process keeps from being written is tried without end.
    `failed` is told of each try to open it that could not be.
    """

    def __init__(
        self,
        path: Path,
        lock: ProcessLock,
        *,
        wait: Callable[[float], bool],
        tries: int | None = TRIES,
        failed: Callable[[MachineFailed], object] = lambda _: None,
    ) -> None:
        self._path = path
        self._lock = lock
        self._wait = wait
        connection = patiently(lambda: open_for_writing(path, lock, wait), wait=wait, failed=failed, tries=tries)
        self._identity = _identity(path)
        self._transactions = Transactions(path, connection, wait=wait, tries=tries)
        super().__init__(self._transactions)

    def seen_by(self, alive: Callable[[], object]) -> LedgerSides:
        """Return the ledger for one part of the process: `alive` is called while that part waits."""
        return LedgerSides(self._transactions.seen_by(alive))

    @property
    def trouble(self) -> MachineFailed | None:
        """What keeps any part of the process from writing at the moment."""
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

    def refuse_another(self) -> None:
        """See that the file by the ledger's name is still the one that is open.

        Raises:
            LedgerUntrusted: it was removed, or another put in its place: what is written goes nowhere.
        """
        if self._is_elsewhere:
            raise LedgerUntrusted(
                f"the ledger {self._path} was removed, or another file was put in its place, while it was in use",
                hint=f"Stop the watcher before its ledger is moved. {RESTORE}",
            )

    @property
    def _is_elsewhere(self) -> bool:
        try:
            return _identity(self._path) != self._identity
        except FileNotFoundError:
            return True
        except OSError:  # that tells nothing
            return False

    def __enter__(self) -> Self:
        """Return the open ledger."""
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        """Close it; a damaged one stays as it is."""
        damaged = kind is not None and issubclass(kind, LedgerUntrusted) and not self._is_elsewhere
        with as_it_is(self._path) if damaged else contextlib.nullcontext():
            self._transactions.close()


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino

"""The open ledger: what scans write (`intake`), what registering takes from it (`queue`), why calls stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from watcher.ledger.breakers import BreakerMemory
from watcher.ledger.intake import Intake
from watcher.ledger.opening import open_for_writing
from watcher.ledger.queue import Queue
from watcher.ledger.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watcher.ledger.lock import ProcessLock


class Ledger:
    """Open for writing; shared by all threads of the process."""

    def __init__(self, path: Path, lock: ProcessLock, *, wait: Callable[[float], bool]) -> None:
        self._transactions = Transactions(path, open_for_writing(path, lock, wait), wait=wait)
        self.intake = Intake(self._transactions)
        self.queue = Queue(self._transactions)
        self.breakers = BreakerMemory(self._transactions)

    def __enter__(self) -> Self:
        """Return the open ledger."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._transactions.close()

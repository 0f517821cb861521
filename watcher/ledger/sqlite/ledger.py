"""The open ledger, and the sides of it that its users see."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from watcher.errors import LedgerUntrusted
from watcher.ledger.sqlite.assignments import Assignments
from watcher.ledger.sqlite.body_refusal import BodyRefusalRow
from watcher.ledger.sqlite.breakers import BreakerRows
from watcher.ledger.sqlite.busy_retry import TRIES, retry_busy
from watcher.ledger.sqlite.connection import open_for_writing
from watcher.ledger.sqlite.counts import Counts
from watcher.ledger.sqlite.crash_check import check_after_crash
from watcher.ledger.sqlite.discovery import Discovery
from watcher.ledger.sqlite.file_check import RESTORE
from watcher.ledger.sqlite.queue import Queue
from watcher.ledger.sqlite.raw_connection import no_checkpoint
from watcher.ledger.sqlite.retry import Retry
from watcher.ledger.sqlite.served import Ownership
from watcher.ledger.sqlite.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watcher.errors import LocalFailure
    from watcher.ledger.sqlite.lock import ProcessLock


class LedgerSides:
    """An open ledger, by use case; `watcher.ledger.port` has the promises."""

    def __init__(self, transactions: Transactions) -> None:
        self.discovery = Discovery(transactions)
        self.assignments = Assignments(transactions)
        self.queue = Queue(transactions)
        self.counts = Counts(transactions)
        self.ownership = Ownership(transactions)
        self.breakers = BreakerRows(transactions)
        self.body_refusal = BodyRefusalRow(transactions)
        self.retry = Retry(transactions)


class Ledger(LedgerSides):
    """Open for writing; shared by all threads of the process.

    With `tries` None, a full disk or a locked database is waited for without end.  `failed` gets
    the reason of each failed try to open it.
    """

    def __init__(
        self,
        path: Path,
        lock: ProcessLock,
        *,
        wait: Callable[[float], bool],
        tries: int | None = TRIES,
        failed: Callable[[LocalFailure], object] = lambda _: None,
    ) -> None:
        self._path = path
        self._lock = lock
        self._wait = wait
        connection = retry_busy(
            lambda: open_for_writing(path, lock, wait), wait=wait, failed=failed, tries=tries
        )
        self._identity = _identity(path)
        self._transactions = Transactions(path, connection, wait=wait, tries=tries)
        super().__init__(self._transactions)

    def seen_by(self, alive: Callable[[], object]) -> LedgerSides:
        """Return the ledger for one thread; `alive` is called while that thread waits."""
        return LedgerSides(self._transactions.seen_by(alive))

    @property
    def trouble(self) -> LocalFailure | None:
        """Why a thread of the process cannot write now, or None."""
        return self._transactions.trouble

    def check_after_unclean_stop(self, *, stop: Callable[[], bool] | None = None) -> None:
        """Check every page if the last owner of the lock died at work.

        Call it after taking the lock, before anything else.  It may take minutes, and ends early
        once `stop` returns True; by default, once the process is asked to stop.

        Raises:
            LedgerUntrusted: the ledger is damaged.
            LocalFailure: the check was stopped; the next owner of the lock repeats it.
        """
        check_after_crash(self._path, self._lock, stop=stop or (lambda: self._wait(0)))

    def refuse_another(self) -> None:
        """Check that the ledger's path still names the file that is open.

        Raises:
            LedgerUntrusted: the file was removed or replaced, so that writes are lost.
        """
        if self._is_elsewhere:
            raise LedgerUntrusted(
                f"the ledger {self._path} was removed, or another file was put in its place, while "
                "it was in use",
                hint=f"Stop the watcher before its ledger is moved. {RESTORE}",
            )

    @property
    def _is_elsewhere(self) -> bool:
        try:
            return _identity(self._path) != self._identity
        except FileNotFoundError:
            return True
        except OSError:  # says nothing about the file
            return False

    def __enter__(self) -> Self:
        """Return the open ledger."""
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        """Close it; leave a damaged one untouched."""
        damaged = kind is not None and issubclass(kind, LedgerUntrusted) and not self._is_elsewhere
        with no_checkpoint(self._path) if damaged else contextlib.nullcontext():
            self._transactions.close()


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino

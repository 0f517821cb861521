"""Own the ledger in a daemon: retry without end, show signs of progress, stop on request."""

from __future__ import annotations

import contextlib
import itertools
from functools import partial
from typing import TYPE_CHECKING, Final

from watcher.errors import LocalFailure
from watcher.ledger.sqlite import retry_busy
from watcher.operations.owner_wait import not_served
from watcher.operations.ownership import Ownership
from watcher.wiring.ownership import SqliteOwnerRecord, owner_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.ledger.sqlite import Ledger, ProcessLock
    from watcher.ports import Clock
    from watcher.wiring.resolved import ResolvedConfig

_ENTRIES_BETWEEN_SIGNS: Final = 500


class Interrupted(Exception):
    """Preparing the ledger was interrupted; the next owner of the lock does it again."""


class DaemonOwnership:
    """Whether the workers of one configuration own the ledger, and how they take it over."""

    def __init__(
        self,
        ledger: Ledger,
        lock: ProcessLock,
        resolved: ResolvedConfig,
        *,
        is_stopping: Callable[[], bool],
        on_check: Callable[[], None],
        on_wait: Callable[[LocalFailure], None],
    ) -> None:
        self._ledger = ledger
        self._lock = lock
        self._config = owner_config(resolved)
        self._is_stopping = is_stopping
        self._on_check = on_check  # called again and again while the whole ledger is looked through
        self._on_wait = on_wait  # called after each try for which the disk had no room
        self._lock_error: LocalFailure | None = None
        self._served = {spec.name: spec.serving_digest for spec in self._config.served}
        self._otherwise: frozenset[str] = frozenset()  # watches that the owner has otherwise

    @property
    def is_owner(self) -> bool:
        """Whether this process holds the lock."""
        return self._lock.held

    def adopt(self, clock: Clock) -> None:
        """Own the ledger, or adopt the configuration beside its owner.

        Raises:
            ConfigError: see `port.WatchAssignments.adopt`.
            LedgerUntrusted: the ledger is damaged.
            Interrupted: the process is asked to stop.
        """
        if not self.try_own(clock):
            self._otherwise = self._ownership(clock).adopt_beside()

    def try_own(self, clock: Clock) -> bool:
        """Take the lock if it is free, and prepare the ledger; return whether it is ours.

        Raises:
            ConfigError: see `port.WatchAssignments.adopt`.
            LedgerUntrusted: the ledger is damaged.
            Interrupted: the process is asked to stop.
        """
        entries = itertools.count()

        def stop() -> bool:
            self._on_check()
            return clock.wait(0)

        def entry_owner(bucket: str, key: str, size_bytes: int) -> str | None:
            if next(entries) % _ENTRIES_BETWEEN_SIGNS == 0 and stop():
                raise Interrupted
            return self._config.entry_owner(bucket, key, size_bytes)

        is_owner = self._ownership(clock).try_own(stop=stop, entry_owner=entry_owner)
        if is_owner:
            self._otherwise = frozenset()
        return is_owner

    def refuse_other_config(self, watch: str) -> None:
        """Refuse a scan whose files another process would register under its own configuration.

        Raises:
            CloudError: that process still has the lock.
        """
        if self.is_owner:
            return
        owner = self._ledger.ownership.published(self._lock)
        if owner is None:
            differs = watch in self._otherwise
        else:
            differs = owner.watches.get(watch, self._served[watch]) != self._served[watch]
        if differs:
            raise not_served(owner, [watch])

    def reason(self) -> str:
        """Return why this process does not register; "" if it does."""
        if self.is_owner:
            return ""
        if self._lock_error:
            return self._lock_error.with_hint
        return f"registering: pid {self._lock.owner_pid() or 'of another process'}"

    def _ownership(self, clock: Clock) -> Ownership:
        return Ownership(
            self._config,
            claims=self._ledger.queue,
            assignments=self._ledger.assignments,
            record=_Interruptible(self._ledger, self._lock, is_stopping=self._is_stopping),
            clock=clock,
            try_lock=partial(self._try_lock, clock),
        )

    def _try_lock(self, clock: Clock) -> bool:
        """Take the lock if it is free; wait while a full disk has no room for the lock file."""

        def wait(seconds: float) -> bool:
            self._on_check()
            return clock.wait(seconds)

        def failed(error: LocalFailure) -> None:
            self._lock_error = error
            self._on_wait(error)

        with _interruptible(self._is_stopping):
            acquired = retry_busy(self._lock.try_acquire, wait=wait, failed=failed, tries=None)
        self._lock_error = None
        return acquired


class _Interruptible(SqliteOwnerRecord):
    """A ledger whose check says that it was interrupted."""

    def __init__(
        self, ledger: Ledger, lock: ProcessLock, *, is_stopping: Callable[[], bool]
    ) -> None:
        super().__init__(ledger, lock)
        self._is_stopping = is_stopping

    def check(self, stop: Callable[[], bool] | None) -> None:
        """See `OwnerRecord.check`.

        Raises:
            Interrupted: the process is asked to stop.
        """
        with _interruptible(self._is_stopping):
            super().check(stop)


@contextlib.contextmanager
def _interruptible(is_stopping: Callable[[], bool]) -> Iterator[None]:
    """Raise `Interrupted` for a `LocalFailure` of a process that is asked to stop."""
    try:
        yield
    except LocalFailure as error:
        if is_stopping():
            raise Interrupted from error
        raise

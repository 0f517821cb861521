"""`operations.ownership` over a SQLite ledger and its lock file."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from watcher.ledger.sqlite import retry_busy
from watcher.observe import logs
from watcher.operations.ownership import OwnerConfig, Ownership

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ledger.sqlite import Ledger, ProcessLock
    from watcher.model import BucketSpec, Owner, WatchSpec
    from watcher.operations.ownership import EntryOwner
    from watcher.ports import Clock
    from watcher.wiring.resolved import ResolvedConfig


def ownership_of(
    ledger: Ledger,
    lock: ProcessLock,
    resolved: ResolvedConfig,
    clock: Clock,
    *,
    emit: Callable[..., None] = logs.emit,
) -> Ownership:
    """Return the ownership of a ledger under one configuration.

    A full disk is waited for half a minute.
    """
    return Ownership(
        SqliteOwnable(ledger, lock, clock),
        owner_config(resolved),
        try_lock=functools.partial(retry_busy, lock.try_acquire, wait=clock.wait),
        emit=emit,
    )


def owner_config(resolved: ResolvedConfig) -> OwnerConfig:
    """Return what the owner of a ledger must know of a configuration."""
    return OwnerConfig(
        command=resolved.command,
        config_path=str(resolved.config.path),
        buckets=resolved.bucket_specs(),
        watches=resolved.watch_specs(),
        served=resolved.served(),
        entry_owner=resolved.owner,
    )


class SqliteOwnable:
    """`operations.ownership.OwnableLedger` over a SQLite ledger and its lock file."""

    def __init__(self, ledger: Ledger, lock: ProcessLock, clock: Clock) -> None:
        self._ledger = ledger
        self._lock = lock
        self._clock = clock

    def check(self, stop: Callable[[], bool] | None) -> None:
        """See `OwnableLedger.check`."""
        self._ledger.check_after_unclean_stop(stop=stop)

    def recover(self) -> int:
        """See `OwnableLedger.recover`."""
        return self._ledger.queue.recover(now_ms=self._clock.now_ms())

    def adopt(
        self, buckets: Sequence[BucketSpec], watches: Sequence[WatchSpec], *, config_path: str
    ) -> None:
        """See `OwnableLedger.adopt`."""
        self._ledger.assignments.adopt(buckets, watches, config_path=config_path)

    def adopt_beside(
        self, buckets: Sequence[BucketSpec], watches: Sequence[WatchSpec], *, config_path: str
    ) -> frozenset[str]:
        """See `OwnableLedger.adopt_beside`."""
        return self._ledger.ownership.adopt_beside(
            self._lock, buckets, watches, config_path=config_path
        )

    def publish(self, command: str, watches: Sequence[WatchSpec]) -> None:
        """See `OwnableLedger.publish`."""
        self._ledger.ownership.publish(self._lock, command, watches)

    def withdraw(self) -> None:
        """See `OwnableLedger.withdraw`."""
        self._ledger.ownership.withdraw()

    def published(self) -> Owner | None:
        """See `OwnableLedger.published`."""
        return self._ledger.ownership.published(self._lock)

    @property
    def is_assigned(self) -> bool:
        """See `OwnableLedger.is_assigned`."""
        return self._ledger.assignments.is_assigned

    def reassign(self, owner: EntryOwner) -> None:
        """See `OwnableLedger.reassign`."""
        self._ledger.assignments.reassign(owner, now_ms=self._clock.now_ms())

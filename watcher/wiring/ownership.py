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
        owner_config(resolved),
        claims=ledger.queue,
        assignments=ledger.assignments,
        record=SqliteOwnerRecord(ledger, lock),
        clock=clock,
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


class SqliteOwnerRecord:
    """`operations.ownership.OwnerRecord` over a SQLite ledger and its lock file."""

    def __init__(self, ledger: Ledger, lock: ProcessLock) -> None:
        self._ledger = ledger
        self._lock = lock

    def check(self, stop: Callable[[], bool] | None) -> None:
        """See `OwnerRecord.check`."""
        self._ledger.check_after_unclean_stop(stop=stop)

    def adopt_beside(
        self, buckets: Sequence[BucketSpec], watches: Sequence[WatchSpec], *, config_path: str
    ) -> frozenset[str]:
        """See `OwnerRecord.adopt_beside`."""
        return self._ledger.ownership.adopt_beside(
            self._lock, buckets, watches, config_path=config_path
        )

    def publish(self, command: str, watches: Sequence[WatchSpec]) -> None:
        """See `OwnerRecord.publish`."""
        self._ledger.ownership.publish(self._lock, command, watches)

    def withdraw(self) -> None:
        """See `OwnerRecord.withdraw`."""
        self._ledger.ownership.withdraw()

    def published(self) -> Owner | None:
        """See `OwnerRecord.published`."""
        return self._ledger.ownership.published(self._lock)

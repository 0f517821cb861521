"""Own a ledger: one process registers at a time, and prepares the ledger first.

The order is always the same: lock, check, recover, adopt, reassign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ledger.port import ClaimRecovery, WatchAssignments
    from watcher.model import BucketSpec, Owner, WatchSpec
    from watcher.ports import Clock

    EntryOwner = Callable[[str, str, int], str | None]  # (bucket, key, size_bytes) -> watch


class OwnerRecord(Protocol):
    """The ledger's record of its owner: whether the last one died, and what this one serves."""

    def check(self, stop: Callable[[], bool] | None) -> None:
        """Check every page if the last owner died at work; end early once `stop` says so.

        Raises:
            LedgerUntrusted: the ledger is damaged.
            LocalFailure: the check was stopped; the next owner repeats it.
        """
        ...

    def adopt_beside(
        self, buckets: Sequence[BucketSpec], watches: Sequence[WatchSpec], *, config_path: str
    ) -> frozenset[str]:
        """Adopt all that the owner does not serve; return the watches that it has otherwise.

        Raises:
            ConfigError: see `port.WatchAssignments.adopt`.
        """
        ...

    def publish(self, command: str, watches: Sequence[WatchSpec]) -> None:
        """Write down which watches this process registers for."""
        ...

    def withdraw(self) -> None:
        """Write down that this process registers for no watch any more."""
        ...

    def published(self) -> Owner | None:
        """Return what the owner wrote about itself; None if it has not, or not yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerConfig:
    """The facts of a configuration that the owner of a ledger needs."""

    command: str  # run, scan or backfill
    config_path: str
    buckets: Sequence[BucketSpec]
    watches: Sequence[WatchSpec]  # all
    served: Sequence[WatchSpec]  # those that this process registers for
    entry_owner: EntryOwner  # the first watch whose present rules select an entry


class Ownership:
    """One process and one ledger: whether it owns the ledger, and under which configuration."""

    def __init__(
        self,
        config: OwnerConfig,
        *,
        claims: ClaimRecovery,
        assignments: WatchAssignments,
        record: OwnerRecord,
        clock: Clock,
        try_lock: Callable[[], bool],
        emit: Callable[..., None] = logs.emit,
    ) -> None:
        self._config = config
        self._claims = claims
        self._assignments = assignments
        self._record = record
        self._clock = clock
        self._try_lock = try_lock  # True: this process holds the lock, also if it did before
        self._emit = emit

    def try_own(
        self,
        *,
        stop: Callable[[], bool] | None = None,
        entry_owner: EntryOwner | None = None,
    ) -> bool:
        """Take the lock if it is free, and prepare the ledger; return whether it is ours.

        `stop` is asked during the check of every page.  `entry_owner` replaces that of the
        configuration.

        Raises:
            ConfigError: see `port.WatchAssignments.adopt`.
            LedgerUntrusted: the ledger is damaged.
            LocalFailure: the lock file cannot be written, or the check was stopped.
        """
        if not self._try_lock():
            return False
        self._record.check(stop)
        recovered = self._recover()
        self.adopt()
        if recovered or not self._assignments.is_assigned:
            owner = entry_owner or self._config.entry_owner
            self._assignments.reassign(owner, now_ms=self._clock.now_ms())
        return True

    def adopt(self) -> None:
        """Make the ledger follow the configuration, and publish the watches that are served.

        Raises:
            ConfigError: see `port.WatchAssignments.adopt`.
        """
        config = self._config
        self._assignments.adopt(config.buckets, config.watches, config_path=config.config_path)
        self.publish()

    def adopt_beside(self) -> frozenset[str]:
        """Adopt what the owner of the lock does not serve; return the watches it has otherwise.

        Raises:
            ConfigError: see `port.WatchAssignments.adopt`.
        """
        config = self._config
        return self._record.adopt_beside(
            config.buckets, config.watches, config_path=config.config_path
        )

    def publish(self) -> None:
        """Write down which watches this process registers for."""
        self._record.publish(self._config.command, self._config.served)

    def withdraw(self) -> None:
        """Write down that this process registers for no watch any more.

        Raises:
            LocalFailure: it could not be written now.
        """
        self._record.withdraw()

    def published(self) -> Owner | None:
        """Return what the owner wrote about itself; None if it has not, or not yet."""
        return self._record.published()

    def _recover(self) -> int:
        recovered = self._claims.recover(now_ms=self._clock.now_ms())
        if recovered:
            self._emit(logs.LEDGER_RECOVERED, entries=recovered)
        return recovered

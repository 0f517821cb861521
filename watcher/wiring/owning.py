"""What the owner of the lock does first: put right what the last one left, adopt, and say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.ledger import patiently
from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.ledger import Ledger, ProcessLock
    from watcher.ports import Clock
    from watcher.wiring.terms import Terms


def take_lock(lock: ProcessLock, wait: Callable[[float], bool]) -> bool:
    """Take the lock if it is free; wait half a minute while a full disk has no room for the lock file.

    Raises:
        MachineFailed: the lock file cannot be written.
    """
    return patiently(lock.try_acquire, wait=wait)


def recover(ledger: Ledger, clock: Clock) -> int:
    """Put the claims of a dead process back in line; return how many."""
    recovered = ledger.queue.recover(now_ms=clock.now_ms())
    if recovered:
        logs.emit(logs.LEDGER_RECOVERED, entries=recovered)
    return recovered


def adopt(ledger: Ledger, lock: ProcessLock, terms: Terms) -> None:
    """Make the ledger follow the configuration, and write down which watches this process serves.

    Raises:
        ConfigError: see `Intake.adopt`.
    """
    ledger.intake.adopt(terms.bucket_specs(), terms.watch_specs(), config_path=str(terms.config.path))
    ledger.ownership.publish(lock, terms.command, terms.served())


def adopt_beside(ledger: Ledger, lock: ProcessLock, terms: Terms) -> frozenset[str]:
    """Do so beside the owner of the lock; see `Ownership.adopt_beside`."""
    return ledger.ownership.adopt_beside(
        lock, terms.bucket_specs(), terms.watch_specs(), config_path=str(terms.config.path)
    )


def give_out(ledger: Ledger, clock: Clock, *, owner: Callable[[str, str, int], str | None], recovered: int) -> None:
    """See that each pending entry belongs to the watch whose present rules select it, by `Intake.reassign`."""
    if recovered or not ledger.intake.is_assigned:
        ledger.intake.reassign(owner, now_ms=clock.now_ms())

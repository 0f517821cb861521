"""A one-shot beside the process that registers: what that serves, how long it is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.backfill import Beside, wait_for_owner
from watcher.errors import CloudError
from watcher.giving_up import GiveUp
from watcher.wiring.owning import take_lock

if TYPE_CHECKING:
    from watcher.ledger import Ledger, ProcessLock
    from watcher.model import Owner, Standing
    from watcher.ports import Clock, Progress
    from watcher.turn import TurnReport
    from watcher.wiring.terms import Terms

_FOUND = "What was found is in the ledger."


class OwnerWait:
    """What one run leaves to the owner of the lock."""

    def __init__(
        self,
        report: TurnReport,
        *,
        ledger: Ledger,
        lock: ProcessLock,
        terms: Terms,
        clock: Clock,
        progress: Progress,
        before: Standing,  # how the chosen watches stood when this process began
    ) -> None:
        self._report = report
        self._ledger = ledger
        self._lock = lock
        self._terms = terms
        self._clock = clock
        self._progress = progress
        self._before = before

    def take(self) -> bool:
        """Wait as long as this command does, and count in the report what the owner did.

        Return whether the lock is ours.  What keeps the owner from registering it all is the
        report's error.
        """
        limit = GiveUp(
            self._clock,
            after_s=self._terms.give_up_after_s,
            decisions=self._ledger.backlog.decisions,
        )
        try:
            self._refuse_daemon_that_serves_less()
            ended = wait_for_owner(
                in_line=self._in_line,
                try_acquire=lambda: take_lock(self._lock, self._clock.wait),
                handed_over=self._handed_over,
                limit=limit,
                too_long=self._too_long,
                clock=self._clock,
            )
        except CloudError as error:
            self._report.error = error
            return False
        if self._terms.backfill is not None:
            self._in_line()  # nobody else registers now: the last count is final
        return ended is Beside.TAKEN_OVER

    def _in_line(self) -> int:
        ledger, terms = self._ledger, self._terms
        now = ledger.backlog.standing(terms.chosen)
        if terms.backfill is not None:
            done = self._report.registered
            done.registered = max(0, now.registered - self._before.registered)
            done.failed = max(0, now.failed - self._before.failed)
            self._progress.registered(done)
        waiting = any(ledger.queue.next_due_at(group.bucket, group.watches) is not None for group in terms.groups())
        return waiting or now.claimed > 0

    def _handed_over(self) -> bool:
        """Tell whether to leave it to the owner, as a scan does with one that serves all.

        Raises:
            CloudError: it does not serve all that waits; or calls have stopped, and this command
                would wait for them.
        """
        # None: it starts, or ends, or does not register at all.
        owner = self._ledger.ownership.published(self._lock)
        if owner and (error := self._not_served(owner, self._waiting())):
            raise error
        if self._terms.backfill is None:
            return owner is not None
        scopes = {"", *(group.bucket for group in self._terms.groups())}
        if stopped := next((b for b in self._ledger.breakers.all() if b.bucket in scopes), None):
            raise CloudError(stopped.reason, hint=stopped.hint)
        return False

    def _waiting(self) -> list[str]:
        """Return the chosen watches of which something waits."""
        return [name for name in self._terms.chosen if self._ledger.backlog.undecided([name], refused=True).entries]

    def _refuse_daemon_that_serves_less(self) -> None:
        """See that a daemon serves what this command was asked for, also where nothing waits.

        Raises:
            CloudError: it does not.
        """
        owner = self._ledger.ownership.published(self._lock)
        if owner and owner.command == "run" and (error := self._not_served(owner, self._terms.chosen)):
            raise error

    def _not_served(self, owner: Owner, names: list[str] | tuple[str, ...]) -> CloudError | None:
        served = {spec.name: owner.watches.get(spec.name) == spec.terms for spec in self._terms.served()}
        left = [name for name in names if not served[name]]
        return not_served(owner, left) if left else None

    def _too_long(self) -> CloudError:
        pid = self._lock.owner_pid()
        if self._ledger.ownership.published(self._lock) is None:
            return CloudError(
                f"process {pid} holds the ledger's lock, and does not say which watches it registers for",
                hint=f"It may be checking the ledger. {_FOUND} Run this command again when that process is done.",
            )
        return CloudError(
            f"gave up: process {pid} registers, and no file was registered, refused or failed for "
            f"{self._terms.give_up_after_s:g} s",
            hint=f"See what it logs. {_FOUND} `--give-up-after` sets how long to wait.",
        )


def not_served(owner: Owner | None, names: list[str]) -> CloudError:
    """Return what to say of watches that the owner does not serve as they are configured here."""
    watches = ", ".join(f'"{name}"' for name in names)
    what = f"watch{'es' * (len(names) > 1)} {watches}"
    if owner is None:
        return CloudError(
            f"{what}: another process has the ledger, and its last configuration differs from this one",
            hint="Run this command again when that process is done.",
        )
    if owner.command != "run":
        return CloudError(
            f"process {owner.pid} (`{owner.command}`) registers now, but not for {what} as configured here",
            hint=f"Run this command again when process {owner.pid} has ended. {_FOUND}",
        )
    return CloudError(
        f"reload pid {owner.pid}: it registers, but not for {what} as configured here",
        hint=f"Run `kill -HUP {owner.pid}`, or `systemctl reload` its unit. {_FOUND} If it runs with another "
        "configuration file, add the watch there: one ledger has one configuration.",
    )

"""Wait for the process that registers, and refuse to wait where it does not serve what we want."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from watcher.errors import CloudError
from watcher.registration.give_up import GiveUp
from watcher.rules.units import rounded_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.model import Owner, Standing
    from watcher.operations.ownership import Ownership
    from watcher.operations.run_plan import RunLedger, RunPlan
    from watcher.operations.run_report import RunReport
    from watcher.ports import Clock, Progress

_POLL_S: Final = 0.5  # how often the ledger is looked at
_FOUND: Final = "What was found is in the ledger."


class WaitEnd(Enum):
    """How waiting for the owner ended."""

    SETTLED = "settled"  # nothing is queued any more
    HANDED_OVER = "handed over"  # the owner serves all that is queued, and we need not wait
    TAKEN_OVER = "taken over"  # the owner is gone, and the lock is ours
    STOPPED = "stopped"  # we were asked to stop


def wait_for_owner(
    *,
    is_queued: Callable[[], bool],
    try_own: Callable[[], bool],
    handed_over: Callable[[], bool],
    limit: GiveUp,
    too_long: Callable[[], CloudError],
    clock: Clock,
) -> WaitEnd:
    """Wait until the owner has registered what is queued, or will, or is gone.

    `handed_over` returns whether the owner serves all of it, so that waiting is not needed.

    Raises:
        CloudError: calls have stopped, or the owner does not serve what is queued (both raised by
            `handed_over`), or the limit is over (`too_long`).
    """
    limit.begin()
    while is_queued():
        if try_own():
            return WaitEnd.TAKEN_OVER
        if handed_over():
            return WaitEnd.HANDED_OVER
        if limit.is_over:
            raise too_long()
        if clock.wait(_POLL_S):
            return WaitEnd.STOPPED
    return WaitEnd.SETTLED


class OwnerWait:
    """A one-shot that works beside the owner of the ledger."""

    def __init__(
        self,
        plan: RunPlan,
        *,
        ledger: RunLedger,
        ownership: Ownership,
        owner_pid: Callable[[], int | None],
        clock: Clock,
        progress: Progress,
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._ownership = ownership
        self._owner_pid = owner_pid
        self._clock = clock
        self._progress = progress

    def run(self, report: RunReport, *, before: Standing) -> bool:
        """Wait as long as this command does; return whether this process owns the ledger now.

        A backfill counts in `report` what the owner registered since `before`.  A scan does not
        wait for an owner that serves what is queued.  Why the owner does not register all of it is
        `report.error`.
        """

        def is_queued() -> bool:
            return self._is_queued(report, before)

        limit = GiveUp(
            self._clock,
            after_s=self._plan.give_up_after_s,
            decisions=self._ledger.counts.decisions,
        )
        try:
            self._refuse_daemon_that_serves_less()
            ended = wait_for_owner(
                is_queued=is_queued,
                try_own=self._ownership.try_own,
                handed_over=self._handed_over,
                limit=limit,
                too_long=self._too_long,
                clock=self._clock,
            )
        except CloudError as error:
            report.error = error
            return False
        if self._plan.is_backfill:
            is_queued()  # no other process registers now: this count is final
        return ended is WaitEnd.TAKEN_OVER

    def _is_queued(self, report: RunReport, before: Standing) -> bool:
        """Return whether entries wait; a backfill also counts what the owner did."""
        plan, now = self._plan, self._ledger.counts.standing(self._plan.chosen)
        if plan.is_backfill:
            done = report.registered
            done.registered = max(0, now.registered - before.registered)
            done.failed = max(0, now.failed - before.failed)
            self._progress.registered(done)
        return now.claimed > 0 or any(
            self._ledger.queue.next_due_at(group.bucket, group.watches) is not None
            for group in plan.groups
        )

    def _handed_over(self) -> bool:
        """Return whether to leave the rest to the owner; only a scan does.

        Raises:
            CloudError: the owner does not serve all that waits; or calls have stopped, and this
                command would wait for them.
        """
        # None: the owner starts, or ends, or does not register at all.
        owner = self._ownership.published()
        if owner and (error := self._not_served(owner, self._waiting())):
            raise error
        if not self._plan.is_backfill:
            return owner is not None
        scopes = {"", *(group.bucket for group in self._plan.groups)}
        for breaker in self._ledger.breakers.all():
            if breaker.bucket in scopes:
                raise CloudError(breaker.reason, hint=breaker.hint)
        return False

    def _waiting(self) -> list[str]:
        """Return the chosen watches that have waiting entries."""
        counts = self._ledger.counts
        return [
            name for name in self._plan.chosen if counts.undecided([name], refused=True).entries
        ]

    def _refuse_daemon_that_serves_less(self) -> None:
        """Check that a daemon serves all chosen watches, also those without waiting entries.

        Raises:
            CloudError: it does not.
        """
        owner = self._ownership.published()
        if owner is None or owner.command != "run":
            return
        if error := self._not_served(owner, self._plan.chosen):
            raise error

    def _not_served(self, owner: Owner, names: Sequence[str]) -> CloudError | None:
        served = {
            spec.name
            for spec in self._plan.served
            if owner.watches.get(spec.name) == spec.serving_digest
        }
        left = [name for name in names if name not in served]
        return not_served(owner, left) if left else None

    def _too_long(self) -> CloudError:
        pid = self._owner_pid()
        if self._ownership.published() is None:
            return CloudError(
                f"process {pid} holds the ledger's lock, and does not say which watches it "
                "registers for",
                hint=f"It may be checking the ledger. {_FOUND} Run this command again when that "
                "process is done.",
            )
        return CloudError(
            f"gave up: process {pid} registers, and no file was registered, refused or failed for "
            f"{rounded_duration(self._plan.give_up_after_s)}",
            hint=f"See what it logs. {_FOUND} `--give-up-after` sets how long to wait.",
        )


def not_served(owner: Owner | None, names: Sequence[str]) -> CloudError:
    """Return the error for watches that the owner does not serve as they are configured here."""
    noun = "watch" if len(names) == 1 else "watches"
    quoted = ", ".join(f'"{name}"' for name in names)
    watches = f"{noun} {quoted}"
    if owner is None:
        return CloudError(
            f"{watches}: another process has the ledger, and its last configuration differs from "
            "this one",
            hint="Run this command again when that process is done.",
        )
    if owner.command != "run":
        return CloudError(
            f"process {owner.pid} (`{owner.command}`) registers now, but not for {watches} as "
            "configured here",
            hint=f"Run this command again when process {owner.pid} has ended. {_FOUND}",
        )
    return CloudError(
        f"reload pid {owner.pid}: it registers, but not for {watches} as configured here",
        hint=f"Run `kill -HUP {owner.pid}`, or `systemctl reload` its unit. {_FOUND} If it runs "
        "with another configuration file, add the watch there: one ledger has one configuration.",
    )

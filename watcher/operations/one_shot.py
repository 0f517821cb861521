"""`scan` and `backfill`: list every watch, record, register what is due, and report."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from watcher.model.reports import ScanReport
from watcher.operations.owner_wait import OwnerWait, not_served
from watcher.operations.run_report import RunReport

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from watcher.errors import CloudError
    from watcher.model import Standing, Waiting
    from watcher.model.reports import Undecided
    from watcher.operations.ownership import Ownership
    from watcher.operations.run_plan import RunLedger, RunPlan
    from watcher.ports import Clock, Progress
    from watcher.registration.worker import RegistrationWorker

    Consent = Callable[[Mapping[str, Waiting]], bool]  # asked with what is queued, by watch


class ScanJob(Protocol):
    """A scan of one watch, or the error that replaces it."""

    def run(self) -> ScanReport:
        """Scan, and return how it went."""
        ...


@dataclass(frozen=True, slots=True)
class SkippedWatch:
    """A watch that is not scanned, and why."""

    watch: str
    error: CloudError

    def run(self) -> ScanReport:
        """See `ScanJob.run`."""
        return ScanReport(watch=self.watch, error=self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunParts:
    """The parts that a run works with."""

    ledger: RunLedger
    ownership: Ownership
    owner_pid: Callable[[], int | None]  # of the process that has the ledger's lock
    scan: Callable[[str], ScanJob]  # by the name of a watch
    worker: Callable[[], AbstractContextManager[RegistrationWorker]]
    clock: Clock
    progress: Progress


class OneShot:
    """One run of `scan` or `backfill` over an open ledger.

    The run registers only if no other process does.  With `consent` it registers nothing unless
    that agrees to what is queued once all is listed.
    """

    def __init__(
        self,
        plan: RunPlan,
        parts: RunParts,
        *,
        consent: Consent | None = None,
        on_wait: Callable[[int | None], None] = lambda _pid: None,
    ) -> None:
        self._plan = plan
        self._parts = parts
        self._consent = consent
        self._on_wait = on_wait  # called with the owner's pid before a backfill waits for it

    def run(self) -> RunReport:
        """List, record and register; return what was done.

        A backfill beside the process that registers waits for it.  A scan checks that this process
        serves what was found.  Both take the lock as soon as it is free.

        Raises:
            WatcherError: nothing, or not all, could be done; what was done is in the ledger.
        """
        plan, parts = self._plan, self._parts
        is_owner = parts.ownership.try_own()
        skipped = {} if is_owner else self._adopt_beside()
        before = self._begin()
        if not is_owner and plan.is_backfill:
            self._on_wait(parts.owner_pid())
        report = self._run_once(self._jobs(plan.chosen, skipped), is_owner=is_owner)
        if not is_owner:
            is_owner = self._wait_for_owner(report, skipped, before=before)
        if is_owner:
            self._end_ownership(report)
        self._sum_up(report)
        return report

    def _adopt_beside(self) -> dict[str, CloudError]:
        """Begin beside the owner of the lock; return why which watches are skipped."""
        ownership = self._parts.ownership
        otherwise = ownership.adopt_beside()
        owner = ownership.published()
        return {name: not_served(owner, [name]) for name in self._plan.chosen if name in otherwise}

    def _begin(self) -> Standing:
        plan, counts = self._plan, self._parts.ledger.counts
        before = counts.standing(plan.chosen)
        self._parts.progress.begin(
            queued=before.pending + before.claimed,
            to_list=counts.last_listed(plan.chosen) if plan.lists_all else None,
        )
        return before

    def _jobs(
        self, names: Collection[str], skipped: Mapping[str, CloudError]
    ) -> list[ScanJob | SkippedWatch]:
        return [
            SkippedWatch(name, skipped[name]) if name in skipped else self._parts.scan(name)
            for name in self._plan.chosen
            if name in names
        ]

    def _wait_for_owner(
        self, report: RunReport, skipped: Mapping[str, CloudError], *, before: Standing
    ) -> bool:
        """Wait for the owner; once it is gone, scan the skipped watches and register.

        Return whether this process owns the ledger now.
        """
        parts, pid = self._parts, self._parts.owner_pid()
        waiting = OwnerWait(
            self._plan,
            ledger=parts.ledger,
            ownership=parts.ownership,
            owner_pid=parts.owner_pid,
            clock=parts.clock,
            progress=parts.progress,
        )
        is_owner = waiting.run(report, before=before)
        if is_owner:
            report.add(self._run_once(self._jobs(skipped, {}), is_owner=True))
        elif not self._plan.is_backfill:
            report.registering_pid = pid
        return is_owner

    def _end_ownership(self, report: RunReport) -> None:
        """Publish that this process serves no watch, then register what others left to it."""
        ownership, clock = self._parts.ownership, self._parts.clock
        while True:
            ownership.withdraw()
            if clock.wait(0) or report.error or report.declined or not self._is_due():
                return
            ownership.publish()
            report.add(self._run_once([], is_owner=True))

    def _is_due(self) -> bool:
        queue, now_ms = self._parts.ledger.queue, self._parts.clock.now_ms()
        due = [queue.next_due_at(group.bucket, group.watches) for group in self._plan.groups]
        return any(at is not None and at <= now_ms for at in due)

    def _run_once(self, scans: Sequence[ScanJob], *, is_owner: bool) -> RunReport:
        if not is_owner:
            return self._work(scans, None)
        with self._parts.worker() as worker:
            return self._work(scans, worker)

    def _work(self, scans: Sequence[ScanJob], worker: RegistrationWorker | None) -> RunReport:
        chosen, counts = self._plan.chosen, self._parts.ledger.counts
        consent = self._consent
        return run_once(
            scans,
            worker,
            clock=self._parts.clock,
            pending=self._parts.ledger.queue.pending,
            undecided=lambda gave_up: counts.undecided(chosen, refused=gave_up),
            listed=self._parts.progress.listing_ended,
            consent=consent and (lambda: consent({name: counts.waiting(name) for name in chosen})),
        )

    def _sum_up(self, report: RunReport) -> None:
        ledger, chosen = self._parts.ledger, self._plan.chosen
        now = ledger.counts.standing(chosen)
        report.pending = ledger.queue.pending()
        report.left = now.pending + now.claimed
        is_complete = all(scan.complete for scan in report.scans)
        report.cut_short = len(report.scans) < len(chosen) or not is_complete


def run_once(
    scans: Sequence[ScanJob],
    worker: RegistrationWorker | None,
    *,
    clock: Clock,
    pending: Callable[[], int],
    undecided: Callable[[bool], Undecided],
    listed: Callable[[], None] = lambda: None,
    consent: Callable[[], bool] | None = None,
) -> RunReport:
    """Scan one watch after the other while `worker` registers what the scans find.

    Without `worker`, another process registers.  `undecided` is called with whether the run gave
    up, `listed` when listing has ended.  With `consent` nothing is registered unless it agrees.
    """
    began = clock.monotonic()
    report = RunReport()
    listing_ended = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="registering") as pool:
        at_once = worker if consent is None else None
        work = pool.submit(at_once.run, listing_ended.is_set) if at_once else None
        try:
            for scan in scans:
                if clock.wait(0) or (work and work.done()):
                    break
                report.scans.append(scan.run())
        except BaseException:
            if worker:
                worker.abandon()
            raise
        finally:
            listing_ended.set()
            listed()
        if worker and consent and not clock.wait(0):
            report.declined = not consent()
            work = None if report.declined else pool.submit(worker.run, listing_ended.is_set)
        if worker and work:
            report.registered = work.result()
            report.undecided = undecided(worker.gave_up)
            report.error = worker.error
    report.pending = pending()
    report.duration_s = round(clock.monotonic() - began, 3)
    return report

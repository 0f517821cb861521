"""Everything that one command needs, built from one configuration."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Self

from watcher import __version__
from watcher.clock import SystemClock
from watcher.ledger import Ledger, LedgerReader, ProcessLock
from watcher.placement import max_bytes
from watcher.rehearse import Rehearsal
from watcher.reports import Undecided
from watcher.turn import LeftOut, TurnReport, take_turn
from watcher.wiring.auditing import audit
from watcher.wiring.backfilling import source_of
from watcher.wiring.beside import OwnerWait, not_served
from watcher.wiring.cloud import Cloud
from watcher.wiring.inventories import inventory_of
from watcher.wiring.owning import adopt, adopt_beside, give_out, recover, take_lock
from watcher.wiring.parts import Parts
from watcher.wiring.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from watcher.audit import AuditReport
    from watcher.backfill import Backfill
    from watcher.config import Config
    from watcher.errors import CloudError
    from watcher.model import Standing, Waiting
    from watcher.ports import Progress, Snapshot
    from watcher.records import Records
    from watcher.scan import Scan
    from watcher.sieve import Starts
    from watcher.turn import Scans

    Consent = Callable[[Mapping[str, Waiting]], bool]  # told by watch what is in line


class App:
    """One command's parts, put together as it asks for them."""

    def __init__(
        self, config: Config, *, watches: Sequence[str], backfill: Backfill | None = None, full: bool = False
    ) -> None:
        self.config = config
        self._full = full  # trust no remembered range
        self.clock = SystemClock()
        self.gone: list[tuple[str, str]] = []  # (bucket, key) that a list of keys names and OSS does not have
        self._terms = Terms(config, watches, backfill=backfill)
        self._cloud = Cloud(self._terms, self.clock)
        self._parts = Parts(self._terms, self._cloud)
        self._snapshots: Mapping[str, Snapshot] = {}  # by watch: in place of a listing

    def __enter__(self) -> Self:
        """Let signals stop the work."""
        self.clock.stop_on_signals()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections, and give the signals back."""
        self._cloud.close()
        self.clock.close()

    def turn(
        self,
        progress: Progress,
        *,
        consent: Consent | None = None,
        beside: Callable[[int | None], None] = lambda _: None,
    ) -> TurnReport:
        """Take one turn; register only if no other process does.

        With `consent` nothing is registered unless it says yes to what is queued once all is listed.
        A backfill calls `beside` with the process that registers in its place, and waits for it; a
        scan sees that this process serves what was found.  Whichever finds the lock free registers.

        Raises:
            WatcherError: nothing, or not all, could be done; what was done is in the ledger.
        """
        path, terms, began = self.config.ledger_path, self._terms, self.clock.monotonic()
        self._prepare()
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(ProcessLock(path))
            ledger = stack.enter_context(Ledger(path, lock, wait=self.clock.wait))
            owner = take_lock(lock, self.clock.wait)
            ledger.check_after_unclean_stop()
            left_out = self._own(ledger, lock) if owner else self._stand_beside(ledger, lock)
            before = self._begin(ledger, progress)
            if not owner and terms.backfill is not None:
                beside(lock.owner_pid())
            take = functools.partial(self._take, ledger=ledger, stack=stack, progress=progress, consent=consent)
            scans = functools.partial(self._scans, ledger.intake, ledger.intake, progress)
            report = take(scans(left_out=left_out), owner=owner)
            if not owner:
                pid = lock.owner_pid()
                waiting = OwnerWait(
                    report,
                    ledger=ledger,
                    lock=lock,
                    terms=terms,
                    clock=self.clock,
                    progress=progress,
                    before=before,
                )
                owner = waiting.take()
                if owner:
                    ledger.check_after_unclean_stop()
                    self._own(ledger, lock)
                    report.add(take(scans(only=left_out), owner=True))
                elif terms.backfill is None:
                    report.registering_pid = pid
            if owner:
                self._leave(ledger, lock, report, functools.partial(take, [], owner=True))
            report.pending = ledger.queue.pending()
            now = ledger.backlog.standing(terms.chosen)
            report.left = now.pending + now.claimed
            report.cut_short = len(report.scans) < len(terms.chosen) or any(not scan.complete for scan in report.scans)
            report.duration_s = round(self.clock.monotonic() - began, 3)
        return report

    def _own(self, ledger: Ledger, lock: ProcessLock) -> dict[str, CloudError]:
        """Begin as the owner of the lock; no watch is left out."""
        recovered = recover(ledger, self.clock)
        adopt(ledger, lock, self._terms)
        give_out(ledger, self.clock, owner=self._terms.owner, recovered=recovered)
        return {}

    def _stand_beside(self, ledger: Ledger, lock: ProcessLock) -> dict[str, CloudError]:
        """Begin beside the owner of the lock; return the watches that are left out, and why."""
        otherwise = adopt_beside(ledger, lock, self._terms)
        owner = ledger.ownership.published(lock)
        return {name: not_served(owner, [name]) for name in self._terms.chosen if name in otherwise}

    def _leave(
        self,
        ledger: Ledger,
        lock: ProcessLock,
        report: TurnReport,
        take: Callable[[], TurnReport],
    ) -> None:
        """Serve nobody any more, and register what others left to this process until then."""
        while True:
            ledger.ownership.withdraw()
            if self.clock.wait(0) or report.error or report.declined or not self._is_due(ledger):
                return
            ledger.ownership.publish(lock, self._terms.command, self._terms.served())
            report.add(take())

    def _is_due(self, ledger: Ledger) -> bool:
        groups = self._terms.groups()
        due = [ledger.queue.next_due_at(group.bucket, group.watches) for group in groups]
        return any(at is not None and at <= self.clock.now_ms() for at in due)

    def _prepare(self) -> None:
        """Learn whether there is all that is asked for, before anything is touched."""
        self._cloud.credentials.get()
        if self._terms.backfill and self._terms.backfill.manifest:
            self._snapshots = inventory_of(self._terms, self._cloud, self.clock)

    def _begin(self, ledger: Ledger, progress: Progress) -> Standing:
        terms = self._terms
        before = ledger.backlog.standing(terms.chosen)
        lists_all = all(terms.watched(name).lists_all for name in terms.chosen)
        progress.begin(
            in_line=before.pending + before.claimed,
            to_list=ledger.backlog.last_listed(terms.chosen) if lists_all else None,
        )
        return before

    def _take(
        self,
        scans: Sequence[Scans],
        *,
        owner: bool,
        ledger: Ledger,
        stack: contextlib.ExitStack,
        progress: Progress,
        consent: Consent | None,
    ) -> TurnReport:
        terms, registering = self._terms, None
        if owner:
            registering, _ = stack.enter_context(self._parts.registering(ledger, progress, self.clock))

        def agreed() -> bool:
            return consent is None or consent({name: ledger.backlog.waiting(name) for name in terms.chosen})

        return take_turn(
            scans,
            registering,
            clock=self.clock,
            pending=ledger.queue.pending,
            undecided=lambda gave_up: ledger.backlog.undecided(terms.chosen, refused=gave_up),
            listed=progress.listing_ended,
            consent=agreed if consent else None,
        )

    def rehearse(self, progress: Progress, show: Callable[[str, str], None]) -> tuple[TurnReport, Rehearsal]:
        """List and decide for real, write nothing; return what was listed and what would be done."""
        terms = self._terms
        self._prepare()
        with LedgerReader(self.config.ledger_path) as reader:
            reader.refuse_config(terms.bucket_specs(), terms.watch_specs(), config_path=str(self.config.path))
            rehearsal = Rehearsal(
                reader,
                groups=terms.groups(),
                owner=terms.owner,
                describe=terms.describe,
                max_bytes=max_bytes(
                    self.config.vod.parameters_in,
                    reader.refused_body(),
                    version=__version__,
                    now_ms=self.clock.now_ms(),
                ),
                show=show,
            )
            rehearsal.begin()
            report = take_turn(
                self._scans(rehearsal, reader, progress),
                None,
                clock=self.clock,
                pending=lambda: sum(row.pending + row.claimed for row in reader.status()),
                undecided=lambda _: Undecided(),
            )
        return report, rehearsal

    def audit(self, progress: Progress, unaccounted: Callable[[str, str], None]) -> AuditReport:
        """Hold full listings against the ledger; tell (bucket, key) of what is missing in it."""
        return audit(self._terms, self._cloud, self.clock, progress=progress, unaccounted=unaccounted)

    def _scans(
        self,
        records: Records,
        starts: Starts,
        progress: Progress,
        *,
        left_out: Mapping[str, CloudError] | None = None,
        only: Container[str] | None = None,
    ) -> list[Scans]:
        """Return one scan for each chosen watch; what stands for one that is `left_out` is why."""
        left_out, names = left_out or {}, [n for n in self._terms.chosen if only is None or n in only]
        return [
            LeftOut(name, left_out[name]) if name in left_out else self._scan(name, records, starts, progress)
            for name in names
        ]

    def _scan(self, name: str, records: Records, starts: Starts, progress: Progress) -> Scan:
        return self._parts.scan(
            name,
            source=source_of(name, self._terms, self._cloud, self.clock, gone=lambda *named: self.gone.append(named)),
            records=records,
            starts=starts,
            progress=progress,
            clock=self.clock,
            snapshot=self._snapshots.get(name),
            full=self._full,
        )

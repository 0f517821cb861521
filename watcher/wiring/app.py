"""The parts of one command, built from one configuration."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Self

from watcher import __version__
from watcher.clock import SystemClock
from watcher.ledger.sqlite import Ledger, LedgerReader, ProcessLock
from watcher.model.reports import Undecided
from watcher.operations.dry_run import DryRun
from watcher.operations.one_shot import OneShot, RunParts, run_once
from watcher.operations.run_plan import RunLedger
from watcher.registration.placement import max_bytes
from watcher.wiring.audit import audit
from watcher.wiring.clients import Cloud
from watcher.wiring.factory import Factory
from watcher.wiring.inventory import inventory_of
from watcher.wiring.ownership import ownership_of
from watcher.wiring.resolved import ResolvedConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from watcher.config import Config
    from watcher.discovery.scan import Scan
    from watcher.ledger.port import ScanRecords, StartMoments
    from watcher.operations.audit import AuditReport
    from watcher.operations.backfill import BackfillRequest
    from watcher.operations.one_shot import Consent
    from watcher.operations.run_report import RunReport
    from watcher.ports import Progress, Snapshot
    from watcher.registration.worker import RegistrationWorker


class App:
    """One command's parts, built when they are needed."""

    def __init__(
        self,
        config: Config,
        *,
        watches: Sequence[str],
        backfill: BackfillRequest | None = None,
        full: bool = False,
    ) -> None:
        self.config = config
        self._full = full  # use no remembered range
        self.clock = SystemClock()
        self.gone: list[tuple[str, str]] = []  # (bucket, key) of a key list that OSS does not have
        self._resolved = ResolvedConfig(config, watches, backfill=backfill)
        self._cloud = Cloud(self._resolved, self.clock)
        self._factory = Factory(self._resolved, self._cloud)
        self._snapshots: Mapping[str, Snapshot] = {}  # by watch: in place of a listing

    def __enter__(self) -> Self:
        """Stop the work on SIGTERM and SIGINT."""
        self.clock.stop_on_signals()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections, and restore the signal handlers."""
        self._cloud.close()
        self.clock.close()

    def run(
        self,
        progress: Progress,
        *,
        consent: Consent | None = None,
        on_wait: Callable[[int | None], None] = lambda _pid: None,
    ) -> RunReport:
        """Run `scan` or `backfill`; see `OneShot`.

        Raises:
            WatcherError: nothing, or not all, could be done; what was done is in the ledger.
        """
        path, resolved, clock = self.config.ledger_path, self._resolved, self.clock
        began = clock.monotonic()
        self._prepare()
        with ProcessLock(path) as lock, Ledger(path, lock, wait=clock.wait) as ledger:
            parts = RunParts(
                ledger=RunLedger(
                    counts=ledger.counts, queue=ledger.queue, breakers=ledger.breakers
                ),
                ownership=ownership_of(ledger, lock, resolved, clock),
                owner_pid=lock.owner_pid,
                scan=lambda name: self._scan(name, ledger.discovery, ledger.discovery, progress),
                worker=functools.partial(self._worker, ledger, progress),
                clock=clock,
                progress=progress,
            )
            report = OneShot(resolved.run_plan(), parts, consent=consent, on_wait=on_wait).run()
        report.duration_s = round(clock.monotonic() - began, 3)
        return report

    def dry_run(
        self, progress: Progress, show: Callable[[str, str], None]
    ) -> tuple[RunReport, DryRun]:
        """List the buckets and write nothing; return what was listed and what would be done.

        `show` is called with (bucket, key) of each object that would be registered.

        Raises:
            WatcherError: the ledger or the configuration does not allow a run.
        """
        self._prepare()
        with LedgerReader(self.config.ledger_path) as reader:
            reader.refuse_config(
                self._resolved.bucket_specs(),
                self._resolved.watch_specs(),
                config_path=str(self.config.path),
            )
            would = self._dry_run(reader, show)
            would.begin()
            report = run_once(
                [self._scan(name, would, reader, progress) for name in self._resolved.chosen],
                None,
                clock=self.clock,
                pending=lambda: sum(row.pending + row.claimed for row in reader.status()),
                undecided=lambda _gave_up: Undecided(),
            )
        return report, would

    def audit(self, progress: Progress, unaccounted: Callable[[str, str], None]) -> AuditReport:
        """Compare full listings with the ledger.

        `unaccounted` is called with (bucket, key) of each object that the ledger lacks.
        """
        return audit(
            self._resolved, self._cloud, self.clock, progress=progress, unaccounted=unaccounted
        )

    def _prepare(self) -> None:
        """Check that credentials and inventory are there, before anything is touched."""
        self._cloud.credentials.get()
        if self._resolved.backfill and self._resolved.backfill.manifest:
            self._snapshots = inventory_of(self._resolved, self._cloud, self.clock)

    @contextlib.contextmanager
    def _worker(self, ledger: Ledger, progress: Progress) -> Iterator[RegistrationWorker]:
        with self._factory.registering(ledger, self.clock) as registration:
            yield registration.worker(progress.registered)

    def _dry_run(self, reader: LedgerReader, show: Callable[[str, str], None]) -> DryRun:
        return DryRun(
            reader,
            groups=self._resolved.groups(),
            owner=self._resolved.owner,
            describe=self._resolved.describe,
            max_bytes=max_bytes(
                self.config.vod.parameters_in,
                reader.refused_body(),
                version=__version__,
                now_ms=self.clock.now_ms(),
            ),
            show=show,
        )

    def _scan(
        self, name: str, records: ScanRecords, starts: StartMoments, progress: Progress
    ) -> Scan:
        return self._factory.scan(
            name,
            records=records,
            starts=starts,
            progress=progress,
            clock=self.clock,
            snapshot=self._snapshots.get(name),
            gone=lambda *named: self.gone.append(named),
            full=self._full,
        )

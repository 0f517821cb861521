"""Build scans and registration workers from one configuration, for a command or a daemon."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

from watcher.discovery.recorder import ScanRecorder
from watcher.discovery.reporter import ScanReporter
from watcher.discovery.scan import Scan
from watcher.discovery.selector import Selector
from watcher.observe import logs
from watcher.registration.call_metrics import CallMetrics
from watcher.vod import VodRegistrar
from watcher.wiring.pieces import piece_source
from watcher.wiring.registration import Registration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.ledger.port import ScanRecords, StartMoments
    from watcher.ledger.sqlite import LedgerSides
    from watcher.ports import Clock, Progress, Snapshot
    from watcher.wiring.clients import Cloud
    from watcher.wiring.resolved import ResolvedConfig


class Factory:
    """Build scans and registrations under one configuration."""

    def __init__(
        self,
        resolved: ResolvedConfig,
        cloud: Cloud,
        *,
        emit: Callable[..., None] = logs.emit,
        called: Callable[[str, float], None] = lambda _code, _seconds: None,
    ) -> None:
        self._resolved = resolved
        self._cloud = cloud
        self._emit = emit
        self._called = called  # called with code and seconds of each RegisterMedia call

    def scan(
        self,
        name: str,
        *,
        records: ScanRecords,
        starts: StartMoments,
        progress: Progress,
        clock: Clock,
        snapshot: Snapshot | None = None,
        gone: Callable[[str, str], None] = lambda _bucket, _key: None,
        full: bool = False,
    ) -> Scan:
        """Return one scan of a watch.

        Args:
            name: of the watch.
            records: the ledger, or nothing for a dry run.
            starts: where the moments of `start = "now"` are kept.
            progress: learns how far the scan is.
            clock: of the scan.
            snapshot: an inventory in place of the listing.
            gone: called with (bucket, key) of each given key that is not there.
            full: use no remembered range.
        """
        resolved, target = self._resolved, self._resolved.target(name)
        reporter = ScanReporter(
            target, records=records, clock=clock, emit=self._emit, progress=progress.listed
        )
        return Scan(
            target,
            source=piece_source(
                name, resolved, self._cloud, clock, emit=self._emit, snapshot=snapshot, gone=gone
            ),
            recorder=ScanRecorder(
                target,
                selector=Selector(target, resolved.earlier(name), starts),
                records=records,
                reporter=reporter,
                clock=clock,
                full=full,
            ),
            reporter=reporter,
            clock=clock,
        )

    @contextlib.contextmanager
    def registering(self, ledger: LedgerSides, clock: Clock) -> Iterator[Registration]:
        """Yield what registers; close the connections afterwards."""
        with contextlib.closing(self._cloud.vod()) as client:
            registration = Registration(
                self._resolved,
                policy=self._resolved.policy,
                ledger=ledger,
                registrar=CallMetrics(VodRegistrar(client), clock=clock, callback=self._called),
                head=self._cloud.head,
                clock=clock,
                jitter=random.random,
                emit=self._emit,
            )
            yield registration
            registration.remember_rate()

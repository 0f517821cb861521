"""Build scans and registration workers from one configuration, for a command or a daemon."""

from __future__ import annotations

import contextlib
import functools
import random
from typing import TYPE_CHECKING

from watcher import __version__
from watcher.discovery.recorder import ScanRecorder
from watcher.discovery.reporter import ScanReporter
from watcher.discovery.scan import Scan
from watcher.discovery.selector import Selector
from watcher.observe import logs
from watcher.registration.breaker import Breakers
from watcher.registration.call import BatchCaller
from watcher.registration.call_metrics import CallMetrics
from watcher.registration.gate import Gate
from watcher.registration.give_up import GiveUp, LimitedClock
from watcher.registration.placement import Placed, Placement
from watcher.registration.rate_limit import RateLimit
from watcher.registration.worker import RegistrationWorker
from watcher.rules.batching import MAX_ITEMS
from watcher.vod import VodRegistrar
from watcher.wiring.pieces import piece_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.ledger.port import ScanRecords, StartMoments
    from watcher.ledger.sqlite import LedgerSides
    from watcher.ports import Clock, Progress, Snapshot
    from watcher.registration.rate_limit import RateChange
    from watcher.wiring.clients import Cloud
    from watcher.wiring.resolved import ResolvedConfig


class Factory:
    """What scans and registers under one configuration, as it is asked for."""

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
        resolved, target = self._resolved, self._resolved.watched(name)
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
    def registering(
        self, ledger: LedgerSides, progress: Progress, clock: Clock
    ) -> Iterator[tuple[RegistrationWorker, Breakers]]:
        """Yield a registration worker and its breakers; close the connections afterwards."""
        resolved, policy, vod = self._resolved, self._resolved.policy, self._resolved.config.vod
        give_up = GiveUp(clock, after_s=resolved.give_up_after_s, decisions=ledger.counts.decisions)
        breakers = Breakers(
            ledger.breakers,
            clock=clock,
            jitter=random.random,
            intervals=resolved.probe_intervals,
            give_up=give_up,
            emit=self._emit,
        )

        def changed(change: RateChange) -> None:
            rate, hint = change.calls_per_second, {"hint": change.hint} if change.hint else {}
            if change.is_raised:
                self._emit(logs.THROTTLE_RAISED, calls_per_second=rate, **hint)
            else:
                self._emit(logs.THROTTLE_LOWERED, calls_per_second=rate, **hint)

        with contextlib.closing(self._cloud.vod()) as client:
            timed = CallMetrics(VodRegistrar(client), clock=clock, callback=self._called)
            gate = Gate(timed, check=breakers.check)
            limit = RateLimit(
                gate,
                calls_per_second=vod.calls_per_second,
                given=ledger.breakers.calls_per_second(),
                clock=LimitedClock(clock, give_up),
                changed=changed,
                remember=ledger.breakers.remember_calls_per_second,
            )
            placement = Placement(
                vod.parameters_in,
                ledger.body_refusal,
                version=__version__,
                clock=clock,
                emit=self._emit,
            )
            # An entry is described twice: for the choice and for the call. The cache holds as many
            # entries as calls may carry at once.
            describe = functools.lru_cache(maxsize=2 * MAX_ITEMS * policy.concurrent_calls)(
                resolved.describe
            )
            calling = BatchCaller(
                ledger.queue,
                Placed(limit, placement),
                breakers=breakers,
                describe=describe,
                head=self._cloud.head,
                clock=clock,
                jitter=random.random,
                policy=policy,
                emit=self._emit,
            )
            yield (
                RegistrationWorker(
                    ledger.queue,
                    calling,
                    groups=resolved.groups(),
                    describe=describe,
                    clock=clock,
                    policy=policy,
                    give_up=give_up,
                    max_bytes=placement.max_bytes,
                    progress=progress.registered,
                    calls=lambda: gate.calls,
                ),
                breakers,
            )
            limit.write_down()

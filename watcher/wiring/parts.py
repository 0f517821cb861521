"""A scan and what registers, put together from one configuration: for one command, or for as long as a daemon runs."""

from __future__ import annotations

import contextlib
import functools
import random
from typing import TYPE_CHECKING

from watcher import __version__
from watcher.breaker import Breakers
from watcher.calling import Calling
from watcher.giving_up import GiveUp, LimitedClock
from watcher.limits import Gate, Timed
from watcher.observe import logs
from watcher.placement import Placed, Placement
from watcher.rate_limit import RateLimit
from watcher.register import Registering
from watcher.rules.batching import MAX_ITEMS
from watcher.scan import Scan
from watcher.sieve import Sieve
from watcher.vod import VodRegistrar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.ledger import LedgerSides
    from watcher.ports import Clock, Progress, Snapshot, Source
    from watcher.rate_limit import RateChange
    from watcher.records import Records
    from watcher.sieve import Starts
    from watcher.wiring.cloud import Cloud
    from watcher.wiring.terms import Terms


class Parts:
    """What scans and registers under one configuration, as it is asked for."""

    def __init__(
        self,
        terms: Terms,
        cloud: Cloud,
        *,
        emit: Callable[..., None] = logs.emit,
        called: Callable[[str, float], None] = lambda _code, _seconds: None,
    ) -> None:
        self._terms = terms
        self._cloud = cloud
        self._emit = emit
        self._called = called  # told the code and the seconds of each RegisterMedia call

    def scan(
        self,
        name: str,
        *,
        source: Source,
        records: Records,
        starts: Starts,
        progress: Progress,
        clock: Clock,
        snapshot: Snapshot | None = None,
        full: bool = False,
    ) -> Scan:
        """Return one scan of a watch."""
        terms = self._terms
        listing = terms.backfill is None or terms.backfill.keys is None
        return Scan(
            terms.watched(name),
            sieve=Sieve(terms.watched(name), terms.earlier(name), starts),
            source=source,
            records=records,
            concurrency=terms.watches[name].list_concurrency if listing else 1,
            pace=self._cloud.paces[name].wait if listing else lambda _: True,  # a list of keys keeps its own
            clock=clock,
            jitter=random.random,
            emit=self._emit,
            progress=progress.listed,
            snapshot=snapshot,
            full=full,
        )

    @contextlib.contextmanager
    def registering(
        self, ledger: LedgerSides, progress: Progress, clock: Clock
    ) -> Iterator[tuple[Registering, Breakers]]:
        """Yield what registers, and what keeps it from that; its connections are closed afterwards."""
        terms, policy, vod = self._terms, self._terms.policy, self._terms.config.vod
        give_up = GiveUp(clock, after_s=terms.give_up_after_s, decisions=ledger.backlog.decisions)
        breakers = Breakers(
            ledger.breakers,
            clock=clock,
            jitter=random.random,
            patience=terms.patience,
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
            timed = Timed(VodRegistrar(client), clock=clock, told=self._called)
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
                vod.parameters_in, ledger.parameters, version=__version__, clock=clock, emit=self._emit
            )
            # Each entry is described when it is chosen and when it is called for: what may be called for at once
            # is remembered.
            describe = functools.lru_cache(maxsize=2 * MAX_ITEMS * policy.concurrent_calls)(terms.describe)
            calling = Calling(
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
                Registering(
                    ledger.queue,
                    calling,
                    groups=terms.groups(),
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

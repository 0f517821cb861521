"""Everything that one command needs, built from one configuration."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Self

from watcher.breaker import Breakers
from watcher.calling import Calling
from watcher.clock import SystemClock
from watcher.ledger import Ledger, LedgerReader, ProcessLock
from watcher.limits import Gate, Isolation, RateLimit
from watcher.observe import logs
from watcher.register import Registering
from watcher.rehearse import Rehearsal
from watcher.scan import Scan
from watcher.sieve import Sieve
from watcher.turn import TurnReport, take_turn
from watcher.vod import VodRegistrar
from watcher.wiring.auditing import audit
from watcher.wiring.cloud import Cloud
from watcher.wiring.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.audit import AuditReport
    from watcher.config import Config
    from watcher.ports import Progress
    from watcher.scan import Records
    from watcher.sieve import Starts


class App:
    """One command's parts, put together as it asks for them."""

    def __init__(self, config: Config, *, watches: Sequence[str]) -> None:
        self.config = config
        self.clock = SystemClock()
        self._terms = Terms(config, watches)
        self._cloud = Cloud(self._terms, self.clock)

    def __enter__(self) -> Self:
        """Let signals stop the work."""
        self.clock.stop_on_signals()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections, and give the signals back."""
        self._cloud.close()
        self.clock.close()

    def turn(self, progress: Progress) -> TurnReport:
        """Take one turn; register only if no other process does.

        Raises:
            WatcherError: nothing, or not all, could be done; what was done is in the ledger.
        """
        path, terms = self.config.ledger_path, self._terms
        self._cloud.credentials.get()  # absent credentials are told before anything is touched
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(ProcessLock(path))
            ledger = stack.enter_context(Ledger(path, lock, wait=self.clock.wait))
            owner = lock.try_acquire()
            ledger.check_after_unclean_stop()
            recovered = ledger.queue.recover(now_ms=self.clock.now_ms()) if owner else 0
            if recovered:
                logs.emit(logs.LEDGER_RECOVERED, entries=recovered)
            ledger.intake.adopt(terms.bucket_specs(), terms.watch_specs(), config_path=str(self.config.path))
            if owner and (recovered or not ledger.intake.is_assigned):
                ledger.intake.reassign(terms.owner, now_ms=self.clock.now_ms())
            registering = stack.enter_context(self._registering(ledger, progress)) if owner else None
            report = take_turn(
                self._scans(ledger.intake, ledger.intake, progress),
                registering,
                clock=self.clock,
                pending=ledger.queue.pending,
                undecided=lambda: ledger.queue.undecided(terms.chosen),
            )
            report.registering_pid = None if owner else lock.owner_pid()
        return report

    def rehearse(self, progress: Progress, show: Callable[[str, str], None]) -> tuple[TurnReport, Rehearsal]:
        """List and decide for real, write nothing; return what was listed and what would be done."""
        terms = self._terms
        self._cloud.credentials.get()
        with LedgerReader(self.config.ledger_path) as reader:
            reader.refuse_other_forms(terms.bucket_specs(), config_path=str(self.config.path))
            rehearsal = Rehearsal(
                reader,
                groups=terms.groups(),
                owner=terms.owner,
                describe=terms.describe,
                max_bytes=terms.max_bytes,
                show=show,
            )
            rehearsal.begin()
            report = take_turn(
                self._scans(rehearsal, reader, progress),
                None,
                clock=self.clock,
                pending=lambda: sum(row.pending + row.claimed for row in reader.status()),
                undecided=lambda: 0,
            )
        return report, rehearsal

    def audit(self, progress: Progress, unaccounted: Callable[[str, str], None]) -> AuditReport:
        """Hold full listings against the ledger, write nothing; tell (bucket, key) of what is missing in it."""
        return audit(self._terms, self._cloud, self.clock, progress=progress, unaccounted=unaccounted)

    def _scans(self, records: Records, starts: Starts, progress: Progress) -> list[Scan]:
        return [
            Scan(
                self._terms.watched(name),
                sieve=Sieve(self._terms.watched(name), self._terms.earlier(name), starts),
                source=self._cloud.sources[name],
                records=records,
                clock=self.clock,
                jitter=random.random,
                emit=logs.emit,
                progress=progress.listed,
                pace=self._cloud.paces[name].wait,
            )
            for name in self._terms.chosen
        ]

    @contextlib.contextmanager
    def _registering(self, ledger: Ledger, progress: Progress) -> Iterator[Registering]:
        """Yield what registers; its connections are closed afterwards."""
        terms, policy, vod = self._terms, self._terms.policy, self.config.vod
        breakers = Breakers(
            ledger.breakers, clock=self.clock, jitter=random.random, patience=terms.patience, emit=logs.emit
        )

        def lowered(rate: float) -> None:
            logs.emit(logs.THROTTLE_LOWERED, calls_per_second=round(rate, 2))
            ledger.breakers.remember_calls_per_second(rate)

        with contextlib.closing(self._cloud.vod()) as client:
            gate = Gate(VodRegistrar(client, in_body=vod.parameters_in == "body"), check=breakers.check)
            limit = RateLimit(
                gate,
                calls_per_second=vod.calls_per_second,
                given=ledger.breakers.calls_per_second(),
                clock=self.clock,
                lowered=lowered,
            )
            calling = Calling(
                ledger.queue,
                Isolation(limit),
                breakers=breakers,
                describe=terms.describe,
                head=self._cloud.head,
                clock=self.clock,
                jitter=random.random,
                policy=policy,
                emit=logs.emit,
            )
            yield Registering(
                ledger.queue,
                calling,
                groups=terms.groups(),
                describe=terms.describe,
                clock=self.clock,
                policy=policy,
                progress=progress.registered,
                calls=lambda: gate.calls,
            )
            if ledger.breakers.calls_per_second() is not None:
                ledger.breakers.remember_calls_per_second(limit.calls_per_second)

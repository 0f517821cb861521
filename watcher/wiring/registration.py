"""Build what registers, around a registrar."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from watcher import __version__
from watcher.observe import logs
from watcher.registration.admission import Admissions
from watcher.registration.breaker import OpenBreakers
from watcher.registration.call import BatchCaller
from watcher.registration.claimer import BatchChoice, Claimer
from watcher.registration.gate import CallCounter, Gate
from watcher.registration.give_up import GiveUp, LimitedClock
from watcher.registration.placed import Placed
from watcher.registration.placement import Placement
from watcher.registration.rate_limit import RateLimit, RateLimited
from watcher.registration.run_tally import RunTally
from watcher.registration.verdict import Verdicts
from watcher.registration.worker import RegistrationWorker
from watcher.rules.batching import MAX_ITEMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.ledger.sqlite import LedgerSides
    from watcher.model import Entry, Media, ObjectInfo
    from watcher.ports import Clock, Registrar
    from watcher.registration.call import Policy
    from watcher.registration.rate_limit import RateChange
    from watcher.registration.ticket import CallTicket
    from watcher.wiring.resolved import ResolvedConfig


class Registration:
    """The parts of one run of registering: its breakers, its limits, and its worker.

    Args:
        resolved: the configuration.
        policy: how often to retry, how long to wait, how many calls to make at once.
        ledger: where entries wait.
        registrar: VOD.
        head: looks at an object, by (bucket, key); raises `CloudError`.
        clock: of the run.
        jitter: draws from [0, 1).
        emit: logs an event.
    """

    def __init__(
        self,
        resolved: ResolvedConfig,
        *,
        policy: Policy,
        ledger: LedgerSides,
        registrar: Registrar,
        head: Callable[[str, str], ObjectInfo | None],
        clock: Clock,
        jitter: Callable[[], float],
        emit: Callable[..., None],
    ) -> None:
        self._resolved = resolved
        self._policy = policy
        self._ledger = ledger
        self._head = head
        self._clock = clock
        self._jitter = jitter
        self._emit = emit
        self._describe = _cached(resolved.describe, policy)
        self._give_up = GiveUp(
            clock, after_s=policy.give_up_after_s, decisions=ledger.counts.decisions
        )
        self.breakers = OpenBreakers(
            ledger.breakers,
            clock=clock,
            jitter=jitter,
            intervals=resolved.probe_intervals,
            emit=emit,
        )
        self._admissions = Admissions(
            self.breakers,
            clock=clock,
            give_up=self._give_up,
            ends_on_refusal=resolved.ends_on_refusal,
        )
        self._verdicts = Verdicts(self.breakers, clock=clock)
        self._counter = CallCounter(registrar)
        self._limit = self._new_rate_limit()
        self._placement = self._new_placement()

    def worker(self, progress: Callable[..., None]) -> RegistrationWorker:
        """Return the worker; `progress` is called with its report after each call."""
        return RegistrationWorker(
            self._claimer(),
            self._caller(),
            admissions=self._admissions,
            verdicts=self._verdicts,
            clock=self._clock,
            policy=self._policy,
            give_up=self._give_up,
            tally=RunTally(progress=progress, calls=lambda: self._counter.calls),
        )

    def remember_rate(self) -> None:
        """Remember the present rate of calls for the next process."""
        self._limit.write_down()

    def _new_rate_limit(self) -> RateLimit:
        memory = self._ledger.breakers
        return RateLimit(
            calls_per_second=self._resolved.config.vod.calls_per_second,
            given=memory.calls_per_second(),
            clock=LimitedClock(self._clock, self._give_up),
            changed=self._log_rate,
            remember=memory.remember_calls_per_second,
        )

    def _new_placement(self) -> Placement:
        return Placement(
            self._resolved.config.vod.parameters_in,
            self._ledger.body_refusal,
            version=__version__,
            clock=self._clock,
            emit=self._emit,
        )

    def _log_rate(self, change: RateChange) -> None:
        rate, hint = change.calls_per_second, {"hint": change.hint} if change.hint else {}
        if change.is_raised:
            self._emit(logs.THROTTLE_RAISED, calls_per_second=rate, **hint)
        else:
            self._emit(logs.THROTTLE_LOWERED, calls_per_second=rate, **hint)

    def _claimer(self) -> Claimer:
        return Claimer(
            self._ledger.queue,
            self._admissions,
            groups=self._resolved.groups(),
            choice=BatchChoice(self._describe, max_bytes=self._placement.max_bytes),
            clock=self._clock,
            max_delay_ms=self._policy.max_delay_ms,
        )

    def _caller(self) -> BatchCaller:
        return BatchCaller(
            self._ledger.queue,
            self._registrar_for,
            verdicts=self._verdicts,
            describe=self._describe,
            head=self._head,
            clock=self._clock,
            jitter=self._jitter,
            policy=self._policy,
            emit=self._emit,
        )

    def _registrar_for(self, ticket: CallTicket) -> Registrar:
        """Return the registrar of one ticket: it waits its turn, then asks whether it may call."""
        gate = Gate(self._counter, ticket, check=self._admissions.check)
        return Placed(RateLimited(gate, self._limit), self._placement)


def _cached(describe: Callable[[Entry], Media], policy: Policy) -> Callable[[Entry], Media]:
    """Cache descriptions: an entry is described for the choice of a batch and again for the call.

    The cache holds as many entries as calls may carry at once.
    """
    return functools.lru_cache(maxsize=2 * MAX_ITEMS * policy.concurrent_calls)(describe)

"""The open breakers, for the account or for one bucket.

A breaker is closed, or open and probed by single calls at growing intervals.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from watcher.model import Breaker, BreakerKind
from watcher.observe import logs
from watcher.rules.backoff import delay_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.errors import CloudError
    from watcher.ledger.port import BreakerMemory
    from watcher.ports import Clock
    from watcher.registration.ticket import CallTicket

ACCOUNT: Final = ""
_MOST_REST_MS: Final = 60_000  # between probes of a service that cannot be reached


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeIntervals:
    """How long to wait between probes."""

    first_delay_ms: int
    max_delay_ms: int


@dataclass(slots=True, kw_only=True)
class OpenBreaker:
    """An open breaker, as this process knows it."""

    breaker: Breaker
    opened: float  # monotonic; calls admitted before it say nothing of what holds since
    next_probe: float  # monotonic
    postponed_at: float = float("-inf")  # monotonic; when the next probe was put off last
    is_probed: bool = False  # by a call that was claimed and has not ended
    refused_here: CloudError | None = None  # this run has asked and got its answer

    def opened_after(self, ticket: CallTicket) -> bool:
        """Return whether the call of `ticket` was admitted before this breaker opened."""
        return self.opened > ticket.admitted_at


class OpenBreakers:
    """All open breakers of one process, also those that an earlier process left.

    Any number of threads may ask.  Hold `lock` over several questions that belong together.
    """

    def __init__(
        self,
        memory: BreakerMemory,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        intervals: ProbeIntervals,
        emit: Callable[..., None],
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._jitter = jitter
        self._intervals = intervals
        self._emit = emit
        self.lock = threading.RLock()
        now = clock.monotonic()
        self._open = {
            breaker.bucket: OpenBreaker(breaker=breaker, opened=now, next_probe=now)
            for breaker in memory.all()
        }

    @property
    def all(self) -> tuple[Breaker, ...]:
        """The open breakers, the account's first."""
        with self.lock:
            return tuple(known.breaker for _, known in sorted(self._open.items()))

    def find(self, scope: str) -> OpenBreaker | None:
        """Return the open breaker of a bucket or of `ACCOUNT`; None if it is closed."""
        with self.lock:
            return self._open.get(scope)

    def that_stop(self, bucket: str) -> list[OpenBreaker]:
        """Return the open breakers that stop calls for `bucket`, the account's first."""
        with self.lock:
            return [self._open[scope] for scope in (ACCOUNT, bucket) if scope in self._open]

    def refuse(self, scope: str, kind: BreakerKind, error: CloudError) -> OpenBreaker:
        """Open a breaker, or keep it open after a probe that was refused."""
        with self.lock:
            known = self._open.get(scope)
            if known is None:
                known = self._open_one(scope, kind, error)
                self.postpone(known, error)
            elif known.is_probed:
                known.breaker = replace(
                    known.breaker, kind=kind, reason=str(error), hint=error.hint
                )
                self.postpone(known, error)
            return known

    def _open_one(self, scope: str, kind: BreakerKind, error: CloudError) -> OpenBreaker:
        now = self._clock.monotonic()
        breaker = Breaker(
            bucket=scope,
            kind=kind,
            reason=str(error),
            hint=error.hint,
            opened_at=self._clock.now_ms(),
        )
        self._open[scope] = OpenBreaker(breaker=breaker, opened=now, next_probe=now)
        self._emit(
            logs.BREAKER_OPENED, bucket=scope, kind=str(kind), reason=str(error), hint=error.hint
        )
        return self._open[scope]

    def postpone(self, known: OpenBreaker, error: CloudError) -> None:
        """Put off the next probe, each time for longer; the present probe has ended."""
        with self.lock:
            longest_ms = self._intervals.max_delay_ms
            if known.breaker.kind is BreakerKind.UNREACHABLE:
                longest_ms = min(longest_ms, _MOST_REST_MS)
            probes = known.breaker.probes + known.is_probed
            rest_ms = delay_ms(
                probes + 1,
                first_ms=self._intervals.first_delay_ms,
                max_ms=longest_ms,
                jitter=self._jitter(),
                retry_after_ms=int(error.retry_after_s * 1000),
            )
            known.is_probed = False
            known.postponed_at = self._clock.monotonic()
            known.next_probe = known.postponed_at + rest_ms / 1000
            known.breaker = replace(
                known.breaker, probes=probes, next_probe_at=self._clock.now_ms() + rest_ms
            )
            self._memory.put(known.breaker)

    def close(self, scope: str) -> None:
        """Close a breaker if it is open."""
        with self.lock:
            known = self._open.pop(scope, None)
            if known is None:
                return
            self._memory.remove(scope)
            open_s = round((self._clock.now_ms() - known.breaker.opened_at) / 1000, 3)
            self._emit(
                logs.BREAKER_CLOSED, bucket=scope, kind=str(known.breaker.kind), open_s=open_s
            )

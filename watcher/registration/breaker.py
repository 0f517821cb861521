"""Stop calls that make no sense, for the account or for one bucket.

A breaker is closed, or open and probed by single calls at growing intervals.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from watcher.errors import AccountRefused, BucketRefused, CallSuppressed, CloudError, Throttled
from watcher.model import Breaker, BreakerKind
from watcher.observe import logs
from watcher.rules.backoff import delay_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ledger.port import BreakerMemory
    from watcher.ports import Clock
    from watcher.registration.give_up import GiveUp

ACCOUNT = ""
UNREACHABLE = 3  # calls in a row not sent, or without a trustworthy answer
_MOST_REST_MS = 60_000  # between probes of a service that cannot be reached
_LAST_PROBE_S = 1.0  # before the run gives up


class Admission(Enum):
    """What may be called now."""

    CALL = "call"
    PROBE = "probe"  # one call
    PROBE_ALONE = "probe alone"  # one call that carries one entry
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeIntervals:
    """How long to wait between probes, and whether a refusal ends the run's calls."""

    first_delay_ms: int
    max_delay_ms: int
    gives_up: bool = True  # on being refused, as a one-shot does: a person sees that


@dataclass(slots=True, kw_only=True)
class _Open:
    """An open breaker, as this process knows it."""

    breaker: Breaker
    opened: float  # monotonic; calls admitted before it say nothing of what holds since
    next_probe: float  # monotonic
    postponed_at: float = float("-inf")  # monotonic; when the next probe was put off last
    probing: bool = False
    refused_here: CloudError | None = None  # this run has asked and got its answer


class Breakers:
    """All breakers of one process; for any number of threads.

    What is found open is probed at once.  A one-shot asks no more once it was refused itself; a
    daemon goes on probing.
    """

    def __init__(
        self,
        memory: BreakerMemory,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        intervals: ProbeIntervals,
        give_up: GiveUp,
        emit: Callable[..., None],
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._jitter = jitter
        self._intervals = intervals
        self._give_up = give_up
        self._emit = emit
        self._turn = threading.RLock()
        self._carried_out = threading.local()  # when the call of this thread was admitted
        self._unanswered = 0  # calls in a row
        self._last_failure: CloudError | None = None  # what the last of them said
        now = clock.monotonic()
        self._open = {b.bucket: _Open(breaker=b, opened=now, next_probe=now) for b in memory.all()}

    # What may be called

    def admit(self, bucket: str) -> Admission:
        """Return what may be called for `bucket` now."""
        with self._turn:
            now = self._clock.monotonic()
            found = self._scopes(bucket)
            resting = [each for each in found if each.probing or now < self._next_probe(each, now)]
            if resting or not self.may_call(bucket):
                return Admission.NONE
            if bucket in self._open:
                return Admission.PROBE_ALONE
            return Admission.PROBE if found else Admission.CALL

    def may_call(self, bucket: str) -> bool:
        """Return whether this run may call for `bucket`, now or later."""
        with self._turn:
            refused = any(each.refused_here for each in self._scopes(bucket))
            return not (refused and self._intervals.gives_up) and not self._give_up.is_over

    def rest_s(self, bucket: str) -> float:
        """Return how long until `bucket` may be probed; 0 if it may be called."""
        with self._turn:
            now = self._clock.monotonic()
            found = self._scopes(bucket)
            return max((self._next_probe(each, now) - now for each in found), default=0.0)

    @property
    def is_open(self) -> bool:
        """Whether the account's is open: then calls are made one at a time."""
        return ACCOUNT in self._open

    @property
    def open(self) -> tuple[Breaker, ...]:
        """The open ones, the account's first."""
        with self._turn:
            return tuple(each.breaker for _, each in sorted(self._open.items()))

    def call_claimed(self, bucket: str) -> None:
        """Note that a call for `bucket` was claimed; of an open breaker it is the probe."""
        with self._turn:
            for each in self._scopes(bucket):
                each.probing = True

    def carry_out(self, begun: float) -> None:
        """Note that this thread makes a call that was admitted at `begun` (monotonic)."""
        self._carried_out.at = begun

    def check(self, bucket: str) -> None:
        """Refuse the call of this thread if a breaker has opened since it was admitted.

        Raises:
            CallSuppressed: one has.
        """
        with self._turn:
            for each in self._scopes(bucket):
                if each.opened > self._carried_out.at:
                    raise CallSuppressed(each.breaker.reason, hint=each.breaker.hint)

    # What came of calls

    def answered(self, bucket: str) -> None:
        """Note a trustworthy answer of VOD for `bucket`, whatever it says of single entries."""
        with self._turn:
            self._count_answer()
            self._close(ACCOUNT)
            if bucket in self._open and self._open[bucket].breaker.kind is not BreakerKind.STREAK:
                self._close(bucket)

    def failed(self, bucket: str, error: CloudError) -> None:
        """Note why a call for `bucket` was not answered; open the breaker that follows from it."""
        with self._turn:
            match error:
                case CallSuppressed():
                    self.no_call(bucket)
                case AccountRefused():
                    self._count_answer()
                    self._refused(ACCOUNT, BreakerKind.REFUSED, error)
                case BucketRefused():
                    self._count_answer()
                    self._close(ACCOUNT)
                    self._refused(bucket, BreakerKind.REFUSED, error)
                case Throttled():
                    self._throttled(bucket, error)
                case _:
                    self._unanswered_call(bucket, error)

    def no_call(self, bucket: str) -> None:
        """Allow another probe: a claim for `bucket` led to no call or no verdict."""
        with self._turn:
            for each in self._scopes(bucket):
                each.probing = False

    def inconclusive(self, bucket: str) -> None:
        """Postpone the next probe of `bucket`: an answer did not mention what was asked."""
        with self._turn:
            if bucket in self._open and self._open[bucket].probing:
                self._wait_longer(
                    self._open[bucket], CloudError("VOD's answer does not mention the file")
                )

    def no_probe_left(self, bucket: str) -> None:
        """Stop probing `bucket` in this run: no entry is left for a probe."""
        with self._turn:
            if known := self._open.get(bucket):
                known.refused_here = BucketRefused(known.breaker.reason, hint=known.breaker.hint)

    def streak(self, bucket: str, n: int) -> None:
        """Open the breaker of `bucket`: `n` entries in a row were refused, and none accepted."""
        hint = (
            "Check in the VOD console that the bucket is still added (Configuration Management > "
            "Media Management > "
            "Storage), and that its objects may be read by the role AliyunVODDefaultRole; one file "
            "probes at each scan."
        )
        reason = (
            f"VOD refused {n} different files of bucket {bucket} and accepted none between, so the "
            "bucket is at fault"
        )
        with self._turn:
            self._refused(bucket, BreakerKind.STREAK, BucketRefused(reason, hint=hint))

    def streak_ended(self, bucket: str) -> None:
        """Close the breaker of `bucket`: an entry was accepted, or too few refusals are left."""
        with self._turn:
            self._close(bucket, whenever=True)

    # What this run could not do

    def error(self, buckets: Sequence[str], *, waiting: bool) -> CloudError | None:
        """Return what stopped calls for `buckets` or failed last, if entries wait; else None."""
        with self._turn:
            scopes = [self._open[scope] for scope in (ACCOUNT, *buckets) if scope in self._open]
            refused = next((each.refused_here for each in scopes if each.refused_here), None)
            return (refused or self._last_failure) if waiting else None

    # Inside

    def _scopes(self, bucket: str) -> list[_Open]:
        return [self._open[scope] for scope in (ACCOUNT, bucket) if scope in self._open]

    def _next_probe(self, known: _Open, now: float) -> float:
        """Return when to probe: there is one more probe before the run gives up."""
        last = now + self._give_up.left_s - _LAST_PROBE_S
        return min(known.next_probe, last) if known.postponed_at < last else known.next_probe

    def _count_answer(self) -> None:
        self._unanswered, self._last_failure = 0, None

    def _throttled(self, bucket: str, error: Throttled) -> None:
        """Postpone the probe after an answer that asks to slow down.

        The rate limit slows calls down; a breaker for an unreachable service closes.
        """
        self._unanswered, self._last_failure = 0, error
        if ACCOUNT in self._open and self._open[ACCOUNT].breaker.kind is BreakerKind.UNREACHABLE:
            self._close(ACCOUNT)
        self._postpone_probe(bucket, error)

    def _postpone_probe(self, bucket: str, error: CloudError) -> None:
        """Put off the next probe of what `bucket` was a probe of."""
        for each in self._scopes(bucket):
            if each.probing:
                self._wait_longer(each, error)

    def _unanswered_call(self, bucket: str, doubt: CloudError) -> None:
        if self._clock.wait(0):  # stopping: the call was cut short by us
            return
        self._unanswered += 1
        self._last_failure = doubt
        known = self._open.get(ACCOUNT)
        if known is None and self._unanswered >= UNREACHABLE:
            self._refused(ACCOUNT, BreakerKind.UNREACHABLE, doubt)
        self._postpone_probe(bucket, doubt)

    def _refused(self, scope: str, kind: BreakerKind, error: CloudError) -> None:
        """Open a breaker, or keep it open after a probe that was refused."""
        known = self._open.get(scope)
        if known is None:
            now = self._clock.monotonic()
            breaker = Breaker(
                bucket=scope,
                kind=kind,
                reason=str(error),
                hint=error.hint,
                opened_at=self._clock.now_ms(),
            )
            known = self._open[scope] = _Open(breaker=breaker, opened=now, next_probe=now)
            self._emit(
                logs.BREAKER_OPENED,
                bucket=scope,
                kind=str(kind),
                reason=str(error),
                hint=error.hint,
            )
            self._wait_longer(known, error)
        elif known.probing:
            known.breaker = replace(known.breaker, kind=kind, reason=str(error), hint=error.hint)
            self._wait_longer(known, error)
        if kind is not BreakerKind.UNREACHABLE:
            known.refused_here = error

    def _wait_longer(self, known: _Open, error: CloudError) -> None:
        """Put off the next probe, each time for longer."""
        longest_ms = self._intervals.max_delay_ms
        if known.breaker.kind is BreakerKind.UNREACHABLE:
            longest_ms = min(longest_ms, _MOST_REST_MS)
        probes = known.breaker.probes + known.probing
        rest_ms = delay_ms(
            probes + 1,
            first_ms=self._intervals.first_delay_ms,
            max_ms=longest_ms,
            jitter=self._jitter(),
            retry_after_ms=int(error.retry_after_s * 1000),
        )
        known.probing = False
        known.postponed_at = self._clock.monotonic()
        known.next_probe = known.postponed_at + rest_ms / 1000
        known.breaker = replace(
            known.breaker, probes=probes, next_probe_at=self._clock.now_ms() + rest_ms
        )
        self._memory.put(known.breaker)

    def _close(self, scope: str, *, whenever: bool = False) -> None:
        """Close a breaker, unless the call was admitted before it opened."""
        known = self._open.get(scope)
        if known is None or (known.opened > self._carried_out.at and not whenever):
            return
        del self._open[scope]
        self._memory.remove(scope)
        open_s = round((self._clock.now_ms() - known.breaker.opened_at) / 1000, 3)
        self._emit(logs.BREAKER_CLOSED, bucket=scope, kind=str(known.breaker.kind), open_s=open_s)

"""Whether calls make sense: closed, or open and probed by one call at growing intervals, for everyone or one bucket."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from watcher.errors import AccountRefused, BucketRefused, CloudError, HeldBack, Throttled
from watcher.model import Breaker, BreakerKind
from watcher.observe import logs
from watcher.rules.backoff import delay_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.giving_up import GiveUp
    from watcher.ports import Clock

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


class Memory(Protocol):
    """Where breakers outlive the process."""

    def all(self) -> Sequence[Breaker]:
        """Return the open ones."""
        ...

    def put(self, breaker: Breaker) -> None:
        """Remember one, or what became of it."""
        ...

    def remove(self, bucket: str) -> None:
        """Forget one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait between probes, and whether a refusal is the last word."""

    first_delay_ms: int
    max_delay_ms: int
    gives_up: bool = True  # on being refused, as a one-shot does: a person sees that


@dataclass(slots=True, kw_only=True)
class _Open:
    """An open breaker, as this process knows it."""

    breaker: Breaker
    opened: float  # monotonic; calls admitted before it say nothing of what holds since
    next_probe: float  # monotonic
    rested: float = float("-inf")  # monotonic; when the next probe was put off last
    probing: bool = False
    refused_here: CloudError | None = None  # this run has asked and got its answer


class Breakers:
    """All breakers of one process; for any number of threads.

    What is found open is probed at once.  A one-shot asks no more once it was refused itself; a daemon goes on probing.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        patience: Patience,
        give_up: GiveUp,
        emit: Callable[..., None],
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._jitter = jitter
        self._patience = patience
        self._give_up = give_up
        self._emit = emit
        self._turn = threading.RLock()
        self._begun = threading.local()  # when the call of this thread was admitted
        self._unanswered = 0  # calls in a row
        self._doubt: CloudError | None = None  # what the last of them said
        now = clock.monotonic()
        self._open = {b.bucket: _Open(breaker=b, opened=now, next_probe=now) for b in memory.all()}

    # What may be called

    def admit(self, bucket: str) -> Admission:
        """Tell what may be called for `bucket` now."""
        with self._turn:
            now = self._clock.monotonic()
            found = self._scopes(bucket)
            resting = [each for each in found if each.probing or now < self._next_probe(each, now)]
            if resting or not self.worthwhile(bucket):
                return Admission.NONE
            if bucket in self._open:
                return Admission.PROBE_ALONE
            return Admission.PROBE if found else Admission.CALL

    def worthwhile(self, bucket: str) -> bool:
        """Tell whether this run may still come to call for `bucket`."""
        with self._turn:
            refused = any(each.refused_here for each in self._scopes(bucket))
            return not (refused and self._patience.gives_up) and not self._give_up.is_over

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

    def begin(self, bucket: str) -> None:
        """Note that a call for `bucket` was claimed; of an open breaker it is the probe."""
        with self._turn:
            for each in self._scopes(bucket):
                each.probing = True

    def enter(self, begun: float) -> None:
        """Note that this thread carries out a call that was admitted at `begun`, of the monotonic clock."""
        self._begun.at = begun

    def check(self, bucket: str) -> None:
        """Let a call of this thread go out, unless a breaker has opened while it waited its turn.

        Raises:
            HeldBack: one has.
        """
        with self._turn:
            for each in self._scopes(bucket):
                if each.opened > self._begun.at:
                    raise HeldBack(each.breaker.reason, hint=each.breaker.hint)

    # What came of calls

    def answered(self, bucket: str) -> None:
        """Note a trustworthy answer of VOD for `bucket`, whatever it says of single entries."""
        with self._turn:
            self._hear()
            self._close(ACCOUNT)
            if bucket in self._open and self._open[bucket].breaker.kind is not BreakerKind.STREAK:
                self._close(bucket)

    def failed(self, bucket: str, error: CloudError) -> None:
        """Note what kept a call for `bucket` from being answered, and whom that stops."""
        with self._turn:
            match error:
                case HeldBack():
                    self.unasked(bucket)
                case AccountRefused():
                    self._hear()
                    self._refused(ACCOUNT, BreakerKind.REFUSED, error)
                case BucketRefused():
                    self._hear()
                    self._close(ACCOUNT)
                    self._refused(bucket, BreakerKind.REFUSED, error)
                case Throttled():
                    self._throttled(bucket, error)
                case _:
                    self._silent(bucket, error)

    def unasked(self, bucket: str) -> None:
        """Note that a claim for `bucket` came to no call, or its answer to no verdict: it may be probed again."""
        with self._turn:
            for each in self._scopes(bucket):
                each.probing = False

    def undecided(self, bucket: str) -> None:
        """Note that an answer for `bucket` said nothing of what was asked: a probe of it is put off."""
        with self._turn:
            if bucket in self._open and self._open[bucket].probing:
                self._rest(self._open[bucket], CloudError("VOD's answer does not mention the file"))

    def out_of_probes(self, bucket: str) -> None:
        """Note that nothing is left to probe `bucket` with in this run."""
        with self._turn:
            if known := self._open.get(bucket):
                known.refused_here = BucketRefused(known.breaker.reason, hint=known.breaker.hint)

    def streak(self, bucket: str, n: int) -> None:
        """Note that `n` entries of `bucket` were refused in a row, too many to be their own fault."""
        hint = (
            "Check in the VOD console that the bucket is still added (Configuration Management > Media Management > "
            "Storage), and that its objects may be read by the role AliyunVODDefaultRole; one file probes at each scan."
        )
        reason = (
            f"VOD refused {n} different files of bucket {bucket} and accepted none between, so the bucket is at fault"
        )
        with self._turn:
            self._refused(bucket, BreakerKind.STREAK, BucketRefused(reason, hint=hint))

    def streak_ended(self, bucket: str) -> None:
        """Note that one was accepted, or that too few are left without a reason of their own."""
        with self._turn:
            self._close(bucket, whenever=True)

    # What this run could not do

    def error(self, buckets: Sequence[str], *, waiting: bool) -> CloudError | None:
        """Return what stopped calls for `buckets`, or, if entries wait, why none was answered at last."""
        with self._turn:
            scopes = [self._open[scope] for scope in (ACCOUNT, *buckets) if scope in self._open]
            refused = next((each.refused_here for each in scopes if each.refused_here), None)
            return (refused or self._doubt) if waiting else None

    # Inside

    def _scopes(self, bucket: str) -> list[_Open]:
        return [self._open[scope] for scope in (ACCOUNT, bucket) if scope in self._open]

    def _next_probe(self, known: _Open, now: float) -> float:
        """Return when to probe: there is one more probe before the run gives up."""
        last = now + self._give_up.left_s - _LAST_PROBE_S
        return min(known.next_probe, last) if known.rested < last else known.next_probe

    def _hear(self) -> None:
        self._unanswered, self._doubt = 0, None

    def _throttled(self, bucket: str, error: Throttled) -> None:
        """Note an answer that asks to slow down, which the rate limit does: but it is not one to wait for forever."""
        self._unanswered, self._doubt = 0, error
        if ACCOUNT in self._open and self._open[ACCOUNT].breaker.kind is BreakerKind.UNREACHABLE:
            self._close(ACCOUNT)
        self._put_off(bucket, error)

    def _put_off(self, bucket: str, error: CloudError) -> None:
        """Put off the next probe of what `bucket` was a probe of."""
        for each in self._scopes(bucket):
            if each.probing:
                self._rest(each, error)

    def _silent(self, bucket: str, doubt: CloudError) -> None:
        if self._clock.wait(0):  # who is stopping has not listened to the end
            return
        self._unanswered += 1
        self._doubt = doubt
        known = self._open.get(ACCOUNT)
        if known is None and self._unanswered >= UNREACHABLE:
            self._refused(ACCOUNT, BreakerKind.UNREACHABLE, doubt)
        self._put_off(bucket, doubt)

    def _refused(self, scope: str, kind: BreakerKind, error: CloudError) -> None:
        """Open a breaker, or learn that a probe has not closed it."""
        known = self._open.get(scope)
        if known is None:
            now = self._clock.monotonic()
            breaker = Breaker(
                bucket=scope, kind=kind, reason=str(error), hint=error.hint, opened_at=self._clock.now_ms()
            )
            known = self._open[scope] = _Open(breaker=breaker, opened=now, next_probe=now)
            self._emit(logs.BREAKER_OPENED, bucket=scope, kind=str(kind), reason=str(error), hint=error.hint)
            self._rest(known, error)
        elif known.probing:
            known.breaker = replace(known.breaker, kind=kind, reason=str(error), hint=error.hint)
            self._rest(known, error)
        if kind is not BreakerKind.UNREACHABLE:
            known.refused_here = error

    def _rest(self, known: _Open, error: CloudError) -> None:
        """Put off the next probe, each time for longer."""
        longest_ms = self._patience.max_delay_ms
        if known.breaker.kind is BreakerKind.UNREACHABLE:
            longest_ms = min(longest_ms, _MOST_REST_MS)
        probes = known.breaker.probes + known.probing
        rest_ms = delay_ms(
            probes + 1,
            first_ms=self._patience.first_delay_ms,
            max_ms=longest_ms,
            jitter=self._jitter(),
            retry_after_ms=int(error.retry_after_s * 1000),
        )
        known.probing = False
        known.rested = self._clock.monotonic()
        known.next_probe = known.rested + rest_ms / 1000
        known.breaker = replace(known.breaker, probes=probes, next_probe_at=self._clock.now_ms() + rest_ms)
        self._memory.put(known.breaker)

    def _close(self, scope: str, *, whenever: bool = False) -> None:
        """Close a breaker, unless the call was admitted before it opened."""
        known = self._open.get(scope)
        if known is None or (known.opened > self._begun.at and not whenever):
            return
        del self._open[scope]
        self._memory.remove(scope)
        open_s = round((self._clock.now_ms() - known.breaker.opened_at) / 1000, 3)
        self._emit(logs.BREAKER_CLOSED, bucket=scope, kind=str(known.breaker.kind), open_s=open_s)

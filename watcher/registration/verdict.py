"""Open and close breakers by the outcomes of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.errors import AccountRefused, BucketRefused, CallSuppressed, CloudError, Throttled
from watcher.model import BreakerKind
from watcher.registration.breaker import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.ports import Clock
    from watcher.registration.breaker import OpenBreakers
    from watcher.registration.ticket import CallTicket

UNREACHABLE: Final = 3  # calls in a row not sent, or without a trustworthy answer


class Verdicts:
    """The outcomes of the calls of one run, for any number of threads."""

    def __init__(self, breakers: OpenBreakers, *, clock: Clock) -> None:
        self._breakers = breakers
        self._clock = clock
        self._unanswered = 0  # calls in a row
        self._last_failure: CloudError | None = None  # what the last of them said

    def answered(self, ticket: CallTicket) -> None:
        """Note a trustworthy answer of VOD, whatever it says of single entries."""
        with self._breakers.lock:
            self._count_answer()
            self._close(ACCOUNT, ticket)
            known = self._breakers.find(ticket.bucket)
            if known and known.breaker.kind is not BreakerKind.STREAK:
                self._close(ticket.bucket, ticket)

    def failed(self, ticket: CallTicket, error: CloudError) -> None:
        """Note why a call was not answered; open the breaker that follows from it."""
        with self._breakers.lock:
            match error:
                case CallSuppressed():
                    self.no_call(ticket)
                case AccountRefused():
                    self._count_answer()
                    self._refuse(ACCOUNT, BreakerKind.REFUSED, error)
                case BucketRefused():
                    self._count_answer()
                    self._close(ACCOUNT, ticket)
                    self._refuse(ticket.bucket, BreakerKind.REFUSED, error)
                case Throttled():
                    self._throttled(ticket, error)
                case _:
                    self._unanswered_call(ticket.bucket, error)

    def no_call(self, ticket: CallTicket) -> None:
        """Allow another probe: a claim led to no call or no verdict."""
        with self._breakers.lock:
            for known in self._breakers.that_stop(ticket.bucket):
                known.is_probed = False

    def inconclusive(self, ticket: CallTicket) -> None:
        """Postpone the next probe of the bucket: an answer did not mention what was asked."""
        with self._breakers.lock:
            known = self._breakers.find(ticket.bucket)
            if known and known.is_probed:
                error = CloudError("VOD's answer does not mention the file")
                self._breakers.postpone(known, error)

    def streak(self, bucket: str, n: int) -> None:
        """Open the breaker of `bucket`: `n` entries in a row were refused, and none accepted."""
        hint = (
            "Check in the VOD console that the bucket is still added (Configuration Management > "
            "Media Management > Storage), and that its objects may be read by the role "
            "AliyunVODDefaultRole; one file probes at each scan."
        )
        reason = (
            f"VOD refused {n} different files of bucket {bucket} and accepted none between, so the "
            "bucket is at fault"
        )
        self._refuse(bucket, BreakerKind.STREAK, BucketRefused(reason, hint=hint))

    def streak_ended(self, bucket: str) -> None:
        """Close the breaker of `bucket`: an entry was accepted, or too few refusals are left."""
        self._breakers.close(bucket)

    def error(self, waiting: Sequence[str]) -> CloudError | None:
        """Return what stopped calls for the buckets that wait, or failed last; None if none."""
        with self._breakers.lock:
            if not waiting:
                return None
            for scope in (ACCOUNT, *waiting):
                known = self._breakers.find(scope)
                if known and known.refused_here:
                    return known.refused_here
            return self._last_failure

    def _count_answer(self) -> None:
        self._unanswered, self._last_failure = 0, None

    def _close(self, scope: str, ticket: CallTicket) -> None:
        """Close a breaker, unless the call was admitted before it opened."""
        known = self._breakers.find(scope)
        if known and not known.opened_after(ticket):
            self._breakers.close(scope)

    def _refuse(self, scope: str, kind: BreakerKind, error: CloudError) -> None:
        with self._breakers.lock:
            self._breakers.refuse(scope, kind, error).refused_here = error

    def _throttled(self, ticket: CallTicket, error: Throttled) -> None:
        """Postpone the probe after an answer that asks to slow down.

        The rate limit slows calls down; a breaker for an unreachable service closes.
        """
        self._unanswered, self._last_failure = 0, error
        account = self._breakers.find(ACCOUNT)
        if account and account.breaker.kind is BreakerKind.UNREACHABLE:
            self._close(ACCOUNT, ticket)
        self._postpone_probe(ticket.bucket, error)

    def _unanswered_call(self, bucket: str, error: CloudError) -> None:
        if self._clock.wait(0):  # stopping: the call was cut short by us
            return
        self._unanswered += 1
        self._last_failure = error
        if self._unanswered >= UNREACHABLE and self._breakers.find(ACCOUNT) is None:
            self._breakers.refuse(ACCOUNT, BreakerKind.UNREACHABLE, error)
        self._postpone_probe(bucket, error)

    def _postpone_probe(self, bucket: str, error: CloudError) -> None:
        """Put off the next probe of each breaker that a call for `bucket` probed."""
        for known in self._breakers.that_stop(bucket):
            if known.is_probed:
                self._breakers.postpone(known, error)

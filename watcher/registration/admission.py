"""Admit calls while no breaker stops them, and the probes of those that do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.errors import BucketRefused, CallSuppressed
from watcher.registration.breaker import ACCOUNT
from watcher.registration.ticket import Admission, CallTicket

if TYPE_CHECKING:
    from watcher.ports import Clock
    from watcher.registration.breaker import OpenBreaker, OpenBreakers
    from watcher.registration.give_up import GiveUp

_LAST_PROBE_S: Final = 1.0  # before the run gives up


class Admissions:
    """The calls that one run may make, and when; for any number of threads.

    A breaker that an earlier process left open is probed at once.  A one-shot makes no more calls
    once it was refused itself; a daemon goes on probing.
    """

    def __init__(
        self, breakers: OpenBreakers, *, clock: Clock, give_up: GiveUp, ends_on_refusal: bool
    ) -> None:
        self._breakers = breakers
        self._clock = clock
        self._give_up = give_up
        self._ends_on_refusal = ends_on_refusal  # as a one-shot's calls do: a person sees that

    def admit(self, bucket: str) -> CallTicket | None:
        """Return the leave to call for `bucket` now; None if no call may be made."""
        with self._breakers.lock:
            now = self._clock.monotonic()
            stopping = self._breakers.that_stop(bucket)
            if not self.may_call(bucket) or any(
                known.is_probed or now < self._next_probe(known, now) for known in stopping
            ):
                return None
            admission = Admission.PROBE if stopping else Admission.CALL
            if self._breakers.find(bucket):
                admission = Admission.PROBE_ALONE
            return CallTicket(bucket=bucket, admission=admission, admitted_at=now)

    def claimed(self, ticket: CallTicket) -> None:
        """Note that a call was claimed; of an open breaker it is the probe."""
        with self._breakers.lock:
            for known in self._breakers.that_stop(ticket.bucket):
                known.is_probed = True

    def check(self, ticket: CallTicket) -> None:
        """Suppress a call if a breaker has opened since it was admitted.

        Raises:
            CallSuppressed: one has.
        """
        with self._breakers.lock:
            for known in self._breakers.that_stop(ticket.bucket):
                if known.opened_after(ticket):
                    raise CallSuppressed(known.breaker.reason, hint=known.breaker.hint)

    def may_call(self, bucket: str) -> bool:
        """Return whether this run may call for `bucket`, now or later."""
        with self._breakers.lock:
            is_refused = any(known.refused_here for known in self._breakers.that_stop(bucket))
            return not (is_refused and self._ends_on_refusal) and not self._give_up.is_over

    def rest_s(self, bucket: str) -> float:
        """Return how long until `bucket` may be probed; 0 if it may be called."""
        with self._breakers.lock:
            now = self._clock.monotonic()
            stopping = self._breakers.that_stop(bucket)
            return max((self._next_probe(known, now) - now for known in stopping), default=0.0)

    @property
    def one_at_a_time(self) -> bool:
        """Whether one call must end before the next begins: the account's breaker is open."""
        return self._breakers.find(ACCOUNT) is not None

    def no_probe_left(self, bucket: str) -> None:
        """Stop probing `bucket` in this run: no entry is left for a probe."""
        with self._breakers.lock:
            if known := self._breakers.find(bucket):
                known.refused_here = BucketRefused(known.breaker.reason, hint=known.breaker.hint)

    def _next_probe(self, known: OpenBreaker, now: float) -> float:
        """Return when to probe: there is one more probe before the run gives up."""
        last = now + self._give_up.left_s - _LAST_PROBE_S
        return min(known.next_probe, last) if known.postponed_at < last else known.next_probe

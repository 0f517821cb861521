"""When an entry that a call did not decide is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.errors import AccountRefused, BucketRefused, CallSuppressed, CloudError
from watcher.model import Refused, Unknown
from watcher.rules.backoff import delay_ms

if TYPE_CHECKING:
    from watcher.model import BatchResult, Entry
    from watcher.registration.call import Policy

_BREAKER_DECIDES = (AccountRefused, BucketRefused, CallSuppressed)


class RetryTimes:
    """The time until the next attempt of each entry of one call."""

    def __init__(self, policy: Policy, result: BatchResult, *, now_ms: int, jitter: float) -> None:
        self._policy = policy
        self._result = result
        self._now_ms = now_ms
        self._jitter = jitter  # one for all: entries of one call share the next one

    def due_at(self, entry: Entry) -> int:
        """Return when an entry is due again, if it is still pending then."""
        return self._now_ms + self._due_in_ms(entry)

    def _due_in_ms(self, entry: Entry) -> int:
        match self._result.outcomes[entry.key]:
            case Refused():
                return self._after_refusal_ms(entry)
            case Unknown(unmentioned=True):
                return self._after_no_mention_ms(entry)
            case _:
                return self._after_failure_ms()

    def _after_refusal_ms(self, entry: Entry) -> int:
        """Return 0 after the first refusal, which another entry may cause: the entry goes alone."""
        return self._delay_ms(entry.attempts) if entry.attempts else 0

    def _after_no_mention_ms(self, entry: Entry) -> int:
        """Keep the entry's place in the queue if its call carried others: it goes alone next.

        The answer may have spelled its URL in another way.
        """
        if len(self._result.outcomes) > 1:
            return min(0, entry.due_at - self._now_ms)
        return self._delay_ms(entry.unknown_outcomes + 1)

    def _after_failure_ms(self) -> int:
        error = self._result.error
        if not isinstance(error, CloudError) or isinstance(error, _BREAKER_DECIDES):
            return 0
        return self._delay_ms(1, retry_after_ms=int(error.retry_after_s * 1000))

    def _delay_ms(self, attempts: int, *, retry_after_ms: int = 0) -> int:
        return delay_ms(
            attempts,
            first_ms=self._policy.first_delay_ms,
            max_ms=self._policy.max_delay_ms,
            jitter=self._jitter,
            retry_after_ms=retry_after_ms,
        )

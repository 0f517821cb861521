"""List requests: paced, counted and retried."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from watcher.discovery.listing.tuning import DEFAULT_TUNING
from watcher.errors import CallSuppressed, CloudError, Throttled
from watcher.rules.backoff import delay_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.discovery.listing.tuning import ListingTuning
    from watcher.ports import Clock, ListAnswer, Source

_T = TypeVar("_T")


class Retry:
    """Tries a request again while its error is transient; for any number of threads."""

    def __init__(
        self, clock: Clock, jitter: Callable[[], float], tuning: ListingTuning = DEFAULT_TUNING
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._tuning = tuning

    def run(self, request: Callable[[], _T], *, ready: Callable[[], bool]) -> _T | None:
        """Return what `request` returns; None if the process is stopping.

        Args:
            request: makes one try.
            ready: waits until the next try may be made; False = the process is stopping.

        Raises:
            CloudError: the error is not transient, or it lasted too long.
        """
        tries, since = 0, self._clock.monotonic()
        while ready():
            try:
                return request()
            except CallSuppressed:
                return None
            except CloudError as error:
                tries += 1
                rest_s = self._rest_s(error, tries)
                waited_s = self._clock.monotonic() - since
                too_long = waited_s + rest_s > self._tuning.give_up_after_s
                exhausted = tries == self._tuning.tries or too_long
                if not error.transient or exhausted or self._clock.wait(rest_s):
                    raise
        return None

    def _rest_s(self, error: CloudError, tries: int) -> float:
        rest_ms = delay_ms(
            tries,
            first_ms=self._tuning.first_delay_ms,
            max_ms=self._tuning.max_delay_ms,
            jitter=self._jitter(),
            retry_after_ms=int(error.retry_after_s * 1000),
        )
        return rest_ms / 1000


class Pager:
    """Asks a source for pages, from any number of threads, and counts the requests."""

    def __init__(
        self,
        source: Source,
        *,
        pace: Callable[[float], bool],
        clock: Clock,
        jitter: Callable[[], float],
        tuning: ListingTuning = DEFAULT_TUNING,
    ) -> None:
        self._source = source
        self._pace = pace  # waits for the next slot, at least so many seconds; False = stopping
        self._clock = clock
        self._retry = Retry(clock, jitter, tuning)
        self._lock = threading.Lock()
        self._rest_until = float("-inf")  # monotonic: OSS asked for no request before
        self.quickest_s = float("inf")  # the shortest time of an answer
        self.calls = 0
        self.throttled = 0  # of the calls: refused as too many
        self.n_bytes = 0  # of the answers

    def ask(
        self,
        read: Callable[[ListAnswer], _T],
        *,
        start_after: str = "",
        token: str = "",
        max_keys: int,
    ) -> _T | None:
        """Return what `read` makes of an answer; None if the process is stopping.

        Raises:
            CloudError: there was no answer, or `read` refused it.
        """
        return self._retry.run(
            lambda: self._once(read, start_after=start_after, token=token, max_keys=max_keys),
            ready=lambda: self._pace(max(0.0, self._rest_until - self._clock.monotonic())),
        )

    def _once(
        self, read: Callable[[ListAnswer], _T], *, start_after: str, token: str, max_keys: int
    ) -> _T:
        began = self._clock.monotonic()
        try:
            answer = self._source.list_objects(
                start_after=start_after, token=token, max_keys=max_keys
            )
        except CloudError as error:
            with self._lock:
                self.calls += 1
                self.throttled += isinstance(error, Throttled)
            raise
        with self._lock:
            self.calls += answer.requests
            self.n_bytes += answer.n_bytes
            now = self._clock.monotonic()
            self.quickest_s = min(self.quickest_s, now - began)
            if answer.asked_rest_s:  # an answer without a rest does not end another's
                self._rest_until = max(self._rest_until, now + answer.asked_rest_s)
        return read(answer)

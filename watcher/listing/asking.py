"""List requests, paced; what passes by itself is waited out, by each request for itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from watcher.errors import CloudError, HeldBack, Throttled
from watcher.rules.backoff import delay_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.ports import Answer, Clock, Source

_T = TypeVar("_T")

_TRIES = 5  # of one page
_FIRST_MS = 1_000
_LONGEST_MS = 60_000
_PATIENCE_S = 30.0  # with one page


class Asking:
    """Asks a source for pages, from any number of threads, and counts."""

    def __init__(
        self, source: Source, *, pace: Callable[[float], bool], clock: Clock, jitter: Callable[[], float]
    ) -> None:
        self._source = source
        self._pace = pace  # waits until the next request may be made, at least so many seconds; False: no more
        self._clock = clock
        self._jitter = jitter
        self._turn = threading.Lock()
        self._rest_until = float("-inf")  # monotonic: until then OSS asked to be left alone
        self.quickest_s = float("inf")  # that an answer came in
        self.calls = 0
        self.throttled = 0  # of them: refused for being too many
        self.n_bytes = 0  # of the answers

    def ask(self, read: Callable[[Answer], _T], *, start_after: str = "", token: str = "", max_keys: int) -> _T | None:
        """Return what `read` makes of an answer; None if the process is stopping.

        Raises:
            CloudError: no answer that `read` could make something of.
        """
        tries, since = 0, self._clock.monotonic()
        while self._pace(max(0.0, self._rest_until - self._clock.monotonic())):
            try:
                return self._once(read, start_after=start_after, token=token, max_keys=max_keys)
            except HeldBack:
                return None
            except CloudError as error:
                tries += 1
                rest_s = self._wait_s(error, tries)
                hopeless = tries == _TRIES or self._clock.monotonic() - since + rest_s > _PATIENCE_S
                if not error.transient or hopeless or self._clock.wait(rest_s):
                    raise
        return None

    def _once(self, read: Callable[[Answer], _T], *, start_after: str, token: str, max_keys: int) -> _T:
        began = self._clock.monotonic()
        try:
            answer = self._source.list_objects(start_after=start_after, token=token, max_keys=max_keys)
        except CloudError as error:
            with self._turn:
                self.calls += 1
                self.throttled += isinstance(error, Throttled)
            raise
        with self._turn:
            self.calls += answer.requests
            self.n_bytes += answer.n_bytes
            now = self._clock.monotonic()
            self.quickest_s = min(self.quickest_s, now - began)
            if answer.asked_rest_s:  # an answer that asks for nothing takes back nothing
                self._rest_until = max(self._rest_until, now + answer.asked_rest_s)
        return read(answer)

    def _wait_s(self, error: CloudError, tries: int) -> float:
        asked_ms = int(error.retry_after_s * 1000)
        rest_ms = delay_ms(
            tries, first_ms=_FIRST_MS, max_ms=_LONGEST_MS, jitter=self._jitter(), retry_after_ms=asked_ms
        )
        return rest_ms / 1000

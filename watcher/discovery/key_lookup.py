"""Looking up keys of a bucket, each by a HEAD request of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from watcher.discovery.listing.pager import Retry
from watcher.errors import CallSuppressed, CloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.model import ObjectInfo
    from watcher.ports import Clock, Source


class KeyLookup:
    """Looks up groups of keys, one group after the other, the keys of a group at once.

    Args:
        source: the bucket.
        clock: of the waits.
        jitter: draws from [0, 1) for each wait before a retry.
        concurrency: most HEAD requests at once.
        pace: waits until the next HEAD may be made; False = the process is stopping.
    """

    def __init__(
        self,
        source: Source,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        concurrency: int,
        pace: Callable[[], bool],
    ) -> None:
        self._source = source
        self._clock = clock
        self._retry = Retry(clock, jitter)
        self._concurrency = concurrency
        self._pace = pace
        self._zero: tuple[int, float] | None = None  # OSS's clock in ms, and ours in seconds
        self._found: dict[str, ObjectInfo | None] = {}  # of this group: a retry asks for the rest
        self._lock = threading.Lock()
        self.calls = 0

    @property
    def bucket(self) -> str:
        """The name of the bucket."""
        return self._source.bucket

    def look_up(self, group: Sequence[str]) -> tuple[int, list[ObjectInfo | None]] | None:
        """Return OSS's clock in milliseconds, and for each key its object or None.

        None if the process is stopping.

        Raises:
            CloudError: a key could not be looked up.
        """
        if self._clock.wait(0):
            return None
        at = self._retry.run(lambda: self._once(group), ready=lambda: True)
        if at is None:
            return None
        found = [self._found[key] for key in group]
        self._found.clear()
        return at, found

    def _once(self, group: Sequence[str]) -> int:
        """Look up all keys of a group that are not known yet; return OSS's clock.

        Raises:
            CallSuppressed: the process is stopping.
            CloudError: a key could not be looked up. The others are known now.
        """
        at = self._date()
        missing = [key for key in group if key not in self._found]
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="head") as pool:
            errors = list(filter(None, pool.map(self._head, missing)))
        if errors:
            raise errors[0]
        if not all(key in self._found for key in group):
            raise CallSuppressed("the watcher is stopping; not every key was looked up")
        return at

    def _head(self, key: str) -> CloudError | None:
        if not self._pace():
            return None
        with self._lock:
            self.calls += 1
        try:
            self._found[key] = self._source.head(key)
        except CloudError as error:
            return error
        return None

    def _date(self) -> int:
        """Return OSS's clock in milliseconds: a listing's `Date`, and the time since then."""
        if self._zero is None:
            self.calls += 1
            self._zero = self._source.list_objects(max_keys=1).at, self._clock.monotonic()
        at, then = self._zero
        return at + int((self._clock.monotonic() - then) * 1000)

"""What the page and the metrics show, read from the ledger beside the process that writes it."""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import TYPE_CHECKING, Final

from watcher import status
from watcher.errors import MachineFailed
from watcher.ledger import LedgerReader
from watcher.observe.history import History
from watcher.observe.metrics import Metrics, Standing
from watcher.observe.web.view import Overview, Watching
from watcher.rules.file_url import FileUrlForm
from watcher.schedule import longest_interval_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from watcher.config import Config
    from watcher.model import Breaker
    from watcher.observe.health import Health
    from watcher.ports import Clock
    from watcher.reports import SearchResult, Story

_SEARCH_S: Final = 2.0
_FRESH_S: Final = 1.0
_COUNT_S: Final = 0.5  # for the failures of one kind


class LedgerView:
    """`observe.web.View` over a ledger that this process has open; `config` gives the present one.

    While `is_open` says that it is not open yet, or no more, the ledger is left alone: whoever opens it looks at its
    file by hand first, which takes off the locks that SQLite holds for readers of this process; and whoever closes it
    last tidies up.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        *,
        ledger_path: Path,
        health: Callable[[], Health],
        clock: Clock,
        is_open: Callable[[], bool] = lambda: True,
    ) -> None:
        self._config = config
        self._readers = _Readers(ledger_path, is_open=is_open)
        self._clock = clock
        self._health = health
        self._history = History()
        self._looking = threading.Lock()
        self._seen: tuple[float, Overview] | None = None  # when, what
        self._metrics = Metrics(self.standing, ready=lambda: health().ready, now_ms=clock.now_ms)

    @property
    def metrics(self) -> Metrics:
        """See `View.metrics`."""
        return self._metrics

    @property
    def history(self) -> History:
        """See `View.history`."""
        return self._history

    @property
    def health(self) -> Callable[[], Health]:
        """See `View.health`."""
        return self._health

    @property
    def timezone(self) -> ZoneInfo:
        """See `View.timezone`."""
        return self._config().timezone

    @property
    def max_attempts(self) -> int:
        """See `View.max_attempts`."""
        return self._config().retry.max_attempts

    def now_ms(self) -> int:
        """See `View.now_ms`."""
        return self._clock.now_ms()

    def standing(self) -> Standing:
        """Return how all stands, as the metrics show it."""
        config = self._config()
        now = self._status(config)
        return Standing(
            watches=now.rows,
            breakers=now.breakers,
            calls_per_second=now.calls_per_second,
            last_audit_at=now.last_audit_at,
            intervals_s={watch.name: _interval_s(watch.schedule) for watch in config.watches},
        )

    def status_json(self) -> str:
        """See `View.status_json`."""
        return self._status(self._config()).as_json()

    def breakers(self) -> tuple[Breaker, ...]:
        """See `View.breakers`."""
        with self._readers.borrow() as reader:
            return reader.breakers()

    def overview(self) -> Overview:
        """See `View.overview`; who asks within a second, or while it is being made, is told the same."""
        with self._looking:
            now_s = self._clock.monotonic()
            if self._seen is None or now_s - self._seen[0] > _FRESH_S:
                overview = self._look()
                self._seen = (self._clock.monotonic(), overview)
            return self._seen[1]

    def _look(self) -> Overview:
        config = self._config()
        now = self._status(config)
        with self._readers.borrow() as reader:
            failures = reader.browsing.failures(within_s=_COUNT_S, elapsed=self._clock.monotonic)
        return Overview(
            rows=now.rows,
            watching={
                watch.name: Watching(
                    source=f"oss://{watch.bucket}/{watch.prefix}",
                    schedule=watch.schedule,
                    interval_s=_interval_s(watch.schedule),
                )
                for watch in config.watches
            },
            bills=now.bills,
            breakers=now.breakers,
            calls_per_second=now.calls_per_second,
            most_calls_per_second=now.most_calls_per_second,
            failures=failures,
            notes=tuple(status.costly(now, config)),
        )

    def search(self, text: str, *, after: str) -> SearchResult:
        """See `View.search`.  oss://BUCKET/KEY searches that bucket for that key."""
        bucket = ""
        if text.startswith("oss://") and "/" in text.removeprefix("oss://"):
            bucket, _, text = text.removeprefix("oss://").partition("/")
        with self._readers.borrow() as reader:
            return reader.browsing.search(
                text, bucket=bucket, after=after, within_s=_SEARCH_S, elapsed=self._clock.monotonic
            )

    def story(self, bucket: str, key: str) -> Story | None:
        """See `View.story`."""
        with self._readers.borrow() as reader:
            return reader.browsing.story(bucket, key, _file_url)

    def close(self) -> None:
        """Close the connections to the ledger that nobody uses now."""
        self._readers.close()

    def _status(self, config: Config) -> status.Status:
        with self._readers.borrow() as reader:
            return status.take(reader, config, now_ms=self._clock.now_ms())


class _Readers:
    """Readers of one ledger, lent to one thread at a time."""

    def __init__(self, path: Path, *, is_open: Callable[[], bool]) -> None:
        self._path = path
        self._is_open = is_open
        self._turn = threading.Lock()
        self._idle: list[LedgerReader] = []

    @contextlib.contextmanager
    def borrow(self) -> Iterator[LedgerReader]:
        """Yield a reader; one that failed is not lent again.

        Raises:
            MachineFailed: the ledger is not open.
        """
        with self._turn:
            if not self._is_open():
                raise MachineFailed(
                    "the ledger is not open: the watcher is starting or stopping", hint="Look again in a moment."
                )
            reader = self._idle.pop() if self._idle else LedgerReader(self._path, beside=True)
        try:
            yield reader
        except BaseException:
            reader.__exit__()
            raise
        with self._turn:
            if self._is_open():
                self._idle.append(reader)
            else:
                reader.__exit__()

    def close(self) -> None:
        """Close those that are not lent."""
        with self._turn:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.__exit__()


def _file_url(template: str, encoding: str, region: str, bucket: str, key: str) -> str:
    return FileUrlForm(template, encoding, region).url(bucket, key)


@functools.cache
def _interval_s(schedule: str) -> float:
    return longest_interval_s(schedule)

"""The figures of the page and the metrics, read from the ledger that the daemon writes."""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import TYPE_CHECKING, Final

from watcher.errors import LocalFailure
from watcher.ledger.sqlite import LedgerReader
from watcher.observe.history import History
from watcher.observe.metrics import Metrics, MetricsSnapshot
from watcher.observe.web.view import ConfiguredWatch, Overview
from watcher.operations import status
from watcher.rules.file_url import FileUrlForm
from watcher.rules.schedule import longest_interval_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from watcher.config import Config
    from watcher.model import Breaker
    from watcher.model.reports import SearchResult, Story
    from watcher.observe.health import Health
    from watcher.ports import Clock

_SEARCH_S: Final = 2.0
_FRESH_S: Final = 1.0
_COUNT_S: Final = 0.5  # for the failures of one kind


class LedgerView:
    """`observe.web.View` over a ledger that this process has open.

    `config` returns the configuration in force.  While `is_open` returns False, nothing is read.
    Opening a ledger reads its file without SQLite first, which would drop the SQLite locks of
    readers in this process.  And the last connection to close removes the write-ahead log.
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
        self._overview_lock = threading.Lock()
        self._latest: tuple[float, Overview] | None = None  # when it was made (monotonic seconds)
        self._metrics = Metrics(
            self.metrics_snapshot, ready=lambda: health().ready, now_ms=clock.now_ms
        )

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

    def metrics_snapshot(self) -> MetricsSnapshot:
        """Return the figures that the metrics show."""
        config = self._config()
        now = self._status(config)
        return MetricsSnapshot(
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
        """See `View.overview`; for a second, all callers get the same one."""
        with self._overview_lock:
            now_s = self._clock.monotonic()
            if self._latest is None or now_s - self._latest[0] > _FRESH_S:
                overview = self._read_overview()
                self._latest = (self._clock.monotonic(), overview)
            return self._latest[1]

    def _read_overview(self) -> Overview:
        config = self._config()
        now = self._status(config)
        with self._readers.borrow() as reader:
            failures = reader.browsing.failures(within_s=_COUNT_S, elapsed=self._clock.monotonic)
        return Overview(
            rows=now.rows,
            watching={
                watch.name: ConfiguredWatch(
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
        """Close the connections to the ledger that no thread uses now."""
        self._readers.close()

    def _status(self, config: Config) -> status.Status:
        with self._readers.borrow() as reader:
            return status.read_status(reader, config, now_ms=self._clock.now_ms())


class _Readers:
    """Readers of one ledger, lent to one thread at a time."""

    def __init__(self, path: Path, *, is_open: Callable[[], bool]) -> None:
        self._path = path
        self._is_open = is_open
        self._lock = threading.Lock()
        self._idle: list[LedgerReader] = []

    @contextlib.contextmanager
    def borrow(self) -> Iterator[LedgerReader]:
        """Yield a reader; one that failed is not lent again.

        Raises:
            LocalFailure: the ledger is not open.
        """
        with self._lock:
            if not self._is_open():
                raise LocalFailure(
                    "the ledger is not open: the watcher is starting or stopping",
                    hint="Look again in a moment.",
                )
            reader = self._idle.pop() if self._idle else LedgerReader(self._path, beside=True)
        try:
            yield reader
        except BaseException:
            reader.__exit__()
            raise
        with self._lock:
            if self._is_open():
                self._idle.append(reader)
            else:
                reader.__exit__()

    def close(self) -> None:
        """Close the readers that are not lent."""
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.__exit__()


def _file_url(template: str, encoding: str, region: str, bucket: str, key: str) -> str:
    return FileUrlForm(template, encoding, region).url(bucket, key)


@functools.cache
def _interval_s(schedule: str) -> float:
    return longest_interval_s(schedule)

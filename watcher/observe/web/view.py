"""What the page asks of whoever knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from watcher.model import Breaker
    from watcher.observe.health import Health
    from watcher.observe.history import History
    from watcher.observe.metrics import Metrics
    from watcher.reports import FailureGroup, SearchResult, Story, WatchStatus
    from watcher.rules.listing_bill import ListingBill


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What the configuration says of one watch."""

    source: str  # oss://BUCKET/PREFIX
    schedule: str
    interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How all stands at one moment."""

    rows: tuple[WatchStatus, ...]
    watching: Mapping[str, Watching]  # by configured watch
    bills: Mapping[str, ListingBill | None]
    breakers: tuple[Breaker, ...]
    calls_per_second: float
    most_calls_per_second: int
    failures: tuple[FailureGroup, ...]
    notes: tuple[str, ...] = field(default=())  # what to do about watches that are dear to list


class View(Protocol):
    """All that the page shows; for any number of threads.  What reads the ledger may raise a `WatcherError`."""

    @property
    def metrics(self) -> Metrics:
        """Figures for Prometheus."""
        ...

    @property
    def history(self) -> History:
        """What went on since the process began."""
        ...

    @property
    def timezone(self) -> ZoneInfo:
        """Of the instants that people read."""
        ...

    @property
    def max_attempts(self) -> int:
        """Refusals that make an entry `failed`."""
        ...

    @property
    def health(self) -> Callable[[], Health]:
        """Tells whether the process is alive and ready."""
        ...

    def now_ms(self) -> int:
        """Return milliseconds since the epoch."""
        ...

    def status_json(self) -> str:
        """Return what `status --output-format json` prints."""
        ...

    def overview(self) -> Overview:
        """Return how all stands now."""
        ...

    def breakers(self) -> tuple[Breaker, ...]:
        """Return why calls stopped: the open breakers."""
        ...

    def search(self, text: str, *, after: str) -> SearchResult:
        """Return what a search for a key or a media ID finds in about two seconds."""
        ...

    def story(self, bucket: str, key: str) -> Story | None:
        """Return all that is known of one entry, or None."""
        ...

"""The data that the page needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from watcher.model import Breaker
    from watcher.model.reports import FailureGroup, SearchResult, Story, WatchStatus
    from watcher.observe.health import Health
    from watcher.observe.history import History
    from watcher.observe.metrics import Metrics
    from watcher.rules.listing_bill import ListingBill


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredWatch:
    """The settings of one watch that the page shows."""

    source: str  # oss://BUCKET/PREFIX
    schedule: str
    interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The state of everything at one moment."""

    rows: tuple[WatchStatus, ...]
    watching: Mapping[str, ConfiguredWatch]  # by configured watch
    bills: Mapping[str, ListingBill | None]
    breakers: tuple[Breaker, ...]
    calls_per_second: float
    most_calls_per_second: int
    failures: tuple[FailureGroup, ...]
    notes: tuple[str, ...] = field(default=())  # advice for watches that are expensive to list


class View(Protocol):
    """All data of the page. Threads may share it.

    Methods that read the ledger may raise a `WatcherError`.
    """

    @property
    def metrics(self) -> Metrics:
        """Metrics for Prometheus."""
        ...

    @property
    def history(self) -> History:
        """Samples and scans since the process began."""
        ...

    @property
    def timezone(self) -> ZoneInfo:
        """Time zone of the instants on the page."""
        ...

    @property
    def max_attempts(self) -> int:
        """Number of refusals that make an entry `failed`."""
        ...

    @property
    def health(self) -> Callable[[], Health]:
        """Function that returns the health of the process."""
        ...

    def now_ms(self) -> int:
        """Return milliseconds since the epoch."""
        ...

    def status_json(self) -> str:
        """Return what `status --output-format json` prints."""
        ...

    def overview(self) -> Overview:
        """Return the present state of everything."""
        ...

    def breakers(self) -> tuple[Breaker, ...]:
        """Return the open breakers."""
        ...

    def search(self, text: str, *, after: str) -> SearchResult:
        """Return the entries with a key or media ID, found in about two seconds."""
        ...

    def story(self, bucket: str, key: str) -> Story | None:
        """Return all that the ledger knows of one entry; None if it has no such entry."""
        ...

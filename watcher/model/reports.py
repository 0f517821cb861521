"""Reports for people and programs: scans, registration, watches, entries.  Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watcher.model import Start

if TYPE_CHECKING:
    from datetime import datetime

    from watcher.model import ScanEnd


@dataclass(slots=True, kw_only=True)
class ScanReport:
    """The counts of one scan of one watch; they grow while it runs."""

    watch: str
    complete: bool = False
    listed: int = 0
    matched: int = 0
    new: int = 0
    changed: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    list_calls: int = 0
    list_bytes: int = 0  # of the answers
    duration_s: float = 0.0
    error: Exception | None = None  # why it is incomplete
    start: Start = field(default_factory=Start)  # from when on objects count
    notes: list[str] = field(default_factory=list)  # of what selects or matches nothing


@dataclass(slots=True, kw_only=True)
class RegisterReport:
    """The counts of registering in one run."""

    registered: int = 0
    already_registered: int = 0  # of `registered`: VOD knew the file already
    failed: int = 0
    register_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """Entries without an answer when a run ends."""

    entries: int = 0
    bucket: str = ""  # of one of them
    key: str = ""
    message: str = ""  # of the last call; "" = there was none


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedEntry:
    """One entry as `export` and `list` show it; field names are the public columns (design 4.1)."""

    bucket: str
    key: str
    watch: str
    file_url: str
    etag: str
    size_bytes: int
    modified_at: datetime
    state: str
    changed: bool
    media_id: str | None
    new_register: bool | None
    attempts: int
    reason: str | None
    message: str | None
    request_id: str | None
    first_seen_at: datetime
    registered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatus:
    """One watch as `status` shows it (design 4.1)."""

    watch: str
    bucket: str = ""
    pending: int = 0
    claimed: int = 0
    registered: int = 0
    failed: int = 0
    changed: int = 0
    oldest_fresh_at: int | None = None  # of the pending: first_seen_at, milliseconds, by lane
    oldest_backfill_at: int | None = None
    last_complete_scan_at: int | None = None  # milliseconds since the epoch
    last_scan: ScanEnd | None = None  # of whichever kind; it may be incomplete
    last_backfill: ScanEnd | None = None
    listed: int = 0  # objects, by the last complete scan
    list_calls: int = 0  # that the last usual one took, ...
    list_bytes: int = 0  # ... bytes of the answers, ...
    list_took_s: float = 0.0  # ... and time

    @property
    def unfinished(self) -> ScanEnd | None:
        """Its last scan, if that is incomplete."""
        scan = self.last_scan
        return scan if scan and scan.kind == "scan" and not scan.complete else None

    @property
    def is_backfilled(self) -> bool:
        """Whether its last backfill was complete."""
        return self.last_backfill is not None and self.last_backfill.complete

    @property
    def oldest_pending_at(self) -> int | None:
        """Since when the oldest pending entry of either lane has been known."""
        return min(
            (at for at in (self.oldest_fresh_at, self.oldest_backfill_at) if at is not None),
            default=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One entry as a search finds it."""

    bucket: str
    key: str
    watch: str
    state: str
    changed: bool
    media_id: str | None
    size_bytes: int
    modified_at: int  # milliseconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The results of a search, and where it can be continued."""

    hits: tuple[Hit, ...] = ()
    go_on: str = ""  # pass this to continue; "" = all was searched
    late: bool = False  # it stopped since its time was over


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything that the ledger has of one entry.  Instants are milliseconds since the epoch."""

    bucket: str
    key: str
    watch: str
    state: str
    lane: str
    etag: str
    size_bytes: int
    modified_at: int
    first_seen_at: int
    attempts: int
    unknown_outcomes: int  # calls in a row
    due_at: int | None
    changed: bool
    media_id: str | None
    new_register: bool | None
    reason: str | None
    message: str | None
    registered_etag: str | None
    registered_size_bytes: int | None
    claimed_at: int | None  # of the last call that carried it: begun ...
    settled_at: int | None  # ... written down ...
    request_id: str | None  # ... and under which id VOD knows it
    file_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Failed entries of one watch and reason."""

    watch: str
    reason: str
    n: int | None  # None: too many to count in time
    examples: tuple[FailedEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEntry:
    """One failed entry with the sentence that came with it."""

    bucket: str
    key: str
    message: str
    settled_at: int | None  # milliseconds since the epoch

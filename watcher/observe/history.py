"""In-memory history for the status page: backlog, throughput, and the last scans of each watch.

Its size is bounded: samples of an hour, a day with a sample every five minutes, and twenty scans
for each watch.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.model.reports import ScanReport

_HOUR: Final = 361  # samples of 10 s, and one to begin with
_DAY: Final = 289  # of 5 minutes
_COARSE_MS: Final = 300_000
_SCANS: Final = 20  # of one watch
_WATCHES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The state at one moment. `registered` and `failed` are running totals."""

    at_ms: int
    backlog: int
    registered: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedScan:
    """One scan that ended."""

    watch: str
    started_at_ms: int  # our clock
    duration_s: float
    complete: bool
    listed: int
    matched: int
    new: int
    changed: int
    excluded: Mapping[str, int] = field(default_factory=dict)
    list_calls: int = 0
    why: str = ""  # reason of an incomplete scan
    hint: str = ""  # its cure


class History:
    """Samples and scans since the process began. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hour: deque[Sample] = deque(maxlen=_HOUR)
        self._day: deque[Sample] = deque(maxlen=_DAY)
        self._scans: dict[str, deque[EndedScan]] = {}

    def scanned(self, report: ScanReport, *, started_at_ms: int) -> None:
        """Remember a scan that ended."""
        memory = EndedScan(
            watch=report.watch,
            started_at_ms=started_at_ms,
            duration_s=report.duration_s,
            complete=report.complete,
            listed=report.listed,
            matched=report.matched,
            new=report.new,
            changed=report.changed,
            excluded=dict(report.excluded),
            list_calls=report.list_calls,
            why="" if report.complete else str(report.error or "it was stopped"),
            hint="" if report.complete else getattr(report.error, "hint", ""),
        )
        with self._lock:
            scans = self._scans.pop(report.watch, None) or deque(maxlen=_SCANS)
            scans.append(memory)
            self._scans[report.watch] = scans  # order: the latest scanned watch last
            while len(self._scans) > _WATCHES:
                del self._scans[next(iter(self._scans))]

    def sample(self, now_ms: int, *, backlog: int, registered: int, failed: int) -> None:
        """Remember the present state. Call it every 10 s, with running totals.

        After the clock was set back, samples with a later time are dropped.
        """
        sample = Sample(at_ms=now_ms, backlog=backlog, registered=registered, failed=failed)
        with self._lock:
            for kept in (self._hour, self._day):
                while kept and kept[-1].at_ms >= now_ms:
                    kept.pop()
            self._hour.append(sample)
            if not self._day or now_ms - self._day[-1].at_ms >= _COARSE_MS:
                self._day.append(sample)

    def last_hour(self) -> tuple[Sample, ...]:
        """Return the samples of about an hour, the oldest first."""
        with self._lock:
            return tuple(self._hour)

    def last_day(self) -> tuple[Sample, ...]:
        """Return a sample for each five minutes of about a day, the oldest first.

        The newest sample is always the last.
        """
        with self._lock:
            newest = [self._hour[-1]] if self._hour and self._hour[-1] is not self._day[-1] else []
            return (*self._day, *newest)

    def last_scan(self) -> EndedScan | None:
        """Return the latest ended scan of all watches."""
        with self._lock:
            return next(reversed(self._scans.values()))[-1] if self._scans else None

    def scans(self) -> dict[str, tuple[EndedScan, ...]]:
        """Return the last scans of each watch, the newest first."""
        with self._lock:
            return {watch: tuple(reversed(scans)) for watch, scans in self._scans.items()}

"""Progress of a run: rates over the last ten seconds, the rest, a log line every ten seconds."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.model.reports import RegisterReport, ScanReport
    from watcher.ports import Clock

_WINDOW_S = 10.0  # over which rates are taken
_SAMPLE_S = 0.5
_LINE_S = 10.0
_TICK_S = 0.1
_MOST_A_CALL = 1000  # objects that one request lists


class _Sample(NamedTuple):
    """The progress at an instant."""

    at: float
    listed: int  # by this run
    done: int  # registered or failed
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """How far a run is; the rates are those of the last ten seconds."""

    listing: bool  # has not ended
    listed: int
    to_list: int | None  # objects, by the last complete scans
    to_register: int  # files: queued before, or found by this run
    registered: int
    failed: int
    listed_per_second: float
    calls_per_second: float
    eta_s: int | None  # None: not known yet

    @property
    def share(self) -> float | None:
        """The share that is done, of the listing, then of the files; None if unknown."""
        if self.listing:
            is_known = self.to_list is not None and 0 < self.to_list >= self.listed
            return _share(self.listed, self.to_list or 0) if is_known else None
        return _share(self.registered + self.failed, self.to_register)


def _share(done: int, of: int) -> float:
    return min(1.0, done / of) if of else 1.0


class ProgressTracker:
    """`ports.Progress` with rates and an estimate of the rest, for any number of threads."""

    def __init__(
        self, clock: Clock, *, emit: Callable[..., None], show: Callable[[ProgressReport], None]
    ) -> None:
        self._clock = clock
        self._emit = emit  # called every ten seconds
        self._show = show  # called at every tick
        self._lock = threading.Lock()
        self._scans: dict[str, tuple[int, int]] = {}  # watch: listed, new
        self._listed_before: dict[str, int] = {}  # watch: by the scan that this one resumes
        self._registered = self._failed = self._calls = 0
        self._queued = 0
        self._to_list: int | None = None
        self._listing = True
        self._samples: deque[_Sample] = deque()
        self._logged_at = clock.monotonic()
        self._paused = False

    def begin(self, *, queued: int, to_list: int | None) -> None:
        """See `ports.Progress.begin`."""
        self._queued, self._to_list = queued, to_list

    def listed(self, scan: ScanReport) -> None:
        """See `ports.Progress.listed`."""
        with self._lock:
            before = max(0, scan.listed - scan.list_calls * _MOST_A_CALL)
            self._listed_before.setdefault(scan.watch, before)
            self._scans[scan.watch] = scan.listed, scan.new

    def listing_ended(self) -> None:
        """See `ports.Progress.listing_ended`: rates are those of registering from now on."""
        with self._lock:
            self._listing = False
            self._samples.clear()

    def registered(self, report: RegisterReport) -> None:
        """See `ports.Progress.registered`."""
        self._registered, self._failed, self._calls = (
            report.registered,
            report.failed,
            report.register_calls,
        )

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Show nothing while a person is asked, and leave that time out of the rates."""
        self._paused = True
        try:
            yield
        finally:
            with self._lock:
                self._samples.clear()
            self._logged_at = self._clock.monotonic()
            self._paused = False

    def report(self) -> ProgressReport:
        """Return how far the run is."""
        with self._lock:
            listed = sum(listed for listed, _ in self._scans.values())
            new = sum(new for _, new in self._scans.values())
            now = self._sampled(listed - sum(self._listed_before.values()))
            calls_per_second = self._rate(now.calls - self._samples[0].calls)
            eta_s = self._eta_s(now, new)
            return ProgressReport(
                listing=self._listing,
                listed=listed,
                to_list=self._to_list,
                to_register=self._queued + new,
                registered=self._registered,
                failed=self._failed,
                listed_per_second=self._rate(now.listed - self._samples[0].listed),
                calls_per_second=round(calls_per_second, 2),
                eta_s=None if eta_s is None else round(eta_s),
            )

    def facts(self) -> dict[str, object]:
        """Return how far the run is, under the names of the event; the ETA is in seconds."""
        return self._facts(self.report())

    def _facts(self, report: ProgressReport) -> dict[str, object]:
        return {
            "listed": report.listed,
            "new": report.to_register - self._queued,
            "registered": report.registered,
            "failed": report.failed,
            "calls_per_second": report.calls_per_second,
            "eta_s": report.eta_s,
        }

    def tick(self) -> None:
        """Show how far the run is, and log that every ten seconds."""
        if self._paused:
            return
        report = self.report()
        self._show(report)
        if self._clock.monotonic() - self._logged_at >= _LINE_S:
            self._logged_at = self._clock.monotonic()
            self._emit(logs.BACKFILL_PROGRESS, **self._facts(report))

    def _sampled(self, listed: int) -> _Sample:
        """Return a sample of now; keep it for the rates, and drop those that are too old."""
        now = _Sample(self._clock.monotonic(), listed, self._registered + self._failed, self._calls)
        if not self._samples or now.at - self._samples[-1].at >= _SAMPLE_S:
            self._samples.append(now)
        while len(self._samples) > 1 and self._samples[1].at <= now.at - _WINDOW_S:
            self._samples.popleft()
        return now

    def _rate(self, n: int) -> float:
        passed_s = self._clock.monotonic() - self._samples[0].at
        return n / passed_s if passed_s > 0 else 0.0

    def _eta_s(self, now: _Sample, new: int) -> float | None:
        """Return how long the run will take, None if unknown; listing and registering overlap."""
        left = self._queued + new - now.done
        parts = [_seconds(left, self._rate(now.done - self._samples[0].done))]
        if self._listing:
            listed = now.listed + sum(self._listed_before.values())
            unlisted = None if self._to_list is None else max(0, self._to_list - listed)
            parts.append(
                None
                if unlisted is None
                else _seconds(unlisted, self._rate(now.listed - self._samples[0].listed))
            )
        return None if None in parts else max(part for part in parts if part is not None)


def _seconds(left: int, rate: float) -> float | None:
    if left <= 0:
        return 0.0
    return left / rate if rate > 0 else None


class ProgressTicker:
    """Call `ProgressTracker.tick` ten times a second while the block runs."""

    def __init__(self, tracker: ProgressTracker, clock: Clock) -> None:
        self._tracker = tracker
        self._clock = clock
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> None:
        """Start the thread."""
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """Stop the thread, and wait for it."""
        self._ended = True
        self._thread.join()

    def _run(self) -> None:
        while not self._ended and not self._clock.wait(_TICK_S):
            self._tracker.tick()

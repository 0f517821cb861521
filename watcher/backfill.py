"""Use case: a backfill.  What was asked for, how far it is, and how it waits for another process that registers."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from watcher.giving_up import BACKFILL_S
from watcher.observe import logs
from watcher.rules.filters import Filters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from watcher.errors import CloudError
    from watcher.giving_up import GiveUp
    from watcher.ports import Clock
    from watcher.reports import RegisterReport, ScanReport

_WINDOW_S = 10.0  # over which rates are taken
_SAMPLE_S = 0.5
_LINE_S = 10.0
_TICK_S = 0.1
_MOST_A_CALL = 1000  # objects that one request lists
_POLL_S = 0.5  # of what another process has registered


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """What one backfill was asked for."""

    filters: Filters = field(default_factory=Filters)
    keys: Mapping[str, Sequence[str]] | None = None  # by watch: these in the place of a listing
    manifest: tuple[str, str] | None = None  # (bucket, key): of an inventory in the place of a listing
    give_up_after_s: float = BACKFILL_S  # without one entry decided; infinity = never

    def covered(self, watch: str) -> str:
        """Return which part of a watch it covers, as a person asked for it; "" = all that the watch selects."""
        parts = [self.filters.options()]
        if self.keys is not None:
            parts.append(f"--files-from ({len(self.keys[watch])} keys)")
        if self.manifest is not None:
            parts.append(f"--list-manifest-from oss://{'/'.join(self.manifest)}")
        return " ".join(filter(None, parts))


class _Sample(NamedTuple):
    """What was done at an instant."""

    at: float
    listed: int  # by this run
    done: int  # registered or failed
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HowFar:
    """How far a run is; rates are over the last ten seconds."""

    listing: bool  # it has not ended
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
        """Of the listing while it lasts, then of the files; None: the whole is not known."""
        if self.listing:
            is_known = self.to_list is not None and 0 < self.to_list >= self.listed
            return _share(self.listed, self.to_list or 0) if is_known else None
        return _share(self.registered + self.failed, self.to_register)


def _share(done: int, of: int) -> float:
    return min(1.0, done / of) if of else 1.0


class Tracker:
    """`ports.Progress` that knows rates and what is left; for any number of threads."""

    def __init__(self, clock: Clock, *, emit: Callable[..., None], show: Callable[[HowFar], None]) -> None:
        self._clock = clock
        self._emit = emit  # told every ten seconds
        self._show = show  # told at every sample
        self._turn = threading.Lock()
        self._scans: dict[str, tuple[int, int]] = {}  # watch: listed, new
        self._listed_before: dict[str, int] = {}  # watch: by the scan that this one resumes
        self._registered = self._failed = self._calls = 0
        self._in_line = 0
        self._to_list: int | None = None
        self._listing = True
        self._samples: deque[_Sample] = deque()
        self._told = clock.monotonic()
        self._paused = False

    def begin(self, *, in_line: int, to_list: int | None) -> None:
        """See `ports.Progress.begin`."""
        self._in_line, self._to_list = in_line, to_list

    def listed(self, scan: ScanReport) -> None:
        """See `ports.Progress.listed`."""
        with self._turn:
            before = max(0, scan.listed - scan.list_calls * _MOST_A_CALL)
            self._listed_before.setdefault(scan.watch, before)
            self._scans[scan.watch] = scan.listed, scan.new

    def listing_ended(self) -> None:
        """See `ports.Progress.listing_ended`: rates are those of registering from now on."""
        with self._turn:
            self._listing = False
            self._samples.clear()

    def registered(self, report: RegisterReport) -> None:
        """See `ports.Progress.registered`."""
        self._registered, self._failed, self._calls = report.registered, report.failed, report.register_calls

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Say nothing while a person is asked, and count that time in no rate."""
        self._paused = True
        try:
            yield
        finally:
            with self._turn:
                self._samples.clear()
            self._told = self._clock.monotonic()
            self._paused = False

    def how_far(self) -> HowFar:
        """Return how far it is."""
        with self._turn:
            listed, new = (sum(counts) for counts in zip((0, 0), *self._scans.values(), strict=True))
            now = self._sampled(listed - sum(self._listed_before.values()))
            calls_per_second = self._rate(now.calls - self._samples[0].calls)
            eta_s = self._eta_s(now, new)
            return HowFar(
                listing=self._listing,
                listed=listed,
                to_list=self._to_list,
                to_register=self._in_line + new,
                registered=self._registered,
                failed=self._failed,
                listed_per_second=self._rate(now.listed - self._samples[0].listed),
                calls_per_second=round(calls_per_second, 2),
                eta_s=None if eta_s is None else round(eta_s),
            )

    def facts(self) -> dict[str, object]:
        """Return how far it is under the names of the event: ETA in seconds."""
        return self._facts(self.how_far())

    def _facts(self, it: HowFar) -> dict[str, object]:
        return {
            "listed": it.listed,
            "new": it.to_register - self._in_line,
            "registered": it.registered,
            "failed": it.failed,
            "calls_per_second": it.calls_per_second,
            "eta_s": it.eta_s,
        }

    def tick(self) -> None:
        """Show how far it is, and log it when ten seconds have passed."""
        if self._paused:
            return
        it = self.how_far()
        self._show(it)
        if self._clock.monotonic() - self._told >= _LINE_S:
            self._told = self._clock.monotonic()
            self._emit(logs.BACKFILL_PROGRESS, **self._facts(it))

    def _sampled(self, listed: int) -> _Sample:
        """Return what is done now; keep it if the last one kept is old enough, and forget what is too old."""
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
        """Return how long it will take, None if that cannot be told yet: listing and registering go on together."""
        left = self._in_line + new - now.done
        parts = [_seconds(left, self._rate(now.done - self._samples[0].done))]
        if self._listing:
            listed = now.listed + sum(self._listed_before.values())
            unlisted = None if self._to_list is None else max(0, self._to_list - listed)
            parts.append(
                None if unlisted is None else _seconds(unlisted, self._rate(now.listed - self._samples[0].listed))
            )
        return None if None in parts else max(part for part in parts if part is not None)


def _seconds(left: int, rate: float) -> float | None:
    if left <= 0:
        return 0.0
    return left / rate if rate > 0 else None


class Ticking:
    """Lets a tracker tell how far it is while the block runs."""

    def __init__(self, tracker: Tracker, clock: Clock) -> None:
        self._tracker = tracker
        self._clock = clock
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """Tell no more."""
        self._ended = True
        self._thread.join()

    def _run(self) -> None:
        while not self._ended and not self._clock.wait(_TICK_S):
            self._tracker.tick()


class Beside(Enum):
    """How waiting for the process that registers ended."""

    SETTLED = "settled"  # nothing is in line
    HANDED_OVER = "handed over"  # that process serves all that is, and nobody waits for it
    TAKEN_OVER = "taken over"  # that process is gone, and the lock is ours
    STOPPED = "stopped"  # we were asked to stop


def wait_for_owner(
    *,
    in_line: Callable[[], int],
    try_acquire: Callable[[], bool],
    handed_over: Callable[[], bool],
    limit: GiveUp,
    too_long: Callable[[], CloudError],
    clock: Clock,
) -> Beside:
    """Wait until another process has registered what is in line, or will, or is gone.

    `handed_over` tells whether it serves all of that, so that there is nothing to wait for.

    Raises:
        CloudError: calls have stopped, or it does not serve what is in line (both by
            `handed_over`), or it took `too_long`.
    """
    limit.begin()
    while in_line():
        if try_acquire():
            return Beside.TAKEN_OVER
        if handed_over():
            return Beside.HANDED_OVER
        if limit.is_over:
            raise too_long()
        if clock.wait(_POLL_S):
            return Beside.STOPPED
    return Beside.SETTLED

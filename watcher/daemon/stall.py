"""Detect stalled workers: each one uses its clock while it waits or works.

No thread of its own reports progress: it would go on while the workers hang.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.ports import Clock

_STEP_S: Final = 0.2  # how long one wait lasts without a look at a stop request


class WorkerGroup:
    """The workers of one configuration, which stop together."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stopped = False
        self._at_work: dict[str, WorkerClock] = {}

    def stop(self) -> None:
        """Ask all workers to stop, for good."""
        self._stopped = True

    @property
    def clock(self) -> WorkerClock:
        """A clock for work that belongs to no single worker."""
        return WorkerClock(self, self._clock)

    @property
    def is_stopping(self) -> bool:
        """Whether the workers, or the process, were asked to stop."""
        return self._stopped or self._clock.wait(0)

    @contextmanager
    def worker(self, name: str) -> Iterator[WorkerClock]:
        """Yield the clock of a worker, which is at work while the block runs."""
        clock = WorkerClock(self, self._clock)
        with self._lock:
            self._at_work[name] = clock
        try:
            yield clock
        finally:
            with self._lock:
                self._at_work.pop(name, None)

    def stalled(self, longest_s: float) -> list[str]:
        """Return the names of the workers without progress for more than `longest_s` seconds."""
        now = self._clock.monotonic()
        with self._lock:
            return sorted(
                name for name, clock in self._at_work.items() if now - clock.seen_at > longest_s
            )


class WorkerClock:
    """`ports.Clock` for one worker, for all its threads."""

    def __init__(self, group: WorkerGroup, clock: Clock) -> None:
        self._group = group
        self._clock = clock
        self.seen_at = clock.monotonic()  # the last sign of progress

    def mark_progress(self) -> None:
        """Note that this worker makes progress, or waits for something known."""
        self.seen_at = self._clock.monotonic()

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return self._clock.now_ms()

    def monotonic(self) -> float:
        """See `ports.Clock.monotonic`."""
        return self._clock.monotonic()

    def wait(self, seconds: float) -> bool:
        """See `ports.Clock.wait`; the stop of the group is a stop request, too."""
        end = self._clock.monotonic() + max(0.0, seconds)
        while True:
            self.seen_at = self._clock.monotonic()
            left = max(0.0, end - self.seen_at)
            if self._group.is_stopping or self._clock.wait(min(left, _STEP_S)):
                return True
            if left <= _STEP_S:
                return False

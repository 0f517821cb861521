"""Whether the parts of a daemon get on.  Whoever waits or works comes by the clock all the time: that is its pulse.

No thread of its own tells that all is well: it would go on telling while the rest hangs.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.ports import Clock

_STEP_S = 0.2  # how long one wait goes on without a look at whether it should end


class Shift:
    """Some parts of a daemon that work under one configuration, and end together."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = threading.Lock()
        self._ended = False
        self._at_work: dict[str, Part] = {}

    def end(self) -> None:
        """Ask all parts to stop, now and for good."""
        self._ended = True

    @property
    def clock(self) -> Part:
        """A clock for what no part has to itself."""
        return Part(self, self._clock)

    @property
    def is_over(self) -> bool:
        """Whether the parts were asked to stop, as by `Clock.wait`."""
        return self._ended or self._clock.wait(0)

    @contextmanager
    def part(self, name: str) -> Iterator[Part]:
        """Yield the clock of a part, which is at work while the block runs."""
        part = Part(self, self._clock)
        with self._turn:
            self._at_work[name] = part
        try:
            yield part
        finally:
            with self._turn:
                self._at_work.pop(name, None)

    def without_pulse(self, longest_s: float) -> list[str]:
        """Return the names of the parts at work that have not come by for longer than `longest_s`."""
        now = self._clock.monotonic()
        with self._turn:
            return sorted(name for name, part in self._at_work.items() if now - part.seen_at > longest_s)


class Part:
    """`ports.Clock` for one part of a daemon, for all its threads."""

    def __init__(self, shift: Shift, clock: Clock) -> None:
        self._shift = shift
        self._clock = clock
        self.seen_at = clock.monotonic()  # when it last came by

    def come_by(self) -> None:
        """Show that this part gets on, or knows what it waits for."""
        self.seen_at = self._clock.monotonic()

    def now_ms(self) -> int:
        """See `ports.Clock.now_ms`."""
        return self._clock.now_ms()

    def monotonic(self) -> float:
        """See `ports.Clock.monotonic`."""
        return self._clock.monotonic()

    def wait(self, seconds: float) -> bool:
        """See `ports.Clock.wait`; the end of the shift is a stop request, too."""
        end = self._clock.monotonic() + max(0.0, seconds)
        while True:
            self.seen_at = self._clock.monotonic()
            left = max(0.0, end - self.seen_at)
            if self._shift.is_over or self._clock.wait(min(left, _STEP_S)):
                return True
            if left <= _STEP_S:
                return False

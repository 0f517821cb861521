"""Lines on their way out, written by a thread of its own, so that no reader can hold up the work.

A line that cannot be written within a second is dropped and counted.  On a terminal something may stand below the
lines, drawn again behind each of them; it is no line, and of several only the last is drawn.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from watcher.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WITHIN_S: Final = 1.0
_MOST_BYTES: Final = 1 << 20  # queued
_AT_ONCE_BYTES: Final = select.PIPE_BUF  # a pipe that has room at all has room for so many
_LOOK_S: Final = 0.1
_LONGEST_DRAIN_S: Final = 2.0
_UP: Final = b"\x1b[A"  # the cursor, by a row
_CUT: Final = b"\x1b[?7l"  # what is too wide, as when the window has just become narrow ...
_WRAP: Final = b"\x1b[?7h"  # ... or let it go on in the next row
_CLEAR: Final = b"\r\x1b[J"  # from the beginning of the cursor's row to the end of the screen


class Outlet:
    """A bounded queue of lines and the thread that delivers them; for any number of threads.

    `deliver` gets the bytes and returns how many of them it delivered: 0 = no room now.  It may wait a
    moment for room, and an OSError means that this line is lost.
    """

    def __init__(self, deliver: Callable[[bytes], int], *, at_once_bytes: int = 0) -> None:
        self._deliver = deliver
        self._at_once_bytes = at_once_bytes  # several lines that are shorter go together
        self._changed = threading.Condition(threading.Lock())
        self._queue: deque[tuple[float, bytes]] = deque()  # when it came, the line
        self._queued_bytes = 0
        self._delivering = False
        self._progress_at = 0.0
        self._below = b""  # what is to stand below the lines
        self._drawn = b""  # what does
        self._mid_line = False  # the last line that was written has no end yet
        self._thread: threading.Thread | None = None
        self._dropped = 0  # since `take_dropped`
        self._fails = False  # since a line was dropped none was delivered
        self._closed = False

    def put(self, line: bytes) -> None:
        """Queue a line; wait for room only while lines are being delivered."""
        with self._changed:
            if self._closed:
                return
            while not self._has_room(line):
                if self._fails or self._is_stalled():
                    self._count(1)
                    return
                self._changed.wait(_LOOK_S)
            self._begin()
            self._queue.append((SystemClock.read_s(), line))
            self._queued_bytes += len(line)
            self._start()
            self._changed.notify_all()

    def stand_below(self, text: bytes) -> None:
        """Let this stand below the lines of a terminal instead of what stands there. Never wait.

        It has no end of a line at its end; b"" takes it away.
        """
        with self._changed:
            if self._closed or text == self._below:
                return
            self._begin()
            self._below = text
            self._start()
            self._changed.notify_all()

    def leave_below(self) -> None:
        """Let what stands below scroll away: another process has written to the terminal."""
        with self._changed:
            self._below = self._drawn = b""

    def line_was_ended(self) -> None:
        """Learn that a person has ended the line on the terminal, as by an answer to a question."""
        with self._changed:
            self._mid_line = False
            self._changed.notify_all()

    @property
    def has_below(self) -> bool:
        """Whether something is to stand below the lines."""
        return bool(self._below)

    def take_dropped(self) -> int:
        """Return how many lines were dropped since this was last asked; 0 while nothing can be written."""
        with self._changed:
            self._drop_late()
            if self._fails:
                return 0
            n, self._dropped = self._dropped, 0
            return n

    def drain(self) -> None:
        """Wait until all is delivered, but not for a reader that has stalled."""
        until = SystemClock.read_s() + _LONGEST_DRAIN_S
        with self._changed:
            while self._is_at_work and SystemClock.read_s() < until:
                self._drop_late()
                if self._is_stalled():
                    return
                self._changed.wait(_LOOK_S)

    def close(self) -> None:
        """Deliver what can be delivered, and end the thread: nothing is written after this returns."""
        self.drain()
        with self._changed:
            self._closed = True
            self._count(len(self._queue))
            self._queue.clear()
            self._changed.notify_all()
        if self._thread:
            self._thread.join(WITHIN_S)

    def _has_room(self, line: bytes) -> bool:
        self._drop_late()
        return not self._queue or self._queued_bytes + len(line) <= _MOST_BYTES

    @property
    def _is_at_work(self) -> bool:
        return bool(self._queue) or self._delivering or self._is_to_draw

    @property
    def _is_to_draw(self) -> bool:
        return self._drawn != (b"" if self._mid_line else self._below)

    def _begin(self) -> None:
        """Measure a stall from now on, if nothing waits yet; the lock is held."""
        if not self._is_at_work:
            self._progress_at = SystemClock.read_s()

    def _is_stalled(self) -> bool:
        return self._is_at_work and SystemClock.read_s() - self._progress_at >= WITHIN_S

    def _drop_late(self) -> None:
        late = SystemClock.read_s() - WITHIN_S
        while self._queue and self._queue[0][0] <= late:
            self._queued_bytes -= len(self._queue.popleft()[1])
            self._count(1)

    def _start(self) -> None:
        if self._thread is None:
            # A daemon thread: the process ends whether or not somebody reads.
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (lines := self._next()) is not None:
            self._bring(lines)
            with self._changed:
                self._delivering = False
                self._changed.notify_all()

    def _next(self) -> list[tuple[float, bytes]] | None:
        """Return the next lines, none if there is only something to draw; None: it was closed."""
        with self._changed:
            while not (self._queue or self._is_to_draw):
                if self._closed:
                    return None
                self._changed.wait()
            if self._closed and not self._queue:
                return None
            if not self._queue:
                return []
            lines = [self._queue.popleft()]
            n_bytes = len(lines[0][1])
            while self._queue and n_bytes + len(self._queue[0][1]) <= self._at_once_bytes:
                lines.append(self._queue.popleft())
                n_bytes += len(lines[-1][1])
            self._queued_bytes -= n_bytes
            self._delivering = True
            return lines

    def _bring(self, lines: list[tuple[float, bytes]]) -> None:
        """Deliver lines, or drop those that waited too long; one that was begun is ended."""
        begun, left, below = False, b"", b""
        while left or not begun:
            with self._changed:
                if self._closed:
                    self._count(len(lines))
                    return
                self._drop_late()
                if not begun:
                    late = self._n_late(lines)
                    self._count(late)
                    lines = lines[late:]
                    left, below = self._with_below(lines)
            if not left:
                return
            try:
                n = self._deliver(left)
            except (OSError, ValueError):  # ValueError: a stream that was closed
                with self._changed:
                    self._count(len(lines))
                    self._drawn = below  # not tried again until there is something else
                return
            if n:
                begun, left = True, left[n:]
                with self._changed:
                    self._fails = False
                    self._progress_at = SystemClock.read_s()
                    self._changed.notify_all()
        with self._changed:
            self._drawn = below
            if lines:
                self._mid_line = not lines[-1][1].endswith(b"\n")

    def _with_below(self, lines: list[tuple[float, bytes]]) -> tuple[bytes, bytes]:
        """Return what to write for these lines, and what then stands below; the lock is held."""
        text = _joined(lines)
        is_mid_line = not text.endswith(b"\n") if text else self._mid_line
        below = b"" if is_mid_line else self._below
        if self._drawn == below and not text:
            return b"", below
        clear = _CLEAR if self._drawn else b""
        # The cursor waits at the first row: a window that grows narrow may break the others into more.
        back = b"\r" + _UP * below.count(b"\n")
        return clear + text + (_CUT + below + _WRAP + back if below else b""), below

    @staticmethod
    def _n_late(lines: list[tuple[float, bytes]]) -> int:
        late = SystemClock.read_s() - WITHIN_S
        return sum(came <= late for came, _ in lines)

    def _count(self, n: int) -> None:
        """Count dropped lines; the lock is held."""
        if not n:
            return
        self._dropped += n
        self._fails = True
        _count_for_all(n)


_all_dropped = 0
_counting = threading.Lock()


def _count_for_all(n: int) -> None:
    global _all_dropped  # noqa: PLW0603 (of the process, whatever outlets come and go)
    with _counting:
        _all_dropped += n


def dropped() -> int:
    """Return how many lines this process has dropped."""
    return _all_dropped


def sentence(n: int) -> str:
    """Say how many lines are missing in a log."""
    lines = "1 log line was" if n == 1 else f"{n} log lines were"
    return f"{lines} dropped: the log could not be written within {WITHIN_S:.0f} s"


def _joined(lines: Iterable[tuple[float, bytes]]) -> bytes:
    return b"".join(line for _, line in lines)


def into(descriptor: int) -> Outlet:
    """Return an outlet into a pipe, a terminal, a socket or a file.

    The descriptor is not made non-blocking: other processes share it.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    pause = threading.Event()

    def deliver(line: bytes) -> int:
        if not poll.poll(_LOOK_S * 1000):
            return 0
        try:
            return os.write(descriptor, line[:_AT_ONCE_BYTES])
        except BlockingIOError:  # somebody else has made it non-blocking
            pause.wait(_LOOK_S)
            return 0

    return Outlet(deliver, at_once_bytes=_AT_ONCE_BYTES)

"""Queues log lines and writes them in a separate thread, so that no reader can block the work.

A line that cannot be written within a second is dropped and counted. On a terminal, a footer
such as a progress bar may stand below the lines. It is drawn again after each line. Of several
footers only the last is drawn.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from watcher.clock import SystemClock
from watcher.observe.footer import Footer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WITHIN_S: Final = 1.0
_MOST_BYTES: Final = 1 << 20  # queued
_AT_ONCE_BYTES: Final = select.PIPE_BUF  # a writable pipe has room for this many
_LOOK_S: Final = 0.1
_LONGEST_DRAIN_S: Final = 2.0


class Outlet:
    """A bounded queue of lines and the thread that delivers them. Threads may share it.

    `deliver` gets bytes and returns how many of them it delivered: 0 = no room now. It may wait a
    moment for room. After an OSError this line is lost.
    """

    def __init__(self, deliver: Callable[[bytes], int], *, at_once_bytes: int = 0) -> None:
        self._deliver = deliver
        self._at_once_bytes = at_once_bytes  # shorter lines are joined up to this size
        self._changed = threading.Condition(threading.Lock())
        self._queue: deque[tuple[float, bytes]] = deque()  # time of arrival, line
        self._queued_bytes = 0
        self._delivering = False
        self._progress_at = 0.0
        self._footer = Footer()
        self._thread: threading.Thread | None = None
        self._dropped = 0  # since `take_dropped`
        self._fails = False  # True: no line was delivered since the last dropped one
        self._closed = False

    def put(self, line: bytes) -> None:
        """Queue a line. Wait for room only while the reader makes progress."""
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

    def set_footer(self, text: bytes) -> None:
        """Set the footer below the lines of a terminal, without a wait.

        `text` has no line end at its end. b"" removes the footer.
        """
        with self._changed:
            if self._closed or text == self._footer.wanted:
                return
            self._begin()
            self._footer.wanted = text
            self._start()
            self._changed.notify_all()

    def forget_footer(self) -> None:
        """Forget the footer on the screen: another process has written to the terminal."""
        with self._changed:
            self._footer.forget()

    def note_line_end(self) -> None:
        """Note that a person has ended the line on the terminal, e.g. by an answer."""
        with self._changed:
            self._footer.mid_line = False
            self._changed.notify_all()

    @property
    def has_footer(self) -> bool:
        """Whether there is a footer."""
        return bool(self._footer.wanted)

    def take_dropped(self) -> int:
        """Return the number of lines dropped since the last call; 0 while writing fails."""
        with self._changed:
            self._drop_late()
            if self._fails:
                return 0
            n, self._dropped = self._dropped, 0
            return n

    def drain(self) -> None:
        """Wait until all lines are delivered, unless the reader has stalled."""
        until = SystemClock.read_s() + _LONGEST_DRAIN_S
        with self._changed:
            while self._is_at_work and SystemClock.read_s() < until:
                self._drop_late()
                if self._is_stalled():
                    return
                self._changed.wait(_LOOK_S)

    def close(self) -> None:
        """Deliver as `drain` does, then end the thread. Nothing is written afterwards."""
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
        return bool(self._queue) or self._delivering or self._footer.is_to_draw

    def _begin(self) -> None:
        """Start the stall timer if nothing waits yet. The caller holds the lock."""
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
            # A daemon thread: the process can end without a reader.
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (lines := self._next()) is not None:
            self._bring(lines)
            with self._changed:
                self._delivering = False
                self._changed.notify_all()

    def _next(self) -> list[tuple[float, bytes]] | None:
        """Return the next lines; none if only the footer changed; None after `close`."""
        with self._changed:
            while not (self._queue or self._footer.is_to_draw):
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
        """Deliver lines. Drop those that waited too long, but finish a line that was begun."""
        begun, left, footer = False, b"", b""
        while left or not begun:
            with self._changed:
                if self._closed:
                    self._count(len(lines))
                    return
                self._drop_late()
                if not begun:
                    late = _n_late(lines)
                    self._count(late)
                    lines = lines[late:]
                    left, footer = self._footer.behind(_joined(lines))
            if not left:
                return
            try:
                n = self._deliver(left)
            except (OSError, ValueError):  # ValueError: a stream that was closed
                with self._changed:
                    self._count(len(lines))
                    self._footer.drawn = footer  # draw no footer again before it changes
                return
            if n:
                begun, left = True, left[n:]
                with self._changed:
                    self._fails = False
                    self._progress_at = SystemClock.read_s()
                    self._changed.notify_all()
        with self._changed:
            self._footer.drawn = footer
            if lines:
                self._footer.mid_line = not lines[-1][1].endswith(b"\n")

    def _count(self, n: int) -> None:
        """Count dropped lines. The caller holds the lock."""
        if not n:
            return
        self._dropped += n
        self._fails = True
        _count_for_all(n)


_all_dropped = 0
_counting = threading.Lock()


def _count_for_all(n: int) -> None:
    global _all_dropped  # noqa: PLW0603 (one total for all outlets of the process)
    with _counting:
        _all_dropped += n


def dropped() -> int:
    """Return how many lines this process has dropped."""
    return _all_dropped


def sentence(n: int) -> str:
    """Return the sentence for `n` dropped log lines."""
    lines = "1 log line was" if n == 1 else f"{n} log lines were"
    return f"{lines} dropped: the log could not be written within {WITHIN_S:.0f} s"


def _n_late(lines: Iterable[tuple[float, bytes]]) -> int:
    late = SystemClock.read_s() - WITHIN_S
    return sum(came <= late for came, _ in lines)


def _joined(lines: Iterable[tuple[float, bytes]]) -> bytes:
    return b"".join(line for _, line in lines)


def open_outlet(descriptor: int) -> Outlet:
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
        except BlockingIOError:  # another process has made it non-blocking
            pause.wait(_LOOK_S)
            return 0

    return Outlet(deliver, at_once_bytes=_AT_ONCE_BYTES)

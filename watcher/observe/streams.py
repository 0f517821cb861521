"""The standard streams of the program, such that none of them can stop the work.

stderr: lines that wait for no reader (see `outlet`).  stdout: the result, whose loss is remembered.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from typing import TYPE_CHECKING, Any, Final, cast

from watcher.observe import outlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.observe.outlet import Outlet

_LOOK_MS: Final = 200
_PIECE: Final = select.PIPE_BUF  # a pipe that has room at all has room for so much
_POLITE: Final = "backslashreplace"  # a key that the terminal cannot show ends nothing


class ResultLost(Exception):
    """The result could not be written to stdout; not an OSError, which click would take for its own."""

    def __init__(self, why: OSError) -> None:
        self.reader_left = why.errno == errno.EPIPE
        self.why = why.strerror or type(why).__name__
        super().__init__(self.why)


class _Stream(io.RawIOBase):
    """What leads to a descriptor, and leaves it open."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)


class Lines(_Stream):
    """stderr: what is written goes out by a thread of its own, a write as a whole or not at all."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self.outlet: Outlet = outlet.into(descriptor)

    def write(self, text: Any, /) -> int:
        """Queue it."""
        line = bytes(text)
        if line:
            self.outlet.put(line)
        return len(line)


class Result(_Stream):
    """stdout: waits for its reader, but not after a stop request, and never raises twice."""

    def __init__(self, descriptor: int, *, before: Callable[[], None]) -> None:
        super().__init__(descriptor)
        self._before = before  # called before each write
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self.lost: ResultLost | None = None
        self.raises = True  # False: the work matters more than what is said of it
        self.gives_up: Callable[[], bool] = lambda: False
        self.given_up = False

    def write(self, text: Any, /) -> int:
        """Write some of it, or pass over it once the result is lost.

        Raises:
            ResultLost: it cannot be written, and `raises` is set.
        """
        view = memoryview(text).cast("B")
        if self.lost or self.given_up or not view:
            return len(view)
        try:
            return self._write(view)
        except OSError as error:
            self.lost = ResultLost(error)
        if self.raises:
            raise self.lost
        return len(view)

    def _write(self, view: memoryview) -> int:
        self._before()
        while True:
            if self._poll.poll(_LOOK_MS):
                try:
                    return os.write(self._descriptor, view if self._is_file else view[:_PIECE])
                except BlockingIOError:  # somebody else has made it non-blocking
                    select.select((), (), (), _LOOK_MS / 1000)
            if self.gives_up():
                self.given_up = True
                return len(view)


class Streams:
    """Both of them, in the place of the interpreter's own."""

    def __init__(self) -> None:
        self.lines = Lines(2)
        self.result = Result(1, before=self.lines.outlet.drain if _are_one(1, 2) else _nothing)

    def take_over(self) -> None:
        """Become `sys.stdout` and `sys.stderr`."""
        encodings = [getattr(stream, "encoding", None) or "utf-8" for stream in (sys.stdout, sys.stderr)]
        if sys.stdin is None:
            sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (it lives as long as we do)
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(self.result),
            encoding=encodings[0],
            errors=_POLITE,
            line_buffering=self.result.isatty(),
        )
        sys.stderr = io.TextIOWrapper(
            cast("Any", self.lines), encoding=encodings[1], errors=_POLITE, write_through=True
        )

    def end(self) -> None:
        """Write what can still be written; afterwards nothing of ours waits or raises."""
        self.result.given_up = True
        lines = self.lines.outlet
        lines.drain()
        if n := lines.take_dropped():
            lines.put(f"warning: {outlet.sentence(n)}\n".encode())
        lines.close()


def _nothing() -> None:
    """Do nothing."""


def _are_one(first: int, second: int) -> bool:
    """Tell whether both lead to the same place, where their order is seen."""
    one, other = os.fstat(first), os.fstat(second)
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


_of_process: list[Streams] = []


def take_over() -> Streams:
    """Put streams of ours in the place of the interpreter's; call it once, before anything is written."""
    _of_process.append(Streams())
    _of_process[-1].take_over()
    return _of_process[-1]


def result() -> Result | None:
    """Return stdout, if it is ours."""
    return _of_process[-1].result if _of_process else None


def lines() -> Outlet | None:
    """Return where the lines for stderr wait, if it is ours."""
    return _of_process[-1].lines.outlet if _of_process else None

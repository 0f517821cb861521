"""The program's standard streams. Neither can stop the work.

stderr holds log lines that wait for no reader (see `outlet`). stdout holds the result. A failure
to write the result is remembered.
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
_PIECE: Final = select.PIPE_BUF  # a writable pipe has room for this many bytes
_ENCODING_ERRORS: Final = "backslashreplace"  # for keys that the terminal cannot show


class ResultLost(Exception):
    """The result could not be written to stdout.

    Not an OSError: click handles those itself.
    """

    def __init__(self, why: OSError) -> None:
        self.reader_left = why.errno == errno.EPIPE
        self.why = why.strerror or type(why).__name__
        super().__init__(self.why)


class _Stream(io.RawIOBase):
    """A raw stream over a descriptor, which it never closes."""

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
    """stderr: a separate thread writes. Each write appears as a whole, or not at all."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self.outlet: Outlet = outlet.open_outlet(descriptor)

    def write(self, text: Any, /) -> int:
        """Queue the bytes."""
        line = bytes(text)
        if line:
            self.outlet.put(line)
        return len(line)


class Result(_Stream):
    """stdout: waits for its reader until a stop request, and raises at most once."""

    def __init__(self, descriptor: int, *, before: Callable[[], None]) -> None:
        super().__init__(descriptor)
        self._before = before  # called before each write
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self.lost: ResultLost | None = None
        self.raises = True  # False: go on with the work after a failed write
        self.gives_up: Callable[[], bool] = lambda: False
        self.given_up = False

    def write(self, text: Any, /) -> int:
        """Write some of the bytes. Discard them once the result is lost.

        Raises:
            ResultLost: writing failed, and `raises` is set.
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
                except BlockingIOError:  # another process has made it non-blocking
                    select.select((), (), (), _LOOK_MS / 1000)
            if self.gives_up():
                self.given_up = True
                return len(view)


class Streams:
    """stdout and stderr, in place of the interpreter's own."""

    def __init__(self) -> None:
        self.lines = Lines(2)
        self.result = Result(1, before=self.lines.outlet.drain if _are_one(1, 2) else _nothing)

    def take_over(self) -> None:
        """Replace `sys.stdout` and `sys.stderr`."""
        encodings = [
            getattr(stream, "encoding", None) or "utf-8" for stream in (sys.stdout, sys.stderr)
        ]
        if sys.stdin is None:
            sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (it lives as long as we do)
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(self.result),
            encoding=encodings[0],
            errors=_ENCODING_ERRORS,
            line_buffering=self.result.isatty(),
        )
        sys.stderr = io.TextIOWrapper(
            cast("Any", self.lines),
            encoding=encodings[1],
            errors=_ENCODING_ERRORS,
            write_through=True,
        )

    def end(self) -> None:
        """Write as much as possible. Afterwards no stream waits or raises."""
        self.result.given_up = True
        lines = self.lines.outlet
        lines.drain()
        if n := lines.take_dropped():
            lines.put(f"warning: {outlet.sentence(n)}\n".encode())
        lines.close()


def _nothing() -> None:
    """Do nothing."""


def _are_one(first: int, second: int) -> bool:
    """Whether both descriptors lead to the same place, where the order of lines matters."""
    one, other = os.fstat(first), os.fstat(second)
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


_of_process: list[Streams] = []


def take_over() -> Streams:
    """Replace the interpreter's standard streams. Call it once, before any output."""
    _of_process.append(Streams())
    _of_process[-1].take_over()
    return _of_process[-1]


def result() -> Result | None:
    """Return our stdout; None before `take_over`."""
    return _of_process[-1].result if _of_process else None


def lines() -> Outlet | None:
    """Return the outlet of our stderr; None before `take_over`."""
    return _of_process[-1].lines.outlet if _of_process else None

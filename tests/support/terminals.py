"""A real terminal: a pty that controls its own session, and the screen that a person sees."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Self

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.workspace import Workspace

_WITHIN_S = 60.0
_SCROLLED = 100_000  # lines that are kept above the screen


class Terminal:
    """One command on a terminal of `columns` and `rows`; `screen` is what a person sees.

    stdin, stdout and stderr are the terminal, and it controls the command: keys that send signals
    do so.
    """

    def __init__(
        self,
        workspace: Workspace,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        env: dict[str, str] | None = None,
        out: int | None = None,
        before: Sequence[str] = (),
    ) -> None:
        self._master, slave = pty.openpty()
        self._screen = pyte.HistoryScreen(columns, rows, history=_SCROLLED, ratio=0.0001)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        _set_size(slave, columns, rows)
        command = [
            *before,
            sys.executable,
            "-m",
            "watcher",
            "-c",
            str(workspace.config),
            *arguments,
        ]
        self.child = subprocess.Popen(
            command,
            cwd=workspace.folder,
            env=workspace.env | {"TERM": "xterm-256color"} | (env or {}),
            stdin=slave,
            stdout=slave if out is None else out,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (no threads hold locks here)
        )
        os.close(slave)

    def __enter__(self) -> Self:
        """Begin to look."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the terminal away, and end the command if it has not."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        if self._master >= 0:
            os.close(self._master)

    @property
    def rows(self) -> list[str]:
        """The rows of the screen, without what is blank at their ends; blank ones are left out."""
        return [row.rstrip() for row in self._screen.display if row.strip()]

    @property
    def all_rows(self) -> list[str]:
        """The rows that scrolled away, and those of the screen."""
        width = self._screen.columns
        gone = [
            "".join(line[x].data for x in range(width)).rstrip()
            for line in self._screen.history.top
        ]
        return [*(row for row in gone if row), *self.rows]

    @property
    def text(self) -> str:
        return "\n".join(self.all_rows)

    @property
    def cursor_hidden(self) -> bool:
        return self._screen.cursor.hidden

    def read(self, seconds: float) -> None:
        """Draw what comes for so long."""
        until = time.monotonic() + seconds  # noqa: TID251 (a real process keeps real time)
        while (left := until - time.monotonic()) > 0 and self._draw(left):  # noqa: TID251
            pass

    def until(self, true: Callable[[Terminal], object]) -> None:
        """Draw until something is true of what is shown."""
        until = time.monotonic() + _WITHIN_S  # noqa: TID251
        while not true(self):
            assert time.monotonic() < until, self.text  # noqa: TID251
            assert self._draw(1) or true(self), self.text

    def until_shown(self, words: str) -> None:
        self.until(lambda it: words in it.text)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Take another size, as a window that somebody drags; the command gets its signal."""
        self.child.send_signal(
            signal.SIGSTOP
        )  # so that nothing drawn for the old size is under way
        self.read(0.3)
        _set_size(self._master, columns, rows)
        self._screen.resize(rows, columns)
        self.child.send_signal(signal.SIGCONT)

    def hang_up(self) -> None:
        """Go, as a terminal whose window is closed."""
        os.close(self._master)
        self._master = -1

    def end(self) -> int:
        """Draw all that comes, and return the exit status."""
        until = time.monotonic() + _WITHIN_S  # noqa: TID251
        while self._draw(1):
            assert time.monotonic() < until, self.text  # noqa: TID251
        return self.child.wait(timeout=_WITHIN_S)

    def interrupt(self) -> None:
        self.child.send_signal(signal.SIGINT)

    def _draw(self, seconds: float) -> bool:
        """Draw the output so far, and wait so long for it.

        Return False when the command has ended and all is drawn.
        """
        if not select.select([self._master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # all others have closed it
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


def _set_size(descriptor: int, columns: int, rows: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

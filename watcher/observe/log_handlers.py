"""Destinations of log lines: a stream, or the journal with a stream as fallback."""

from __future__ import annotations

import logging
import os
import socket
import threading
from typing import TYPE_CHECKING, Final

from watcher.observe import brief, outlet
from watcher.observe import log_format as rendering

if TYPE_CHECKING:
    from typing import TextIO

    from watcher.observe.outlet import Outlet

JOURNAL_SOCKET: Final = "/run/systemd/journal/socket"
_LOOK_S: Final = 0.05  # between two tries at a busy journal

_RENDERERS: Final = {
    "console": rendering.for_people,
    "json": rendering.as_json,
    "journal": rendering.for_a_pipe_to_the_journal,
}


def choose(
    log_format: str, stream: TextIO, *, whole: bool = True, journal_socket: str = JOURNAL_SOCKET
) -> logging.Handler:
    """Return the handler for a format (see `log_setup.configure`).

    `whole`: write all fields, even on a terminal.
    """
    of_journal = _is_of_journal(stream)
    if log_format == "auto":
        log_format = "journal" if of_journal else "console" if _is_terminal(stream) else "json"
    if log_format == "journal" and of_journal:
        return ToJournal(stream, journal_socket)
    is_brief = log_format == "console" and not whole and _is_terminal(stream)
    pipe = ToStream(stream, is_brief=is_brief)
    render = rendering.for_a_terminal if is_brief else _RENDERERS[log_format]
    pipe.setFormatter(rendering.Formatter(render))
    return pipe


class ToStream(logging.StreamHandler["TextIO"]):
    """Lines on a stream.

    A log that cannot be written (full disk, closed pipe) stops no work and raises nothing.
    """

    def __init__(self, stream: TextIO, *, is_brief: bool = False) -> None:
        super().__init__(stream)
        self._is_brief = is_brief  # short lines, as on a terminal

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, and before it the number of dropped lines."""
        waiting: Outlet | None = getattr(self.stream, "outlet", None)
        if self._is_brief and waiting and waiting.has_footer and brief.is_shown_by_bar(record):
            return
        if missing := _missing(waiting):
            super().emit(missing)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Drop the line; logging would print its arguments, unmasked."""


class ToJournal(logging.Handler):
    """Entries with fields, over the journal's socket.

    While the socket fails, plain lines go to the stream, which leads to the journal, too.
    """

    def __init__(self, stream: TextIO, address: str) -> None:
        super().__init__()
        self._stream = stream
        self._address = address
        # Not connected: after a restart of the journal the next entry finds the new one.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._pause = threading.Event()
        self._outlet = outlet.Outlet(self._deliver)
        self.setFormatter(rendering.Formatter(rendering.entry_of_the_journal))

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one entry, and before it the number of dropped entries."""
        try:
            if missing := _missing(self._outlet):
                self._outlet.put(self.format(missing).encode())
            self._outlet.put(self.format(record).encode())
        except Exception:  # noqa: BLE001 (a log line stops no work)
            self.handleError(record)

    def _deliver(self, entry: bytes) -> int:
        """Send one entry. Return 0 if the journal is busy."""
        try:
            return self._socket.sendto(entry, socket.MSG_DONTWAIT, self._address)
        except BlockingIOError:  # poll(2) does not see the other end of a datagram socket
            self._pause.wait(_LOOK_S)
            return 0
        except OSError:  # no journal for the moment, or an entry too long for a datagram
            self._stream.write(rendering.line_of_entry(entry.decode()) + "\n")
            self._stream.flush()
            return len(entry)

    def flush(self) -> None:
        """Wait a moment until all entries are delivered."""
        self._outlet.drain()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Drop the line; logging would print its arguments, unmasked."""

    def close(self) -> None:
        """Close the socket."""
        self._outlet.close()
        self._socket.close()
        super().close()


def _missing(waiting: Outlet | None) -> logging.LogRecord | None:
    """Return a record with the number of dropped lines; None if none, or while writing fails."""
    n = waiting.take_dropped() if waiting else 0
    if not n:
        return None
    return logging.LogRecord(
        "watcher", logging.WARNING, __file__, 0, outlet.sentence(n), None, None
    )


OURS: Final = (ToStream, ToJournal)


def _is_of_journal(stream: TextIO) -> bool:
    """Whether `stream` is connected to the journal (see systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (OSError, ValueError, AttributeError):
        return False

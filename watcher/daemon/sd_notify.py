"""Notify systemd: ready, reloading, alive, stopping, and one line of status; see sd_notify(3)."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from watcher.observe.escaping import one_line
from watcher.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watcher.model import Standing
    from watcher.observe.health import Health
    from watcher.observe.history import EndedScan

_MOST_STATUS_BYTES: Final = 2048  # systemd ignores a message of more than 4096
_SEND_TIMEOUT_S: Final = 5.0  # its queue is full only while systemd hangs


class ServiceManager:
    """The systemd that started this process; without $NOTIFY_SOCKET nothing is sent.

    No method raises: a message that cannot be delivered is dropped.  Threads may share it.
    """

    watchdog_s: float | None
    """Seconds after which systemd kills a process that has not sent `alive`; None = no watchdog."""

    def __init__(self, env: Mapping[str, str], *, monotonic_us: Callable[[], int]) -> None:
        """Read `env` as systemd set it.

        `monotonic_us` returns CLOCK_MONOTONIC in microseconds; systemd distinguishes reloads by it.
        """
        self._address = _address(env.get("NOTIFY_SOCKET", ""))
        self._monotonic_us = monotonic_us
        self.watchdog_s = _watchdog_s(env)

    def ready(self, status: str) -> None:
        """Notify that the start, or a reload, is over."""
        self._send("READY=1", _status(status))

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows."""
        self._send(_status(text))

    def reloading(self) -> None:
        """Notify that a reload began; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={self._monotonic_us()}")

    def stopping(self, status: str) -> None:
        """Notify that the stop began."""
        self._send("STOPPING=1", _status(status))

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def extend_start(self, seconds: float) -> None:
        """Extend the start timeout: the start may take `seconds` more from now on."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def _send(self, *assignments: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.settimeout(_SEND_TIMEOUT_S)
            to.connect(self._address)
            to.sendall("\n".join(assignments).encode())


def _address(text: str) -> str:
    """Return a path, or a name in the abstract space; "" if `text` is neither."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else ""


def _watchdog_s(env: Mapping[str, str]) -> float | None:
    addressee = env.get("WATCHDOG_PID") or str(os.getpid())
    try:
        microseconds = int(env.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1_000_000 if microseconds > 0 and addressee == str(os.getpid()) else None


def _status(text: str) -> str:
    """Return the assignment, on one line: systemd reads each line as an assignment."""
    line = one_line(redact(text)).encode()
    if len(line) > _MOST_STATUS_BYTES:
        line = line[:_MOST_STATUS_BYTES].decode(errors="ignore").encode() + "…".encode()
    return f"STATUS={line.decode()}"


def status_line(now: Standing, health: Health, scan: EndedScan | None) -> str:
    """Return the status line of a daemon; `scan` is the last one that ended."""
    words = f"{now.pending + now.claimed} queued, {now.registered} registered, {now.failed} failed"
    if scan:
        ended_at_s = scan.started_at_ms / 1000 + scan.duration_s
        how = f"complete, {scan.listed} listed" if scan.complete else "incomplete"
        at = f"{datetime.fromtimestamp(ended_at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
        words += f"; last scan: {scan.watch}, {how}, {at}"
    return f"degraded: {health.reasons[0]}; {words}" if health.reasons else words

"""Tests of the daemon share these: a scan each second, a growing bucket and a systemd."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.sandbox import Sandbox

EVERY_SECOND = 'schedule = "1s"'
NO_PAGE = '[http]\nlisten = ""'


def known(sandbox: Sandbox) -> set[str]:
    """Return the keys that VOD has media of."""
    return {key for _, key in sandbox.vod.media}


def put(sandbox: Sandbox, *keys: str) -> None:
    """Upload a byte under each key."""
    for key in keys:
        sandbox.oss.put(BUCKET, key, b"x")


class Systemd:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(0)
        self.env = {"NOTIFY_SOCKET": str(folder / "notify")}
        self.heard: list[dict[str, str]] = []

    def listen(self) -> list[dict[str, str]]:
        """Return what was said since this was last asked."""
        new: list[dict[str, str]] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                lines = self._socket.recv(65536).decode().splitlines()
                new.append(dict(line.partition("=")[::2] for line in lines))
        self.heard += new
        return new

    def has_heard(self, name: str) -> bool:
        self.listen()
        return any(name in message for message in self.heard)

    def close(self) -> None:
        self._socket.close()

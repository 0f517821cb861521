"""Connections of urllib3 that hand over an answer as it came: whole, its headers read once.

urllib3 makes up to three copies of the headers and a stream of the body, which cost as much as all that the wire needs.
What it opens, verifies, tunnels, keeps and raises is not touched.
"""

from __future__ import annotations

from http.client import HTTPConnection
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import urllib3

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse


class Whole:
    """An answer, as far as a pool and we look at it; urllib3 notes on it what it likes to."""

    version_string, length_remaining = "HTTP/1.1", 0

    def __init__(self, answer: HTTPResponse) -> None:
        self.status = answer.status
        self.headers = cast("Mapping[str, str]", answer.headers)  # as good as: they are looked up, in any letter case
        self.data = answer.read()
        if "Content-Encoding" in answer.headers:  # nobody asked for one
            self.data = urllib3.HTTPResponse(BytesIO(self.data), dict(answer.headers.items())).data


def open_handed(pool: urllib3.HTTPConnectionPool) -> urllib3.HTTPConnectionPool:
    """Return the pool, whose connections will hand over answers as they came."""
    pool.ConnectionCls = type("Connection", (_HandsOver, pool.ConnectionCls), {})
    return pool


class _HandsOver:
    """Goes before a connection of urllib3."""

    sock: Any
    timeout: float | None

    def getresponse(self) -> Whole:
        self.sock.settimeout(self.timeout)
        return Whole(HTTPConnection.getresponse(cast("HTTPConnection", self)))

"""Connections of urllib3 that hand over an answer as it came: whole, its headers read once.

urllib3 makes up to three copies of the headers and a stream of the body, and http.client reads headers as if they
were mail: together that costs more than all that the wire needs.  What urllib3 opens, verifies, tunnels, keeps and
raises is not touched, and an answer that is not plain in every respect is read by http.client.
"""

from __future__ import annotations

import re
from http.client import HTTPConnection, HTTPException, HTTPResponse
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, cast

import urllib3
from requests.structures import CaseInsensitiveDict

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN: Final = re.compile(rb"HTTP/1\.1 200 [ -~]*\r\n((?:[\w-]+: [!-~][ -~]*\r\n)+)\r\n", re.ASCII)
_HEADER: Final = re.compile(r"([^:]+): (.*)\r\n")
_MOST_BYTES: Final = 32 << 20  # a page of 1,000 objects has at most 4 MiB
_TELLING: Final = frozenset(("transfer-encoding", "content-encoding", "connection"))  # how to read what follows


class Whole:
    """An answer, as far as a pool and we look at it; urllib3 notes on it what it likes to."""

    version_string, length_remaining = "HTTP/1.1", 0

    def __init__(self, answer: HTTPResponse) -> None:
        self.status = answer.status
        self.headers = cast("Mapping[str, str]", answer.headers)  # as good as: they are looked up, in any letter case
        self.data = _whole(answer)
        if "Content-Encoding" in answer.headers:  # nobody asked for one
            packed = urllib3.HTTPResponse(BytesIO(self.data), dict(answer.headers.items()), preload_content=False)
            self.data = _bounded(packed.read(_MOST_BYTES + 1, decode_content=True))


def _whole(answer: HTTPResponse) -> bytes:
    """Return the body.

    Raises:
        HTTPException: it is cut off, or larger than any of OSS's that is asked for.
    """
    if answer.length is not None and not answer.chunked and answer.length <= _MOST_BYTES:
        return answer.read()  # which misses no byte
    return _bounded(answer.read(_MOST_BYTES + 1))


def _bounded(body: bytes) -> bytes:
    if len(body) > _MOST_BYTES:
        raise HTTPException("the answer is too large")
    return body


def open_handed(pool: urllib3.HTTPConnectionPool) -> urllib3.HTTPConnectionPool:
    """Return the pool, whose connections will hand over answers as they came."""
    connection = cast("type[HTTPConnection]", pool.ConnectionCls)
    answer = type("Answer", (_ReadsAtOnce, connection.response_class), {})
    pool.ConnectionCls = cast("Any", type("Connection", (_HandsOver, connection), {"response_class": answer}))
    return pool


class _ReadsAtOnce(HTTPResponse):
    """Goes before a response class, and reads plain headers at once."""

    def begin(self) -> None:
        plain = _PLAIN.match(self.fp.peek())
        told = _HEADER.findall(plain[1].decode()) if plain else ()
        headers = CaseInsensitiveDict(told)
        length = headers.get("Content-Length", "")
        is_odd = len(headers) < len(told) or not length.isdecimal() or any(each in headers for each in _TELLING)
        if plain is None or is_odd:
            super().begin()
            return
        self.fp.read(plain.end())
        self.status, self.reason, self.version = 200, "", 11
        self.headers = self.msg = cast("Any", headers)
        self.length, self.chunked, self.will_close = int(length), False, False


class _HandsOver:
    """Goes before a connection of urllib3."""

    sock: Any
    timeout: float | None

    def getresponse(self) -> Whole:
        self.sock.settimeout(self.timeout)
        answer = HTTPConnection.getresponse(cast("HTTPConnection", self))
        try:
            return Whole(answer)
        except BaseException:
            answer.close()  # else its socket stays open until it is collected
            raise

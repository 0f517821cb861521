"""Connections of urllib3 that return a whole answer and parse its headers once.

urllib3 copies the headers up to three times and wraps the body in a stream. http.client parses
headers like mail. Together they cost more than the transfer itself. Opening, verifying,
tunnelling, pooling and errors remain urllib3's. http.client reads every answer that is not plain.
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
# They change how the body is read, so http.client reads such an answer.
_BODY_HEADERS: Final = frozenset(("transfer-encoding", "content-encoding", "connection"))


class WholeAnswer:
    """A whole answer, with the attributes that a pool of urllib3 and our code use."""

    version_string, length_remaining = "HTTP/1.1", 0

    def __init__(self, answer: HTTPResponse) -> None:
        self.status = answer.status
        # Close enough to a mapping: only lookups are used, in any letter case.
        self.headers = cast("Mapping[str, str]", answer.headers)
        self.data = _whole(answer)
        if "Content-Encoding" in answer.headers:  # a proxy's; our requests ask for none
            packed = urllib3.HTTPResponse(
                BytesIO(self.data), dict(answer.headers.items()), preload_content=False
            )
            self.data = _bounded(packed.read(_MOST_BYTES + 1, decode_content=True))


def _whole(answer: HTTPResponse) -> bytes:
    """Return the body.

    Raises:
        HTTPException: the body is cut off, or larger than any page of OSS.
    """
    if answer.length is not None and not answer.chunked and answer.length <= _MOST_BYTES:
        return answer.read()  # raises if a byte is missing
    return _bounded(answer.read(_MOST_BYTES + 1))


def _bounded(body: bytes) -> bytes:
    if len(body) > _MOST_BYTES:
        raise HTTPException("the answer is too large")
    return body


def with_whole_answers(pool: urllib3.HTTPConnectionPool) -> urllib3.HTTPConnectionPool:
    """Return the pool after making its connections return whole answers."""
    connection = cast("type[HTTPConnection]", pool.ConnectionCls)
    answer = type("FastAnswer", (_FastHeaders, connection.response_class), {})
    pool.ConnectionCls = cast(
        "Any", type("Connection", (_AnswersWhole, connection), {"response_class": answer})
    )
    return pool


class _FastHeaders(HTTPResponse):
    """A mixin before a response class: parses plain headers in one step."""

    def begin(self) -> None:
        plain = _PLAIN.match(self.fp.peek())
        lines = _HEADER.findall(plain[1].decode()) if plain else ()
        headers = CaseInsensitiveDict(lines)
        length = headers.get("Content-Length", "")
        is_odd = (
            len(headers) < len(lines)
            or not length.isdecimal()
            or any(each in headers for each in _BODY_HEADERS)
        )
        if plain is None or is_odd:
            super().begin()
            return
        self.fp.read(plain.end())
        self.status, self.reason, self.version = 200, "", 11
        self.headers = self.msg = cast("Any", headers)
        self.length, self.chunked, self.will_close = int(length), False, False


class _AnswersWhole:
    """A mixin before a connection of urllib3: returns whole answers."""

    sock: Any
    timeout: float | None

    def getresponse(self) -> WholeAnswer:
        self.sock.settimeout(self.timeout)
        answer = HTTPConnection.getresponse(cast("HTTPConnection", self))
        try:
            return WholeAnswer(answer)
        except BaseException:
            answer.close()  # otherwise its socket stays open until garbage collection
            raise

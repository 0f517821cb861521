"""HTTP/1.1 over asyncio: OSS, S3 and VOD behind one port, and `/__stub/` to steer and to count.

Requests wait for their latency side by side, however many there are.  No signature is verified.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from tests.bench.stub.listing import DEFAULT_KEYS, MOST_KEYS, bucket_info, error, listing
from tests.bench.stub.vod import Registry, most_in_a_second

if TYPE_CHECKING:
    from tests.bench.stub.bucket import Bucket

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_S3_SIGNATURE: Final = b" AWS4-HMAC-SHA256 "
_STATUS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request, and after how many seconds."""

    status: int
    body: tuple[bytes | memoryview, ...]
    latency_s: float = 0.0
    kind: str = "application/xml"


class Stub:
    """The services' common state."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.registry = Registry()
        self.list_calls = 0
        self.list_latency_s = 0.0
        self.register_latency_s = 0.0

    def answer(
        self, path: str, given: dict[str, str], body: bytes, *, now: float, s3: bool
    ) -> Answer:
        """Return the answer to one request that arrived at `now`, in seconds."""
        if path.startswith("/__stub/"):
            status, content = self._steered(path.removeprefix("/__stub/"), given, body)
            return Answer(status, (content,), kind="application/json")
        if "Action" in given:
            self.registry.arrivals.append(now)
            content = self.registry.register(given)
            return Answer(200, (content,), self.register_latency_s, kind="application/json")
        name = unquote(path.strip("/"))
        if "bucketInfo" in given:
            return Answer(200, (bucket_info(name),))
        if given.get("list-type") != "2":
            return Answer(404, (error("NoSuchKey", "this stub lists and registers, no more"),))
        self.list_calls += 1
        try:
            default = MOST_KEYS if s3 else DEFAULT_KEYS
            return Answer(
                200, listing(self.bucket, name, given, default_keys=default), self.list_latency_s
            )
        except ValueError as wrong:
            return Answer(400, (error("InvalidArgument", str(wrong)),))

    def _steered(self, what: str, given: dict[str, str], body: bytes) -> tuple[int, bytes]:
        answer: object = {}
        if what == "counts":
            answer = self._counts()
        elif what == "reset":
            self.list_calls = 0
            self.registry.reset()
        elif what == "latency":
            self.list_latency_s, self.register_latency_s = (
                float(given["list_s"]),
                float(given["register_s"]),
            )
        elif what == "cuts":
            answer = [key.decode() for key in self.bucket.cuts(int(given["every"]))]
        elif what == "add":
            for key in body.decode().split("\n"):
                self.bucket.add(key)
        else:
            return 404, b"{}"
        return 200, json.dumps(answer).encode()

    def _counts(self) -> dict[str, float]:
        arrivals = self.registry.arrivals
        return {
            "list_calls": self.list_calls,
            "register_calls": len(arrivals),
            "registered_items": self.registry.items,
            "register_span_s": arrivals[-1] - arrivals[0] if arrivals else 0.0,
            "most_register_calls_in_a_second": most_in_a_second(arrivals),
        }


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._loop = asyncio.get_running_loop()
        self._pending = b""
        self._transport: asyncio.Transport
        self._fd = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._fd = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        """Answer every whole request that has arrived."""
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            head = self._pending[:end]
            length = _LENGTH.search(head)
            behind = end + 4 + (int(length[1]) if length else 0)
            if len(self._pending) < behind:
                return
            body, self._pending = self._pending[end + 4 : behind], self._pending[behind:]
            self._serve(head, body)

    def _serve(self, head: bytes, body: bytes) -> None:
        target = head.split(b" ", 2)[1].decode()
        path, _, query = target.partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        if body and not path.startswith("/__stub/"):
            given.update(parse_qsl(body.decode(), keep_blank_values=True))
        answer = self._stub.answer(
            path, given, body, now=self._loop.time(), s3=_S3_SIGNATURE in head
        )
        lines = (
            f"HTTP/1.1 {answer.status} {_STATUS[answer.status]}\r\nServer: stub\r\nDate: "
            f"{formatdate(usegmt=True)}\r\n"
            f"Content-Type: {answer.kind}\r\nContent-Length: {sum(map(len, answer.body))}\r\n"
            "x-oss-request-id: 0\r\n\r\n"
        )
        parts = (lines.encode(), *answer.body)
        if answer.latency_s:
            self._loop.call_later(answer.latency_s, self._write, parts)
        else:
            self._write(parts)

    def _write(self, parts: tuple[bytes | memoryview, ...]) -> None:
        """Send as much as the kernel takes at once, without a copy.

        The transport sends the rest.
        """
        sent = 0
        if not self._transport.get_write_buffer_size() and not self._transport.is_closing():
            with contextlib.suppress(OSError):
                sent = os.writev(self._fd, parts)
        for part in parts:
            if sent < len(part):
                self._transport.write(memoryview(part)[sent:])
            sent = max(0, sent - len(part))


async def serve(stub: Stub, port: int) -> None:
    """Listen on the loopback address, print the port, and serve until cancelled."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(stub), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

"""HTTP/1.1 on 127.0.0.1, plain or over TLS: requests in, answers out. It knows no service."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import ssl
import struct
import sys
import threading
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

from watcher.sandbox.bodies import BLOCK_BYTES, Body, BodyFile, BodyWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_Socket = Any  # the base class allows a datagram and its socket, too
MAX_REQUEST_LINE_BYTES: Final = 16 * 1024
_MAX_CHUNK_LINE_BYTES: Final = 1024
_POLL_S: Final = 0.02  # how long closing waits at most for the listening thread to notice
_ORIGIN: Final = re.compile(rb"\Ahttps?://[^/?]*", re.IGNORECASE)  # sent to a proxy
_ABORT: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST, not FIN


def do_nothing() -> None:
    """Do nothing, as after most answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came. Bytes that are not UTF-8 become surrogate escapes in text."""

    method: str
    target: bytes  # as in the request line, without the host that a proxy is sent
    path: bytes  # percent-decoded
    query: tuple[tuple[str, str], ...]  # decoded; parameters without a value have ""
    headers: Mapping[str, str]  # names in lower case
    content: Body

    @property
    def body(self) -> bytes:
        """The whole body in memory. Read `content` where it may be large."""
        return self.content.read()

    @property
    def host(self) -> str:
        """The `Host` header."""
        return self.headers.get("host", "")

    def parameter(self, name: str) -> str | None:
        """Return the first value of a query parameter, or None if it was not sent."""
        return next((value for found, value in self.query if found == name), None)

    def form(self) -> tuple[tuple[str, str], ...]:
        """Return the parameters of a form body; none if the body is no form."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return ()
        return _parameters(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer. `Content-Length` is that of the body unless `headers` has another.

    `content` is a body that may be large, in the place of `body`.
    `then` is called when the answer has been sent, or could not be sent.
    """

    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content: Body = field(default_factory=Body)
    then: Callable[[], object] = do_nothing

    @property
    def size_bytes(self) -> int:
        """The length of the body."""
        return len(self.body) or len(self.content)

    def encoded(self, *, head: bool) -> Iterator[bytes]:
        """Yield the whole answer, without the body if it answers a HEAD request."""
        bodiless = self.status == HTTPStatus.NOT_MODIFIED  # a length would be that of the object
        length = {} if bodiless else {"Content-Length": str(self.size_bytes)}
        headers = {**length, **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        start = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n{lines}\r\n"
        start_bytes = start.encode("latin-1")
        if head or bodiless:
            yield start_bytes
            return
        chunks = self.content.chunks()
        yield start_bytes + (self.body or next(chunks, b""))
        yield from chunks


class _Malformed(Exception):
    """A request whose body cannot be found."""


class HungUp(Exception):
    """Raised in place of an answer: resets the connection, then calls `then`."""

    def __init__(self, then: Callable[[], object] = do_nothing) -> None:
        self.then = then
        super().__init__()


class HttpServer(socketserver.ThreadingTCPServer):
    """A server with a thread for each connection. `close` ends all threads and sockets."""

    allow_reuse_address = True
    block_on_close = True
    daemon_threads = False
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        answer: Callable[[Request], Answer],
        *,
        bodies: BodyFile,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer
        self.bodies = bodies  # where the bodies of requests go
        self._tls = tls
        self._connections: set[_Socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Connection)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(_POLL_S,), name="sandbox", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def close(self) -> None:
        """Close the port, cut every connection and wait for the threads."""
        self.shutdown()
        self._thread.join()
        with self._connections_lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    # Not that of a TLS socket: its thread may be reading.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.server_close()

    def get_request(self) -> tuple[_Socket, object]:
        """Accept a connection. A TLS handshake is left to its thread, for it may stall."""
        accepted, address = super().get_request()
        if self._tls is None:
            return accepted, address
        return (
            self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False),
            address,
        )

    def process_request(self, request: _Socket, client_address: object) -> None:
        """Remember the connection, so that `close` can cut it, and give it a thread."""
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Socket) -> None:
        """Forget the connection and end it."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print errors of the sandbox itself, not those of clients that went away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Connection(BaseHTTPRequestHandler):
    """One kept-alive connection."""

    server: HttpServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Shake hands over TLS, and prepare the streams."""
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def handle_one_request(self) -> None:
        """Read and answer one request; set `close_connection` as the base class does."""
        self.raw_requestline = self.rfile.readline(MAX_REQUEST_LINE_BYTES + 1)
        if not self.raw_requestline:
            self.close_connection = True
        elif len(self.raw_requestline) > MAX_REQUEST_LINE_BYTES:
            self._too_long()
        elif self.parse_request():
            self._answer()

    def _answer(self) -> None:
        try:
            content = self._content()
        except _Malformed:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        request = request_from(
            self.command, self.raw_requestline.split()[1], dict(self.headers.items()), content
        )
        try:
            answer = self.server.answer(request)
        except HungUp as hung_up:
            self._reset()
            hung_up.then()
            return
        if answer.headers.get("Connection") == "close":
            self.close_connection = True
        if self.close_connection:  # as the request asked, or one of HTTP/1.0
            answer = replace(answer, headers={**answer.headers, "Connection": "close"})
        try:
            for chunk in answer.encoded(head=self.command == "HEAD"):
                self.wfile.write(chunk)
        finally:
            answer.then()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        self.rfile.close()  # or it would keep the connection open
        self.connection.close()

    def _content(self) -> Body:
        """Return the body of the request. One that ends too early ends the connection."""
        writer = BodyWriter(self.server.bodies)
        coding = self.headers.get("Transfer-Encoding", "").strip().lower()
        if coding not in {"", "chunked"}:
            raise _Malformed
        if not coding:
            self._copy(writer, _number(self.headers.get("Content-Length", "0"), base=10))
            return writer.body()
        while size := self._chunk_size():
            self._copy(writer, size)
            self._line()
        while self._line().strip():  # trailers
            pass
        return writer.body()

    def _copy(self, writer: BodyWriter, size: int) -> None:
        while size:
            data = self.rfile.read(min(size, BLOCK_BYTES))
            if not data:
                raise ConnectionAbortedError("the client went away within a body")
            writer.write(data)
            size -= len(data)

    def _chunk_size(self) -> int:
        return _number(self._line().split(b";")[0].strip().decode("latin-1"), base=16)

    def _line(self) -> bytes:
        line = self.rfile.readline(_MAX_CHUNK_LINE_BYTES)
        if not line:
            raise ConnectionAbortedError("the client went away within a body")
        return line

    def _too_long(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.settimeout(0.2)
            # Unread bytes would turn the answer into a reset.
            while self.rfile.readline() not in {b"", b"\r\n"}:
                pass
        self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer as a gateway does that never passes such a request on to the service."""
        page = f"<html><head><title>{status} {status.phrase}</title></head></html>".encode()
        headers = {"Connection": "close", "Content-Type": "text/html"}
        answer = Answer(status=status, headers=headers, body=page)
        for chunk in answer.encoded(head=False):
            self.wfile.write(chunk)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
        """Say nothing: the services keep journals."""


def request_from(method: str, target: bytes, headers: Mapping[str, str], content: Body) -> Request:
    """Return the request of a request line, its headers and its body."""
    target = _ORIGIN.sub(b"", target)
    path, _, query = target.partition(b"?")
    return Request(
        method=method,
        target=target,
        path=unquote_to_bytes(path),
        query=_parameters(query),
        headers={name.lower(): value.strip() for name, value in headers.items()},
        content=content,
    )


def _number(text: str, *, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise _Malformed
    return number


def _parameters(text: bytes) -> tuple[tuple[str, str], ...]:
    pairs = parse_qsl(text.decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
    return tuple(pairs)

"""A plain HTTP server in place of OSS or a proxy, and sources that list from it."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.support.listing_bodies import Listed, body
from tests.support.static_credentials import StaticCredentials
from tests.support.workspace import BUCKET
from watcher.oss import BucketSource, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTING = body([Listed(b"a b.mp4"), Listed(b"c/d.mp4")])


class Server(ThreadingHTTPServer):
    """An OSS, or a proxy, with the same answer to every request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.status, self.body, self.missing_bytes = 200, LISTING, 0
        self.lingers_s = 0.0
        self.headers: dict[str, str] = {}
        self.seen: list[Asked] = []
        self.clients: set[object] = set()


class Asked(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append(self)
        self.server.clients.add(self.client_address)
        self.line, self.given = self.requestline, self.headers
        self.send_response(self.server.status)
        if "Transfer-Encoding" not in self.server.headers:
            self.send_header(
                "Content-Length", str(len(self.server.body) + self.server.missing_bytes)
            )
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)
        threading.Event().wait(self.server.lingers_s)
        self.close_connection = bool(self.server.missing_bytes)

    do_CONNECT = do_GET  # noqa: N815 (http.server's name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[Server]:
    """Run a server in a thread."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


class Source:
    """Makes sources, and closes them in the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(
        self, endpoint: str, *, proxy: str = "", no_proxy: str = "", prefix: str = ""
    ) -> BucketSource:
        client = connect(
            bucket=BUCKET,
            endpoint=endpoint,
            region="cn-shanghai",
            credentials=StaticCredentials(),
            proxies={"http": proxy, "https": proxy} if proxy else {},
            no_proxy=no_proxy,
            ca_bundle="",
        )
        return self._stack.enter_context(closing(BucketSource(client, prefix=prefix)))

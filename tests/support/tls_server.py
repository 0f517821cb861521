"""A TLS server in place of VOD and OSS, with a certificate for `localhost`."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@dataclass
class Seen:
    """The requests that the TLS server saw."""

    port: int
    ca: str
    sni: list[str | None] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


LISTING = """<?xml version="1.0"?><ListBucketResult><Name>b</Name><EncodingType>url</EncodingType>
<IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>"""
REGISTERED = {
    "RequestId": "R",
    "RegisteredMediaList": [
        {
            "FileURL": "http://b.oss-cn-shanghai.aliyuncs.com/a.mp4",
            "MediaId": "m1",
            "NewRegister": True,
        }
    ],
    "FailedFileURLs": [],
}


class TlsServer(ThreadingHTTPServer):
    """Answers as VOD and as OSS over TLS."""

    def __init__(self, folder: Path, not_after: datetime | None) -> None:
        authority, ca = trustme.CA(), folder / "ca.pem"
        authority.cert_pem.write_to_path(ca)
        super().__init__(("127.0.0.1", 0), _Answering)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", not_after=not_after).configure_cert(context)
        seen = self.seen = Seen(port=self.server_port, ca=str(ca))
        context.sni_callback = lambda _socket, name, _context: seen.sni.append(name)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: object) -> None:
        """Print no traceback: some tests break the handshake."""


class _Answering(BaseHTTPRequestHandler):
    server: TlsServer

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.seen.requests.append((self.path, body, dict(self.headers)))
        content = json.dumps(REGISTERED) if "Action=" in self.path else LISTING
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-oss-request-id", "R")
        self.end_headers()
        self.wfile.write(content.encode())

    do_GET = do_POST = answer  # noqa: N815 (http.server's names)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(timestamp, usegmt=True)


@contextmanager
def running(folder: Path, *, not_after: datetime | None = None) -> Iterator[Seen]:
    """Run the server in a thread; its authority lies in `folder`."""
    with TlsServer(folder, not_after) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made.seen
        finally:
            made.shutdown()
            thread.join()

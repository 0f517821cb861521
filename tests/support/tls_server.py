"""A TLS server in place of VOD and OSS, with a certificate of its own."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Seen:
    """The requests that the TLS server saw."""

    port: int
    ca: str
    sni: list[str | None] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for `localhost`, its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)  # noqa: TID251 (a certificate needs the real time)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "ca.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private


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

    def __init__(self, folder: Path) -> None:
        public, private = certificate(folder)
        super().__init__(("127.0.0.1", 0), _Answering)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, private)
        seen = self.seen = Seen(port=self.server_port, ca=str(public))
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
def running(folder: Path) -> Iterator[Seen]:
    """Run the server in a thread; its certificate lies in `folder`."""
    with TlsServer(folder) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        try:
            yield made.seen
        finally:
            made.shutdown()
            thread.join()

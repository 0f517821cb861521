"""A server that answers with bytes, whatever they are, and the clients that must live with that."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from tests.support.fakes import FakeClock
from tests.support.static_credentials import StaticCredentials
from watcher.oss import BucketSource, ObjectReader, connect
from watcher.vod import VodClient, VodRegistrar

if TYPE_CHECKING:
    import oss2

BUCKET = "media-bucket"


class Raw:
    """Answers every request with the same bytes, and closes."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.answer = b""
        self.asked = 0
        self._ended = False
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._ended = True
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while not self._ended:
            connection, _ = self._listening.accept()
            with connection, suppress(OSError):
                connection.settimeout(30)
                asked = b""
                while b"\r\n\r\n" not in asked and (more := connection.recv(65536)):
                    asked += more
                if asked:
                    self.asked += 1
                    connection.sendall(self.answer)

    def bucket(self, *, endpoint: str = "", proxy: str = "") -> oss2.Bucket:
        return connect(
            bucket=BUCKET,
            endpoint=endpoint or self.url,
            region="cn-shanghai",
            credentials=StaticCredentials(),
            proxies={"http": proxy, "https": proxy} if proxy else {},
            no_proxy="",
            ca_bundle="",
        )

    def source(self, *, endpoint: str = "", proxy: str = "") -> BucketSource:
        return BucketSource(self.bucket(endpoint=endpoint, proxy=proxy), prefix="")

    def reader(self) -> ObjectReader:
        return ObjectReader(self.bucket(), clock=FakeClock(), jitter=lambda: 0.0)

    def vod(self, *, endpoint: str = "", proxy: str = "", timeout_s: float = 5) -> VodClient:
        return VodClient(
            region="cn-shanghai",
            endpoint=endpoint or self.url,
            credentials=StaticCredentials(),
            timeout_s=timeout_s,
            concurrent_calls=2,
            proxies={"http": proxy, "https": proxy} if proxy else {},
            no_proxy="",
            ca_bundle="",
        )


def registrar(client: VodClient) -> VodRegistrar:
    return VodRegistrar(client)


def http(status: int, body: bytes, *headers: bytes, length: int | None = -1) -> bytes:
    """Return an answer; a `length` of -1 is that of the body, None is none."""
    announced = len(body) if length == -1 else length
    lines = [b"HTTP/1.1 %d Odd" % status, b"Connection: close", *headers]
    if announced is not None:
        lines.append(b"Content-Length: %d" % announced)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body

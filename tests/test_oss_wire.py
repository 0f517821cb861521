"""How pages travel: signed, addressed as oss2 addresses, through the proxy that is configured, and never half."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import oss2
import pytest
from urllib3 import HTTPConnectionPool
from urllib3 import exceptions as wire

from tests.contracts import RealStore, pages
from tests.listings import Listed, body
from tests.test_wire import SECRET, TOKEN, Static
from tests.workspace import BUCKET
from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CloudError,
    CredentialsMissing,
    NotSent,
    Throttled,
    Unavailable,
)
from watcher.oss import BucketSource, connect
from watcher.oss.faults import as_cloud_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.ports import Credentials
    from watcher.sandbox import Sandbox

LISTING = body([Listed(b"a b.mp4"), Listed(b"c/d.mp4")])


class Server(ThreadingHTTPServer):
    """An OSS, or a proxy, that answers everybody the same."""

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
            self.send_header("Content-Length", str(len(self.server.body) + self.server.missing_bytes))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)
        threading.Event().wait(self.server.lingers_s)
        self.close_connection = bool(self.server.missing_bytes)

    do_CONNECT = do_GET  # noqa: N815 (http.server's name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def open_sources() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Source:
    """Makes sources that are closed in the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(self, endpoint: str, *, proxy: str = "", no_proxy: str = "", prefix: str = "") -> BucketSource:
        client = connect(
            bucket=BUCKET,
            endpoint=endpoint,
            region="cn-shanghai",
            credentials=Static(),
            proxies={"http": proxy, "https": proxy} if proxy else {},
            no_proxy=no_proxy,
            ca_bundle="",
        )
        return self._stack.enter_context(closing(BucketSource(client, prefix=prefix)))


@pytest.fixture
def source(open_sources: ExitStack) -> Source:
    return Source(open_sources)


def test_only_what_is_signed_is_sent_and_nothing_empty(server: Server, source: Source) -> None:
    answer = source(server.url, prefix="a b+/中").list_objects(start_after="a b+/中&=%", max_keys=7)
    assert answer.page().objects.keys == ["a b.mp4", "c/d.mp4"]
    (asked,) = server.seen
    target = urlsplit(asked.path)
    assert target.path == f"/{BUCKET}/"
    assert parse_qsl(target.query, keep_blank_values=True, strict_parsing=True) == [
        ("list-type", "2"),
        ("prefix", "a b+/中"),
        ("start-after", "a b+/中&=%"),
        ("max-keys", "7"),
        ("encoding-type", "url"),
    ]
    assert asked.given["authorization"].startswith("OSS4-HMAC-SHA256 Credential=LTAItest/")
    assert asked.given["x-oss-security-token"] == TOKEN
    assert SECRET not in asked.path + str(asked.given)


def test_a_connection_is_kept(server: Server, source: Source) -> None:
    one = source(server.url)
    for _ in range(3):
        one.list_objects()
    assert (len(server.seen), len(server.clients)) == (3, 1)


def test_a_proxy_is_asked_for_the_whole_address_and_told_who_asks(server: Server, source: Source) -> None:
    """A bucket is addressed by its own host name."""
    proxy = server.url.replace("//", "//eve:s%40cret@")
    one = source("http://oss-cn-shanghai.aliyuncs.com", proxy=proxy)
    assert one.list_objects().page().objects.keys == ["a b.mp4", "c/d.mp4"]
    (asked,) = server.seen
    assert asked.path.startswith(f"http://{BUCKET}.oss-cn-shanghai.aliyuncs.com/?list-type=2&")
    assert asked.given["Host"] == f"{BUCKET}.oss-cn-shanghai.aliyuncs.com"
    assert base64.b64decode(asked.given["Proxy-Authorization"].removeprefix("Basic ")) == b"eve:s@cret"


def test_https_goes_through_a_tunnel_and_a_refusing_proxy_sees_no_signature(server: Server, source: Source) -> None:
    server.status = 407
    one = source("https://oss-cn-shanghai.aliyuncs.com", proxy=server.url.replace("//", "//eve:hush@"))
    with pytest.raises(CloudError, match="could not be reached") as caught:
        one.list_objects()
    assert caught.value.transient
    (asked,) = server.seen
    assert asked.line.startswith(f"CONNECT {BUCKET}.oss-cn-shanghai.aliyuncs.com:443 ")
    assert asked.given["proxy-authorization"]
    assert asked.given["authorization"] is None
    assert "hush" not in str(caught.value) + repr(caught.value)


def test_a_proxy_is_not_asked_for_what_is_excepted(server: Server, source: Source) -> None:
    source(server.url, proxy="http://127.0.0.1:9", no_proxy="127.0.0.1").list_objects()
    assert len(server.seen) == 1


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://127.0.0.1:9", "127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_told(source: Source, proxy: str) -> None:
    with pytest.raises(NotSent, match="could not be reached"):
        source("http://oss-cn-shanghai.aliyuncs.com", proxy=proxy).list_objects()


def test_an_answer_that_was_packed_or_sent_in_chunks_unasked_is_read_all_the_same(
    server: Server, source: Source
) -> None:
    server.body, server.headers = gzip.compress(LISTING), {"content-encoding": "gzip"}
    assert source(server.url).list_objects().page().objects.keys == ["a b.mp4", "c/d.mp4"]
    server.body = b"no gzip"
    with pytest.raises(Unavailable, match="could not be reached"):
        source(server.url).list_objects()
    chunks = (LISTING[:100], LISTING[100:], b"")
    server.body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    server.headers = {"Transfer-Encoding": "chunked"}
    one = source(server.url)
    assert [one.list_objects().page().objects.keys for _ in range(2)] == [["a b.mp4", "c/d.mp4"]] * 2
    server.body = server.body[:-9]
    server.missing_bytes = 1  # the connection ends there
    with pytest.raises(Unavailable, match="could not be reached"):
        source(server.url).list_objects()


def test_an_answer_that_does_not_come_in_time_is_told(
    server: Server, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watcher.oss.transport.TIMEOUT_S", 0.2)
    server.missing_bytes, server.lingers_s = 1, 1.0
    with pytest.raises(Unavailable, match="did not answer in time"):
        source(server.url).list_objects()


def test_a_connection_that_the_service_closes_is_opened_anew(server: Server, source: Source) -> None:
    server.headers = {"Connection": "close"}
    one = source(server.url)
    for _ in range(3):
        one.list_objects()
    assert (len(server.seen), len(server.clients)) == (3, 3)


def test_half_a_body_is_none(server: Server, source: Source) -> None:
    server.missing_bytes = 1
    with pytest.raises(Unavailable, match="could not be reached"):
        source(server.url).list_objects()
    assert len(server.seen) == 1


def test_a_redirect_is_told_and_not_followed(server: Server, source: Source) -> None:
    server.status, server.headers = 302, {"Location": "/elsewhere"}
    with pytest.raises(CloudError, match="with a redirect"):
        source(server.url).list_objects()
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "code", "meant"),
    [
        (403, "AccessDenied", BucketRefused),
        (403, "InvalidAccessKeyId", AccountRefused),
        (503, "SlowDown", Throttled),
        (500, "InternalError", Unavailable),
        (206, "Partial", CloudError),
    ],
)
def test_a_refusal_is_told_by_its_code(
    server: Server, source: Source, status: int, code: str, meant: type[CloudError]
) -> None:
    server.status, server.body = status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    server.headers = {"Retry-After": "3", "x-oss-request-id": "R1"}
    with pytest.raises(meant, match=code) as caught:
        source(server.url).list_objects()
    assert (caught.value.request_id, caught.value.retry_after_s, len(server.seen)) == ("R1", 3, 1)


def test_nobody_there_means_nothing_was_sent(source: Source) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotSent, match="could not be reached"):
        source(f"http://127.0.0.1:{port}").list_objects()


def test_credentials_that_vanish_stop_the_account(server: Server) -> None:
    class Gone:
        def get(self) -> Credentials:
            raise CredentialsMissing("no credentials", hint="find some")

    client = connect(
        bucket=BUCKET, endpoint=server.url, region="cn-shanghai", credentials=Gone(), proxies={}, no_proxy="",
        ca_bundle="",
    )  # fmt: skip
    with closing(BucketSource(client, prefix="")) as one, pytest.raises(AccountRefused, match="no credentials"):
        one.list_objects()
    assert server.seen == []


POOL = HTTPConnectionPool("h")
FAILURES = [
    (wire.NewConnectionError(POOL, "m"), NotSent, "could not be reached"),  # type: ignore[arg-type]
    (wire.NameResolutionError("h", POOL, socket.gaierror()), NotSent, "could not be reached"),  # type: ignore[arg-type]
    (wire.ConnectTimeoutError(POOL, "m"), NotSent, "did not answer in time"),
    (wire.ProxyError("m", OSError()), NotSent, "could not be reached"),
    (wire.SSLError("m"), NotSent, "could not be verified over TLS"),
    (FileNotFoundError("ca.pem"), NotSent, "could not be verified over TLS"),
    (wire.ReadTimeoutError(POOL, "u", "m"), Unavailable, "did not answer in time"),
    (wire.ProtocolError("m", ConnectionResetError()), Unavailable, "could not be reached"),
    (wire.IncompleteRead(1, 2), Unavailable, "could not be reached"),
    (wire.DecodeError("m"), Unavailable, "could not be reached"),
]


@pytest.mark.parametrize(("error", "meant", "words"), FAILURES, ids=lambda each: type(each).__name__)
def test_each_failure_of_the_wire_has_its_class_and_its_words(
    error: Exception, meant: type[CloudError], words: str
) -> None:
    told = as_cloud_error(error, bucket="b")
    assert (type(told), words in str(told), bool(told.hint)) == (meant, True, True)


def test_the_keys_are_those_of_oss2s_plain_listing_of_odd_keys_below_an_odd_prefix(sandbox: Sandbox) -> None:
    keys = [f"a +%中/{name}" for name in ("x y", "x%2F", "a&b#?", "\"<>'", "\n\t", "\x01\x7f", "🎬", "/", "z" * 900)]
    store = RealStore(sandbox)
    for key in (*keys, "b"):
        store.put(key)
    prefix = "a +%中/"
    plain = oss2.Bucket(
        oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret), sandbox.url, BUCKET, region="cn-shanghai"
    )
    theirs = [found.key for found in oss2.ObjectIteratorV2(plain, prefix=prefix, max_keys=1000)]
    ours = [key for page in pages(store.source(prefix), max_keys=2) for key in page.objects.keys]
    assert ours == theirs == sorted(keys, key=str.encode)
    store.close()

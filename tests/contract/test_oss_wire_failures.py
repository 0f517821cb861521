"""Failed listing requests: each has its class, its words and its cure."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
from urllib3 import HTTPConnectionPool
from urllib3 import exceptions as wire

from tests.support.oss_server import Server, Source, running
from tests.support.workspace import BUCKET
from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CloudError,
    CredentialsMissing,
    Throttled,
    Unavailable,
    Unreachable,
)
from watcher.oss import BucketSource, connect
from watcher.oss.error_codes import as_cloud_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.ports import Credentials


@pytest.fixture
def server() -> Iterator[Server]:
    """A server in place of OSS or a proxy."""
    with running() as made:
        yield made


@pytest.fixture
def source() -> Iterator[Source]:
    """A maker of sources."""
    with ExitStack() as stack:
        yield Source(stack)


def test_half_a_body_is_an_error(server: Server, source: Source) -> None:
    server.missing_bytes = 1
    with pytest.raises(Unavailable, match="could not be reached"):
        source(server.url).list_objects()
    assert len(server.seen) == 1


def test_a_redirect_is_an_error_and_not_followed(server: Server, source: Source) -> None:
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
def test_a_refusal_is_an_error_with_its_code(
    server: Server, source: Source, status: int, code: str, meant: type[CloudError]
) -> None:
    server.status, server.body = (
        status,
        f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(),
    )
    server.headers = {"Retry-After": "3", "x-oss-request-id": "R1"}
    with pytest.raises(meant, match=code) as caught:
        source(server.url).list_objects()
    assert (caught.value.request_id, caught.value.retry_after_s, len(server.seen)) == ("R1", 3, 1)


def test_a_refused_connection_means_nothing_was_sent(source: Source) -> None:
    with socket.create_server(("127.0.0.1", 0)) as in_use:
        port = in_use.getsockname()[1]
    with pytest.raises(Unreachable, match="could not be reached"):
        source(f"http://127.0.0.1:{port}").list_objects()


def test_vanished_credentials_stop_the_account(server: Server) -> None:
    class Gone:
        def get(self) -> Credentials:
            raise CredentialsMissing("no credentials", hint="find some")

    client = connect(
        bucket=BUCKET,
        endpoint=server.url,
        region="cn-shanghai",
        credentials=Gone(),
        proxies={},
        no_proxy="",
        ca_bundle="",
    )
    with (
        closing(BucketSource(client, prefix="")) as one,
        pytest.raises(AccountRefused, match="no credentials"),
    ):
        one.list_objects()
    assert server.seen == []


POOL = HTTPConnectionPool("h")
FAILURES = [
    (wire.NewConnectionError(POOL, "m"), Unreachable, "could not be reached"),  # type: ignore[arg-type]
    (wire.NameResolutionError("h", POOL, socket.gaierror()), Unreachable, "could not be reached"),  # type: ignore[arg-type]
    (wire.ConnectTimeoutError(POOL, "m"), Unreachable, "did not answer in time"),
    (wire.ProxyError("m", OSError()), Unreachable, "could not be reached"),
    (wire.SSLError("m"), Unreachable, "could not be verified over TLS"),
    (FileNotFoundError("ca.pem"), Unreachable, "could not be verified over TLS"),
    (wire.ReadTimeoutError(POOL, "u", "m"), Unavailable, "did not answer in time"),
    (wire.ProtocolError("m", ConnectionResetError()), Unavailable, "could not be reached"),
    (wire.IncompleteRead(1, 2), Unavailable, "could not be reached"),
    (wire.DecodeError("m"), Unavailable, "could not be reached"),
]


@pytest.mark.parametrize(
    ("error", "meant", "words"), FAILURES, ids=lambda each: type(each).__name__
)
def test_each_failure_of_the_wire_has_its_class_and_its_words(
    error: Exception, meant: type[CloudError], words: str
) -> None:
    found = as_cloud_error(error, bucket="b")
    assert (type(found), words in str(found), bool(found.hint)) == (meant, True, True)

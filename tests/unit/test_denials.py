"""The cure for a refusal fits its reason, also for proxies and endpoints of a VPC."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.raw_server import BUCKET, Raw, http, registrar
from tests.support.static_credentials import MEDIA
from watcher.errors import AccountRefused, BucketRefused, CloudError, Unavailable, Unreachable
from watcher.model import CallOptions
from watcher.rules.reachable import inside_region

if TYPE_CHECKING:
    from collections.abc import Iterator

DATE = b"Date: Wed, 25 Nov 2026 10:00:00 GMT"
ADDRESSED = (
    "The bucket you are attempting to access must be addressed using the specified endpoint. "
    "Please send all future "
    "requests to this endpoint."
)
DENIED = [  # code, message, more of the body, whom it stops, words of the cure
    (
        "AccessDenied",
        ADDRESSED,
        "<Endpoint>oss-cn-beijing.aliyuncs.com</Endpoint>",
        BucketRefused,
        ['[vod] region to "cn-beijing"', "https://oss-cn-beijing.aliyuncs.com"],
    ),
    (
        "AccessDenied",
        ADDRESSED,
        "<Endpoint>oss-cn-beijing-internal.aliyuncs.com</Endpoint>",
        BucketRefused,
        ['[vod] region to "cn-beijing"'],
    ),
    (
        "AccessDenied",
        ADDRESSED,
        "<Endpoint>oss-ap-southeast-1.aliyuncs.com</Endpoint>",
        BucketRefused,
        ['"ap-southeast-1"'],
    ),
    (
        "AccessDenied",
        ADDRESSED,
        "<Endpoint>media.example.com</Endpoint>",
        BucketRefused,
        ["https://media.example.com"],
    ),
    ("AccessDenied", ADDRESSED, "<Endpoint>a b'\"</Endpoint>", BucketRefused, ["another region"]),
    ("AccessDenied", ADDRESSED, "", BucketRefused, ["another region"]),
    (
        "SecondLevelDomainForbidden",
        ("The bucket you are attempting to access must be addressed using OSS third level domain."),
        "",
        BucketRefused,
        ["path style", "https://oss-cn-shanghai.aliyuncs.com"],
    ),
    (
        "AccessDenied",
        "Please access using a third level domain.",
        "",
        BucketRefused,
        ["path style"],
    ),
    (
        "AccessDenied",
        "Access denied for requester pay bucket",
        "",
        BucketRefused,
        ["requester pays"],
    ),
    (
        "AccessDenied",
        "The bucket you access does not belong to you.",
        "",
        BucketRefused,
        ["another account"],
    ),
    (
        "AccessDenied",
        "Access denied by authorizer's policy.",
        "",
        BucketRefused,
        ["A policy denies", "Deny"],
    ),
    ("AccessDenied", "Access denied by bucket policy.", "", BucketRefused, ["bucket policy"]),
    (
        "AccessDenied",
        "You have no right.",
        (
            "<AccessDeniedDetail><AuthAction>oss:ListObjects</AuthAction>"
            "<NoPermissionType>ExplicitDeny</NoPermissionType></AccessDeniedDetail>"
        ),
        BucketRefused,
        ["denies oss:ListObjects"],
    ),
    (
        "AccessDenied",
        "You have no right.",
        (
            "<AccessDeniedDetail><AuthAction>oss:GetObject</AuthAction>"
            "<NoPermissionType>ImplicitDeny</NoPermissionType></AccessDeniedDetail>"
        ),
        BucketRefused,
        [f"Grant oss:GetObject on acs:oss:*:*:{BUCKET}"],
    ),
    (
        "AccessDenied",
        "Anonymous access is forbidden for this operation.",
        "",
        BucketRefused,
        ["Authorization"],
    ),
    (
        "AccessDenied",
        "AccessDenied",
        "",
        BucketRefused,
        [f"oss:ListObjects on acs:oss:*:*:{BUCKET}"],
    ),
    ("UserDisable", "UserDisable", "", AccountRefused, ["billing"]),
    ("AccessForbidden", "Your account is in arrears.", "", AccountRefused, ["billing"]),
    ("AccessForbidden", "The account has overdue payments.", "", AccountRefused, ["billing"]),
]


@pytest.fixture(scope="module")
def raw() -> Iterator[Raw]:
    with Raw() as server:
        yield server


@pytest.mark.parametrize("denied", DENIED)
def test_a_403_gets_the_cure_that_its_body_names(
    raw: Raw, denied: tuple[str, str, str, type[CloudError], list[str]]
) -> None:
    code, message, more, kind, words = denied
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n  <Code>{code}</Code>\n  '
        f"<Message>{message}</Message>\n  "
    )
    raw.answer = http(403, f"{body}<RequestId>R</RequestId>{more}\n</Error>".encode(), DATE)
    with closing(raw.source()) as source, pytest.raises(kind) as caught:
        source.list_objects()
    assert caught.value.code == code
    assert caught.value.request_id == "R"
    for word in words:
        assert word in caught.value.hint


def test_a_foreign_403_is_not_blamed_on_permissions(raw: Raw) -> None:
    raw.answer = http(403, b"<html>Blocked by company policy</html>", DATE)
    with closing(raw.source()) as source, pytest.raises(BucketRefused) as caught:
        source.list_objects()
    assert "proxy" in caught.value.hint
    assert "Grant" not in caught.value.hint


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_without_login_is_named(raw: Raw, scheme: str) -> None:
    """For OSS and VOD, with and without a tunnel."""
    raw.answer = http(407, b"<html>login</html>", DATE, b'Proxy-Authenticate: Basic realm="x"')
    with ExitStack() as stack:
        source = stack.enter_context(
            closing(raw.source(endpoint=f"{scheme}://oss-cn-shanghai.aliyuncs.com", proxy=raw.url))
        )
        vod = stack.enter_context(
            closing(raw.vod(endpoint=f"{scheme}://vod.example.com", proxy=raw.url))
        )
        calls = (
            source.list_objects,
            lambda: source.head("a"),
            lambda: registrar(vod).register([MEDIA], CallOptions()),
        )
        for call in calls:
            with pytest.raises(Unreachable, match="the proxy wants a login") as caught:
                call()
            assert "[network] proxy" in caught.value.hint


def test_a_refusing_proxy_is_named_with_its_status(raw: Raw) -> None:
    raw.answer = http(403, b"", DATE)
    with closing(
        raw.source(endpoint="https://oss-cn-shanghai.aliyuncs.com", proxy=raw.url)
    ) as source:
        for call in (source.list_objects, lambda: source.head("a")):
            with pytest.raises(Unreachable, match=r"does not connect \(HTTP 403\)"):
                call()


@contextmanager
def black_hole(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Yield a port that never answers. All host names lead to this machine."""
    monkeypatch.setattr("watcher.oss.transport.TIMEOUT_S", 0.5)
    monkeypatch.setattr("watcher.oss.client.TIMEOUT_S", 0.5)
    real = socket.getaddrinfo

    def here(_host: str, *more: object, **named: object) -> object:
        return real("127.0.0.1", *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", here)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, ExitStack() as stack:
        port = listening.getsockname()[1]
        for _ in range(3):  # its queue is full then
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 (socket has it so)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def test_the_error_for_an_unreachable_internal_endpoint_names_the_public_one(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    with black_hole(monkeypatch) as port, ExitStack() as stack:
        endpoint = f"https://oss-cn-shanghai-internal.aliyuncs.com:{port}"
        source = stack.enter_context(closing(raw.source(endpoint=endpoint)))
        for call in (source.list_objects, lambda: source.head("a")):
            with pytest.raises(Unreachable, match=r"did not answer in time") as caught:
                call()
            assert (
                "oss-cn-shanghai-internal.aliyuncs.com answers only inside the region's VPC"
                in caught.value.hint
            )
            assert "https://oss-cn-shanghai.aliyuncs.com" in caught.value.hint
        vod = stack.enter_context(
            closing(raw.vod(endpoint=f"vod-vpc.cn-shanghai.aliyuncs.com:{port}", timeout_s=0.5))
        )
        with pytest.raises(Unreachable) as caught:
            registrar(vod).register([MEDIA], CallOptions())
        assert "https://vod.cn-shanghai.aliyuncs.com" in caught.value.hint


def test_other_failures_of_an_internal_endpoint_are_not_blamed_on_our_network(raw: Raw) -> None:
    raw.answer = http(503, b"", DATE)
    with closing(raw.source()) as source, pytest.raises(Unavailable) as caught:
        source.list_objects()
    assert "VPC" not in caught.value.hint


@pytest.mark.parametrize(
    ("url", "public"),
    [
        (
            "https://b.oss-cn-shanghai-internal.aliyuncs.com/",
            "https://oss-cn-shanghai.aliyuncs.com",
        ),
        (
            "https://oss-ap-southeast-1-internal.aliyuncs.com:443",
            "https://oss-ap-southeast-1.aliyuncs.com",
        ),
        ("vod-vpc.cn-beijing.aliyuncs.com", "https://vod.cn-beijing.aliyuncs.com"),
        ("https://oss-cn-shanghai.aliyuncs.com", ""),
        ("https://my-internal.example.com", ""),
        ("http://127.0.0.1:9000", ""),
        ("", ""),
    ],
)
def test_vpc_endpoints_are_recognised_by_their_names(url: str, public: str) -> None:
    found = inside_region(url)
    assert (found[1] if found else "") == public

"""Listing requests on the wire: signed, addressed as by oss2, through the configured proxy."""

from __future__ import annotations

import base64
import gzip
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import oss2
import pytest

from tests.support.contracts import RealStore, pages
from tests.support.oss_server import LISTING, Server, Source, running
from tests.support.static_credentials import SECRET, TOKEN
from tests.support.workspace import BUCKET
from watcher.errors import CloudError, Unavailable, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.sandbox import Sandbox


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


def test_only_signed_and_nonempty_parameters_are_sent(server: Server, source: Source) -> None:
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


def test_a_connection_is_kept_alive(server: Server, source: Source) -> None:
    one = source(server.url)
    for _ in range(3):
        one.list_objects()
    assert (len(server.seen), len(server.clients)) == (3, 1)


def test_a_proxy_gets_the_whole_address_and_the_login(server: Server, source: Source) -> None:
    """A bucket is addressed by its own host name."""
    proxy = server.url.replace("//", "//eve:s%40cret@")
    one = source("http://oss-cn-shanghai.aliyuncs.com", proxy=proxy)
    assert one.list_objects().page().objects.keys == ["a b.mp4", "c/d.mp4"]
    (asked,) = server.seen
    assert asked.path.startswith(f"http://{BUCKET}.oss-cn-shanghai.aliyuncs.com/?list-type=2&")
    assert asked.given["Host"] == f"{BUCKET}.oss-cn-shanghai.aliyuncs.com"
    assert (
        base64.b64decode(asked.given["Proxy-Authorization"].removeprefix("Basic ")) == b"eve:s@cret"
    )


def test_https_goes_through_a_tunnel_and_a_refusing_proxy_sees_no_signature(
    server: Server, source: Source
) -> None:
    server.status = 407
    one = source(
        "https://oss-cn-shanghai.aliyuncs.com", proxy=server.url.replace("//", "//eve:hush@")
    )
    with pytest.raises(CloudError, match="could not be reached") as caught:
        one.list_objects()
    assert caught.value.transient
    (asked,) = server.seen
    assert asked.line.startswith(f"CONNECT {BUCKET}.oss-cn-shanghai.aliyuncs.com:443 ")
    assert asked.given["proxy-authorization"]
    assert asked.given["authorization"] is None
    assert "hush" not in str(caught.value) + repr(caught.value)


def test_no_proxy_hosts_bypass_the_proxy(server: Server, source: Source) -> None:
    source(server.url, proxy="http://127.0.0.1:9", no_proxy="127.0.0.1").list_objects()
    assert len(server.seen) == 1


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://127.0.0.1:9", "127.0.0.1:9"])
def test_an_unusable_proxy_is_an_error(source: Source, proxy: str) -> None:
    with pytest.raises(Unreachable, match="could not be reached"):
        source("http://oss-cn-shanghai.aliyuncs.com", proxy=proxy).list_objects()


def test_a_compressed_or_chunked_answer_is_read(server: Server, source: Source) -> None:
    server.body, server.headers = gzip.compress(LISTING), {"content-encoding": "gzip"}
    assert source(server.url).list_objects().page().objects.keys == ["a b.mp4", "c/d.mp4"]
    server.body = b"no gzip"
    with pytest.raises(Unavailable, match="could not be reached"):
        source(server.url).list_objects()
    chunks = (LISTING[:100], LISTING[100:], b"")
    server.body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    server.headers = {"Transfer-Encoding": "chunked"}
    one = source(server.url)
    assert [one.list_objects().page().objects.keys for _ in range(2)] == [
        ["a b.mp4", "c/d.mp4"]
    ] * 2
    server.body = server.body[:-9]
    server.missing_bytes = 1  # the connection ends there
    with pytest.raises(Unavailable, match="could not be reached"):
        source(server.url).list_objects()


def test_a_late_answer_is_an_error(
    server: Server, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watcher.oss.transport.TIMEOUT_S", 0.2)
    server.missing_bytes, server.lingers_s = 1, 1.0
    with pytest.raises(Unavailable, match="did not answer in time"):
        source(server.url).list_objects()


def test_a_connection_closed_by_the_service_is_opened_again(server: Server, source: Source) -> None:
    server.headers = {"Connection": "close"}
    one = source(server.url)
    for _ in range(3):
        one.list_objects()
    assert (len(server.seen), len(server.clients)) == (3, 3)


def test_the_keys_are_those_of_oss2s_plain_listing_of_odd_keys_below_an_odd_prefix(
    sandbox: Sandbox,
) -> None:
    keys = [
        f"a +%中/{name}"
        for name in ("x y", "x%2F", "a&b#?", "\"<>'", "\n\t", "\x01\x7f", "🎬", "/", "z" * 900)
    ]
    store = RealStore(sandbox)
    for key in (*keys, "b"):
        store.put(key)
    prefix = "a +%中/"
    plain = oss2.Bucket(
        oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret),
        sandbox.url,
        BUCKET,
        region="cn-shanghai",
    )
    theirs = [found.key for found in oss2.ObjectIteratorV2(plain, prefix=prefix, max_keys=1000)]
    ours = [key for page in pages(store.source(prefix), max_keys=2) for key in page.objects.keys]
    assert ours == theirs == sorted(keys, key=str.encode)
    store.close()

"""Endless answers time out."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.support.static_credentials import StaticCredentials
from watcher.clock import SystemClock
from watcher.errors import CloudError, Unanswered
from watcher.http_deadline import limit_answers
from watcher.model import CallOptions, Media
from watcher.oss import BucketSource, client, connect, transport
from watcher.vod import VodClient, VodRegistrar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT_S = 0.4
LATE_S = 3.0  # long before an answer would end
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n"
MEDIA = Media(
    bucket="b", key="a.mp4", file_url="https://b.oss-cn-shanghai.aliyuncs.com/a.mp4", title="a"
)


@pytest.fixture(params=[HEAD + b"\r\n", HEAD + b"X-Long: "], ids=["body", "header"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A service that sends a byte each tenth of a second from a place in its answer on."""
    gone = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)

    def answer() -> None:
        while not gone.is_set():
            with contextlib.suppress(OSError), server.accept()[0] as caller:
                caller.recv(65536)
                caller.sendall(request.param)
                while not gone.wait(0.1):
                    caller.sendall(b" ")

    thread = threading.Thread(target=answer)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    gone.set()
    thread.join()
    server.close()


@pytest.fixture(autouse=True)
def _soon() -> Iterator[None]:
    """Fail if the block takes too long."""
    began = time.monotonic()  # noqa: TID251 (sockets keep real time)
    yield
    assert time.monotonic() - began < LATE_S  # noqa: TID251


def test_an_endless_answer_of_vod_times_out(url: str) -> None:
    vod = VodClient(
        region="cn-shanghai",
        endpoint=url,
        credentials=StaticCredentials(),
        timeout_s=LIMIT_S,
        concurrent_calls=1,
        proxies={},
        no_proxy="",
        ca_bundle="",
    )
    with contextlib.closing(vod):
        result = VodRegistrar(vod).register(
            [MEDIA], CallOptions(template_group_id="VOD_NO_TRANSCODE")
        )
    assert isinstance(result.error, Unanswered), "it may have taken effect"


@pytest.mark.parametrize(
    "ask", [BucketSource.list_objects, lambda source: source.head("a.mp4")], ids=["list", "head"]
)
def test_an_endless_answer_of_oss_times_out(
    url: str, ask: Callable[[BucketSource], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (transport, client):
        monkeypatch.setattr(module, "TIMEOUT_S", LIMIT_S)
    bucket = connect(
        bucket="bucket",
        endpoint=url,
        region="cn-shanghai",
        credentials=StaticCredentials(),
        proxies={},
        no_proxy="",
        ca_bundle="",
    )
    with contextlib.closing(BucketSource(bucket, prefix="")) as source, pytest.raises(CloudError):
        ask(source)


def test_a_timely_answer_keeps_the_connection_and_its_timeout() -> None:
    answers = itertools.repeat(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        urllib3.PoolManager(timeout=LATE_S) as manager,
    ):
        limit_answers(manager, LIMIT_S, elapsed=SystemClock.read_s)

        def answer() -> None:
            with server.accept()[0] as caller:
                for each in answers:
                    if not caller.recv(65536):
                        return
                    caller.sendall(each)

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        for _ in range(3):
            assert manager.request("GET", address).data == b"ok"
            time.sleep(LIMIT_S / 2)  # noqa: TID251 (each answer has a time of its own)
        manager.clear()
        thread.join()

"""The bodies of requests, byte by byte: lengths, chunks, and clients that go away."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.oss_calls import signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

SIZE = 700_000
BODY = b"0123456789" * (SIZE // 10)
TIMEOUT_S = 9


def connect(sandbox: Sandbox) -> socket.socket:
    host, port = sandbox.host.split(":")
    return socket.create_connection((host, int(port)), timeout=TIMEOUT_S)


def head_of(sandbox: Sandbox, key: str, *lines: str) -> bytes:
    """Return the first bytes of a signed PUT; `lines` are further headers."""
    headers = signed(sandbox, "PUT", BUCKET, key)
    all_lines = [f"PUT /{BUCKET}/{key} HTTP/1.1", f"Host: {sandbox.host}"]
    all_lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*all_lines, *lines, "", ""]).encode("latin-1")


def status_line(connection: socket.socket) -> bytes:
    """Return the first line of an answer, after its whole head has come."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(65536)
        if not more:
            break
        got += more
    return got.split(b"\r\n")[0]


def chunked(body: bytes, size: int) -> bytes:
    chunks = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks)


def test_a_client_that_expects_it_is_asked_to_continue(sandbox: Sandbox) -> None:
    with closing(connect(sandbox)) as connection:
        length = f"Content-Length: {SIZE}"
        connection.sendall(head_of(sandbox, "a.mp4", length, "Expect: 100-continue"))
        assert status_line(connection) == b"HTTP/1.1 100 Continue"
        connection.sendall(BODY)
        assert status_line(connection) == b"HTTP/1.1 200 OK"
    assert sandbox.oss.body(BUCKET, "a.mp4") == BODY


@pytest.mark.parametrize("size", [1000, 300_000])
def test_chunks_are_joined(sandbox: Sandbox, size: int) -> None:
    with closing(connect(sandbox)) as connection:
        connection.sendall(head_of(sandbox, "a.mp4", "Transfer-Encoding: chunked"))
        connection.sendall(chunked(BODY, size) + b"0;last=yes\r\nTrailer: 1\r\n\r\n")
        assert status_line(connection) == b"HTTP/1.1 200 OK"
    assert sandbox.oss.body(BUCKET, "a.mp4") == BODY


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        (f"Content-Length: {SIZE}", BODY[:-1]),
        (f"Content-Length: {SIZE}", b""),
        ("Transfer-Encoding: chunked", chunked(BODY, 1000)),  # without the last chunk
        ("Transfer-Encoding: chunked", chunked(BODY, 1000)[:-900]),
        ("Transfer-Encoding: chunked", b""),
    ],
    ids=["one byte", "all bytes", "last chunk", "half a chunk", "all chunks"],
)
def test_a_client_that_goes_away_within_a_body_changes_nothing(
    sandbox: Sandbox, header: str, sent: bytes
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4", b"the original")
    with closing(connect(sandbox)) as connection:
        connection.sendall(head_of(sandbox, "a.mp4", header) + sent)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""  # the sandbox has noticed
    assert sandbox.oss.body(BUCKET, "a.mp4") == b"the original"
    assert not sandbox.oss.journal


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        ("Content-Length: -5", b""),
        ("Content-Length: many", b""),
        ("Transfer-Encoding: chunked", b"no number\r\n"),
        ("Transfer-Encoding: chunked", b"-1\r\n"),
        ("Transfer-Encoding: gzip, chunked", b"1\r\nx\r\n0\r\n\r\n"),
    ],
)
def test_a_length_that_is_none_is_refused_and_changes_nothing(
    sandbox: Sandbox, header: str, sent: bytes
) -> None:
    with closing(connect(sandbox)) as connection:
        connection.sendall(head_of(sandbox, "a.mp4", header) + sent)
        assert status_line(connection) == b"HTTP/1.1 400 Bad Request"
    assert sandbox.oss.find(BUCKET, "a.mp4") is None


def test_an_object_that_is_replaced_while_it_is_read_arrives_whole(sandbox: Sandbox) -> None:
    large = b"old bytes." * 1_000_000
    sandbox.oss.put(BUCKET, "a.mp4", large)
    with closing(connect(sandbox)) as connection:
        headers = signed(sandbox, "GET", BUCKET, "a.mp4")
        lines = [f"GET /{BUCKET}/a.mp4 HTTP/1.1", f"Host: {sandbox.host}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        got = connection.recv(1000)
        sandbox.oss.put(BUCKET, "a.mp4", b"new bytes." * 1_000_000)
        while more := connection.recv(1 << 20):
            got += more
    assert got.partition(b"\r\n\r\n")[2] == large


@pytest.mark.parametrize("line", ["HTTP/1.0", "HTTP/1.1\r\nConnection: close"])
def test_an_answer_says_that_the_connection_ends(sandbox: Sandbox, line: str) -> None:
    with closing(connect(sandbox)) as connection:
        connection.sendall(f"GET /{BUCKET}/a.mp4 {line}\r\n\r\n".encode())
        got = b""
        while more := connection.recv(65536):
            got += more
    assert b"\r\nConnection: close\r\n" in got

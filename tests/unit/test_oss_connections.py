"""Plain headers are parsed in one step, with the result of http.client."""

from __future__ import annotations

import socket
from http.client import HTTPException, HTTPResponse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.oss.connections import _FastHeaders

BODY = b"<ListBucketResult/>" * 20
PLAIN = {
    "Server": "AliyunOSS",
    "Date": "Wed, 25 Nov 2026 10:00:00 GMT",
    "Content-Length": str(len(BODY)),
    "x-a": "b: c",
}


def outcome_of(kind: type[HTTPResponse], wire: bytes) -> tuple[Any, ...]:
    """Return the result of reading these bytes and the end of the connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(wire)
        theirs.close()
        answer = kind(ours, method="GET")
        try:
            answer.begin()
            headers = sorted((name.lower(), value) for name, value in answer.headers.items())
            found = {
                name: (answer.headers.get(name.upper()), name in answer.headers)
                for name, _ in headers
            }
            return (
                answer.status,
                headers,
                found,
                answer.version,
                answer.will_close,
                answer.read(),
                answer.isclosed(),
            )
        except (HTTPException, ValueError) as error:
            return (type(error),)
        finally:
            answer.close()


def spelled(headers: dict[str, str], body: bytes = BODY, *, line: str = "HTTP/1.1 200 OK") -> bytes:
    return (
        "".join(
            (f"{line}\r\n", *(f"{name}: {value}\r\n" for name, value in headers.items()), "\r\n")
        ).encode()
        + body
    )


ODD = {
    "another status": spelled(PLAIN, line="HTTP/1.1 503 Service Unavailable"),
    "an old version": spelled(PLAIN, line="HTTP/1.0 200 OK"),
    "no reason": spelled(PLAIN, line="HTTP/1.1 200"),
    "a status for the meantime": b"HTTP/1.1 100 Continue\r\n\r\n" + spelled(PLAIN),
    "no status": spelled(PLAIN, line="nonsense"),
    "nothing": b"",
    "half the headers": spelled(PLAIN)[:50],
    "no length": spelled({"Server": "x"}),
    "a length that is none": spelled({**PLAIN, "Content-Length": "-5"}),
    "a length twice": spelled({"content-length": "5", **PLAIN}),
    "a longer body": spelled(PLAIN, BODY + b"more"),
    "a shorter body": spelled(PLAIN, BODY[:-1]),
    "chunks": spelled({**PLAIN, "Transfer-Encoding": "chunked"}, b"3\r\nabc\r\n0\r\n\r\n"),
    "a connection that ends": spelled({**PLAIN, "Connection": "close"}),
    "a value on two lines": spelled({**PLAIN, "x-b": "one\r\n two"}),
    "a value that is empty": spelled({**PLAIN, "x-b": ""}),
    "a name that is empty": spelled({**PLAIN, "": "v"}),
    "a value that is not ASCII": spelled({**PLAIN, "x-b": "é"}),
    "a line end of one byte": spelled(PLAIN).replace(b"\r\n", b"\n"),
    "many headers": spelled({**{f"x-{n}": "v" * 90 for n in range(200)}, **PLAIN}),
    "headers beyond the buffer": spelled({**{f"x-{n}": "v" * 900 for n in range(20)}, **PLAIN}),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_headers_are_read_as_by_http_client(case: str) -> None:
    assert outcome_of(_FastHeaders, ODD[case]) == outcome_of(HTTPResponse, ODD[case])


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "Date",
                "x-oss-request-id",
                "Connection",
                "Content-Length",
                "content-length",
                "Retry-After",
            ]
        ),
        st.one_of(
            st.sampled_from(["keep-alive", "close", "380", "0", "3 ", " 3", "v"]),
            st.text('az :;=,é\t"', max_size=4),
        ),
    ),
    st.booleans(),
)
def test_any_headers_are_read_as_by_http_client(
    headers: dict[str, str],
    is_plain: bool,  # noqa: FBT001 (drawn)
) -> None:
    wire = spelled({**PLAIN, **headers} if is_plain else headers)
    assert outcome_of(_FastHeaders, wire) == outcome_of(HTTPResponse, wire)


def test_plain_headers_take_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = outcome_of(HTTPResponse, spelled(PLAIN))
    monkeypatch.setattr(HTTPResponse, "_read_status", lambda _: pytest.fail("read one by one"))
    assert outcome_of(_FastHeaders, spelled(PLAIN)) == expected

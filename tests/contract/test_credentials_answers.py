"""Any answer of the metadata and the token service gives keys or a clear error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.raw_server import Raw, http
from tests.support.role_services import SECRET, error_text, oidc_env, stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GBK = "<html>网关错误</html>".encode("gbk")
KEYS: dict[str, Any] = {
    "AccessKeyId": "id",
    "AccessKeySecret": SECRET,
    "SecurityToken": f"{SECRET}-token",
    "Expiration": "2099-01-01T00:00:00Z",
}


def spoilt(**changed: object) -> bytes:
    """Return an answer of either service with some fields changed."""
    keys = KEYS | changed
    return json.dumps({"Code": "Success", "Credentials": keys} | keys).encode()


BODIES = {
    "nothing": b"",
    "another encoding": GBK,
    "a page": b"<html>sign in</html>",
    "half an object": b'{"Code": "Success", "AccessKe',
    "a list": b"[]",
    "null": b"null",
    "a number": b"3",
    "a text": b'"keys"',
    "an empty object": b"{}",
    "keys that are null": spoilt(AccessKeyId=None, AccessKeySecret=None, SecurityToken=None),
    "keys that are empty": spoilt(AccessKeyId="", AccessKeySecret="", SecurityToken=""),
    "keys that are numbers": spoilt(AccessKeyId=1, AccessKeySecret=2, SecurityToken=[SECRET]),
    "one key": spoilt(AccessKeySecret=None),
    "no end": spoilt(Expiration=None),
    "an end that is none": spoilt(Expiration="tomorrow"),
    "an end that is a number": spoilt(Expiration=4102444800),
    "an end long ago": spoilt(Expiration="2001-01-01T00:00:00Z"),
    "credentials that are a list": b'{"Code": "Success", "Credentials": []}',
    "a code": json.dumps(KEYS | {"Code": "Failed"}).encode(),
}
ANSWERS = {
    **{
        f"{name}, {status}": http(status, body)
        for name, body in BODIES.items()
        for status in (200, 403)
    },
    "no answer": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a status that is none": b"HTTP/1.1 abc OK\r\n\r\n",
    "a short body": http(200, b"{", length=100),
    "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a body that is not gzip": http(200, b"{}", b"Content-Encoding: gzip"),
    "a redirect to itself": http(302, b"", b"Location: /"),
}


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> Iterator[Raw]:
    """Return a server that the library uses in place of the cloud's."""
    with Raw() as local:
        stand_in(monkeypatch, local.url.removeprefix("http://"))
        yield local


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("service", ["metadata", "token"])
def test_an_answer_without_keys_is_a_clear_error(
    raw: Raw, tmp_path: Path, service: str, answer: str
) -> None:
    raw.answer = ANSWERS[answer]
    text = error_text(oidc_env(tmp_path) if service == "token" else {}, tmp_path)
    assert "OIDC: " in text if service == "token" else "the metadata service: " in text
    assert raw.asked
    assert "Traceback" not in text

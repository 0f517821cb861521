"""Headers of objects: kept from the upload, asked for by the reader, and the usual ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import oss2
import pytest

from tests.sandbox.test_oss import client, v1, v4
from tests.support.oss_calls import send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from watcher.sandbox import Sandbox

KEY = "a.mp4"
KEPT = {
    "Cache-Control": "no-cache",
    "Content-Disposition": "attachment; filename=b.mp4",
    "Content-Encoding": "utf-8",
    "Content-Language": "zh",
    "Content-Type": "video/mp4",
    "Expires": "Fri, 24 Feb 2027 17:00:00 GMT",
    "x-oss-meta-who": "me",
}
ASKED_FOR = {
    "response-cache-control": "max-age=5",
    "response-content-disposition": "inline; filename=c.mp4",
    "response-content-encoding": "identity",
    "response-content-language": "en",
    "response-content-type": "text/plain",
    "response-expires": "Thu, 01 Feb 2029 17:00:00 GMT",
}


def upload_parts(bucket: oss2.Bucket) -> None:
    upload = bucket.init_multipart_upload(KEY, headers=KEPT).upload_id
    part = bucket.upload_part(KEY, upload, 1, b"abc")
    bucket.complete_multipart_upload(KEY, upload, [oss2.models.PartInfo(1, part.etag)])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "store", [lambda bucket: bucket.put_object(KEY, b"abc", headers=KEPT), upload_parts]
)
def test_the_headers_of_an_upload_come_with_every_read(
    sandbox: Sandbox, method: str, store: Callable[[oss2.Bucket], Any]
) -> None:
    store(client(sandbox))
    answer = send_signed(sandbox, method, BUCKET, KEY)
    assert {name: answer.headers[name] for name in KEPT} == KEPT


def test_an_upload_without_a_type_has_the_general_one(sandbox: Sandbox) -> None:
    put = send_signed(sandbox, "PUT", BUCKET, KEY, body=b"abc")
    assert put.status_code == 200
    head = send_signed(sandbox, "HEAD", BUCKET, KEY)
    assert head.headers["Content-Type"] == "application/octet-stream"


def test_a_reader_may_ask_for_other_headers(sandbox: Sandbox) -> None:
    client(sandbox).put_object(KEY, b"abc", headers=KEPT)
    answer = send_signed(sandbox, "GET", BUCKET, KEY, params=ASKED_FOR)
    shown = {f"response-{name.lower()}": value for name, value in answer.headers.items()}
    assert {name: shown[name] for name in ASKED_FOR} == ASKED_FOR
    assert answer.headers["x-oss-meta-who"] == "me"


@pytest.mark.parametrize("auth", [v1, v4])
def test_an_sdk_asks_for_other_headers(sandbox: Sandbox, auth: Callable[[Sandbox], Any]) -> None:
    bucket = client(sandbox, auth=auth(sandbox))
    bucket.put_object(KEY, b"abc", headers=KEPT)
    asked = {"response-content-type": "text/中文", "response-content-language": "en"}
    got = bucket.get_object(KEY, params=asked)
    assert got.headers["Content-Type"].encode("latin-1").decode() == "text/中文"
    assert (got.headers["Content-Language"], got.headers["Cache-Control"]) == ("en", "no-cache")
    part = bucket.get_object(KEY, byte_range=(0, 1), params=asked)
    assert (part.read(), part.headers["Content-Language"]) == (b"ab", "en")


def test_a_header_that_is_asked_for_cannot_hold_another(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY)
    params = {"response-content-type": "a\r\nx-oss-meta-b: c"}
    answer = send_signed(sandbox, "GET", BUCKET, KEY, params=params)
    assert (answer.status_code, "x-oss-meta-b" in answer.headers) == (400, False)


def test_the_usual_headers_come_with_every_answer(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, b"abc")
    answers = [
        send_signed(sandbox, *call)
        for call in (
            ("GET", BUCKET, KEY),
            ("HEAD", BUCKET, "no-such-key"),
            ("GET", "no-such-bucket"),
            ("PUT", BUCKET, "b"),
            ("GET", BUCKET),
        )
    ]
    for answer in answers:
        assert re.fullmatch(r"[0-9A-F]{24}", answer.headers["x-oss-request-id"])
        assert 0 <= int(answer.headers["x-oss-server-time"]) < 5000
        assert (answer.headers["Connection"], answer.headers["Server"]) == (
            "keep-alive",
            "AliyunOSS",
        )
    assert len({answer.headers["x-oss-request-id"] for answer in answers}) == len(answers)


def test_a_client_that_leaves_is_seen_off(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY)
    answer = send_signed(sandbox, "GET", BUCKET, KEY, headers={"Connection": "close"})
    assert answer.headers["Connection"] == "close"


def test_the_headers_of_a_read_depend_on_the_type_of_the_object(sandbox: Sandbox) -> None:
    bucket = client(sandbox)
    bucket.put_object("Normal", b"abc")
    bucket.append_object("Appendable", 0, b"abc")
    sandbox.oss.put(BUCKET, "Multipart", type="Multipart")
    found = {key: bucket.head_object(key).headers for key in ("Normal", "Appendable", "Multipart")}
    assert {key: headers["x-oss-object-type"] for key, headers in found.items()} == {
        key: key for key in found
    }
    assert {headers["Accept-Ranges"] for headers in found.values()} == {"bytes"}
    assert [key for key, headers in found.items() if "Content-MD5" in headers] == ["Normal"]
    assert found["Normal"]["Content-MD5"] == oss2.utils.content_md5(b"abc")
    positions = [headers.get("x-oss-next-append-position") for headers in found.values()]
    assert positions == [None, "3", None]

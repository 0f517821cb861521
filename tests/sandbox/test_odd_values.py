"""Values that no client sends on purpose are refused in the words of OSS, and break nothing."""

from __future__ import annotations

import http.client
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support.oss_calls import error_code, send_signed
from tests.support.oss_signer import Asked, Key, machine_time, sign_v1_url, sign_v4, sign_v4_url
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

KEY = "a.mp4"
BODY = b"0123456789"
VERY_LONG = "1" * 5000  # more digits than Python makes a number of
ARABIC = "\u0661\u0662"  # 12


@pytest.fixture
def upload_id(sandbox: Sandbox) -> str:
    sandbox.oss.put(BUCKET, KEY, BODY)
    begun = send_signed(sandbox, "POST", BUCKET, KEY, params={"uploads": ""})
    return begun.text.partition("<UploadId>")[2].partition("<")[0]


@pytest.mark.parametrize("text", [VERY_LONG, ARABIC, "-1", "1.0", "x"])
@pytest.mark.parametrize(
    ("request_line", "name"),
    [
        ("GET ", "max-keys"),
        ("GET ?list-type=2", "max-keys"),
        ("GET ?uploads=", "max-uploads"),
        (f"GET {KEY}?uploadId=ID", "max-parts"),
        (f"GET {KEY}?uploadId=ID", "part-number-marker"),
        (f"PUT {KEY}?uploadId=ID", "partNumber"),
        ("POST b.mp4?append=", "position"),
    ],
)
def test_a_parameter_that_is_no_number_is_an_invalid_argument(
    sandbox: Sandbox, upload_id: str, request_line: str, name: str, text: str
) -> None:
    method, _, target = request_line.partition(" ")
    key, _, mark = target.partition("?")
    params = dict([mark.replace("=ID", f"={upload_id}").split("=")]) if mark else {}
    answer = send_signed(sandbox, method, BUCKET, key, params={**params, name: text})
    assert (answer.status_code, error_code(answer)) == (400, "InvalidArgument")


def test_a_page_of_buckets_has_a_number_of_them(sandbox: Sandbox) -> None:
    answer = send_signed(sandbox, "GET", params={"max-keys": VERY_LONG})
    assert error_code(answer) == "InvalidArgument"


@pytest.mark.parametrize("number", [VERY_LONG, ARABIC, ""])
def test_a_part_without_a_number_is_malformed(
    sandbox: Sandbox, upload_id: str, number: str
) -> None:
    part = f"<Part><PartNumber>{number}</PartNumber><ETag>x</ETag></Part>"
    body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    answer = send_signed(sandbox, "POST", BUCKET, KEY, params={"uploadId": upload_id}, body=body)
    assert error_code(answer) == "MalformedXML"


@pytest.mark.parametrize("days", [VERY_LONG, ARABIC, "0"])
def test_days_that_are_no_number_are_malformed(sandbox: Sandbox, days: str) -> None:
    sandbox.oss.put(BUCKET, KEY, storage_class="Archive")
    body = f"<RestoreRequest><Days>{days}</Days></RestoreRequest>".encode()
    answer = send_signed(sandbox, "POST", BUCKET, KEY, params={"restore": ""}, body=body)
    assert error_code(answer) == "MalformedXML"


@pytest.mark.parametrize("wanted", [f"bytes={VERY_LONG}-", f"bytes=-{VERY_LONG}"])
def test_a_range_of_very_many_digits_is_no_range(sandbox: Sandbox, wanted: str) -> None:
    sandbox.oss.put(BUCKET, KEY, BODY)
    assert send_signed(sandbox, "GET", BUCKET, KEY, headers={"Range": wanted}).content == BODY


def test_a_range_may_end_at_the_greatest_number_of_a_client(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, BODY)
    headers = {"Range": f"bytes=4-{2**64 - 1}", "x-oss-range-behavior": "standard"}
    assert send_signed(sandbox, "GET", BUCKET, KEY, headers=headers).content == BODY[4:]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-oss-expires", VERY_LONG),
        ("x-oss-additional-headers", "\u4e2d"),
        ("x-oss-credential", "sandbox-id/20261201/\u4e2d/oss/aliyun_v4_request"),
        ("x-oss-credential", "\u4e2d/20261201/cn-shanghai/oss/aliyun_v4_request"),
    ],
)
def test_a_v4_url_with_an_odd_value_is_refused(sandbox: Sandbox, name: str, value: str) -> None:
    asked = sign_v4_url(Asked(path=f"/{BUCKET}/{KEY}"), Key.of(sandbox), at=machine_time())
    asked.query[name] = value
    assert asked.sent(sandbox).status_code in {400, 403}


def test_a_v4_url_whose_region_is_not_utf_8_is_refused(sandbox: Sandbox) -> None:
    asked = sign_v4_url(Asked(path="/"), Key.of(sandbox), at=machine_time(), region="REGION")
    query = "&".join(f"{name}={value}" for name, value in asked.query.items())
    with closing(http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=9)) as connection:
        connection.request("GET", f"/?{query.replace('REGION', '%FF')}")
        assert connection.getresponse().status == HTTPStatus.FORBIDDEN


def test_a_v1_url_expires_at_a_number(sandbox: Sandbox) -> None:
    asked = sign_v1_url(Asked(path=f"/{BUCKET}/{KEY}"), Key.of(sandbox), expires="99")
    asked.query["Expires"] = ARABIC
    assert error_code(asked.sent(sandbox)) == "AccessDenied"


def test_an_upload_of_an_unknown_class_does_not_begin(sandbox: Sandbox) -> None:
    headers = {"x-oss-storage-class": "Cold"}
    answer = send_signed(sandbox, "POST", BUCKET, KEY, params={"uploads": ""}, headers=headers)
    assert error_code(answer) == "InvalidArgument"


def test_an_empty_name_of_a_bucket_does_not_list_buckets(sandbox: Sandbox) -> None:
    asked = sign_v4(Asked(path=f"//{KEY}"), Key.of(sandbox), at=machine_time())
    with closing(http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=9)) as connection:
        connection.request("GET", f"//{KEY}", headers=asked.headers)
        assert b"InvalidBucketName" in connection.getresponse().read()


def test_a_delimiter_may_be_the_greatest_byte(sandbox: Sandbox) -> None:
    sandbox.oss.put_raw_key(BUCKET, b"\xff.mp4")
    asked = sign_v1_url(Asked(path=f"/{BUCKET}/"), Key.of(sandbox), expires=str(2**32))
    query = "&".join(f"{name}={quote(text, safe='')}" for name, text in asked.query.items())
    with closing(http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=9)) as connection:
        connection.request("GET", f"/{BUCKET}/?delimiter=%FF&encoding-type=url&{query}")
        assert b"<Prefix>%FF</Prefix>" in connection.getresponse().read()

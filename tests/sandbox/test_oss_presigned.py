"""URLs that carry their signature, V1 and V4, by real SDKs and by a signer of our own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import oss2
import pytest
import requests

from tests.sandbox.test_oss import client, v1, v4
from tests.support.oss_signer import (
    Asked,
    Key,
    http_date,
    iso_date,
    machine_time,
    sign_v1,
    sign_v1_url,
    sign_v4_url,
    unix_time,
)
from tests.support.workspace import BUCKET
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "视频/a b+c.mp4"
OBJECT = f"/{BUCKET}/{KEY}"
WEEK_S = 7 * 24 * 3600


@pytest.fixture(params=["", "a+token/with=odd&characters%2B=="])
def signed_for(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox whose credential has no token, and one whose has."""
    with Sandbox(security_token=request.param) as sandbox:
        sandbox.oss.create_bucket(BUCKET)
        sandbox.oss.put(BUCKET, KEY, b"hello")
        yield sandbox


def sts(sandbox: Sandbox) -> Any:
    known = sandbox.credentials
    return oss2.StsAuth(known.access_key_id, known.access_key_secret, known.security_token)


@pytest.mark.parametrize("auth", [sts, v4])
def test_a_url_of_the_sdk_reads_writes_and_deletes(
    signed_for: Sandbox, auth: Callable[[Sandbox], Any]
) -> None:
    bucket = client(signed_for, auth=auth(signed_for))

    def url(method: str, key: str = KEY, **given: Any) -> str:
        return str(bucket.sign_url(method, key, 60, slash_safe=True, **given))

    assert requests.get(url("GET"), timeout=9).content == b"hello"
    assert requests.head(url("HEAD"), timeout=9).headers["Content-Length"] == "5"
    shown = url("GET", params={"response-content-type": "video/x", "x-oss-process": "a"})
    assert requests.get(shown, timeout=9).status_code == 501  # past the signature
    typed = {"Content-Type": "video/mp4", "x-oss-meta-who": "me"}
    put = requests.put(url("PUT", "new.mp4", headers=typed), data=b"new", headers=typed, timeout=9)
    assert put.status_code == 200
    assert signed_for.oss.body(BUCKET, "new.mp4") == b"new"
    assert requests.delete(url("DELETE", "new.mp4"), timeout=9).status_code == 204
    assert signed_for.oss.find(BUCKET, "new.mp4") is None


@pytest.mark.parametrize("auth", [sts, v4])
def test_a_whole_multipart_upload_goes_by_urls(
    signed_for: Sandbox, auth: Callable[[Sandbox], Any]
) -> None:
    bucket = client(signed_for, auth=auth(signed_for))
    upload = bucket.init_multipart_upload("parts.mp4").upload_id
    part = bucket.sign_url(
        "PUT", "parts.mp4", 60, params={"partNumber": "1", "uploadId": upload}, slash_safe=True
    )
    etag = requests.put(part, data=b"part", timeout=9).headers["ETag"]
    bucket.complete_multipart_upload(
        "parts.mp4", upload, [oss2.models.PartInfo(1, etag.strip('"'))]
    )
    assert signed_for.oss.body(BUCKET, "parts.mp4") == b"part"


OPERATIONS = [  # method, path, query, the sub-resources among it
    ("GET", "/", {}, ""),
    ("GET", f"/{BUCKET}/", {"list-type": "2", "prefix": "视"}, ""),
    ("GET", f"/{BUCKET}/", {"bucketInfo": ""}, "bucketInfo"),
    ("GET", f"/{BUCKET}/", {"location": ""}, "location"),
    ("HEAD", OBJECT, {"objectMeta": ""}, "objectMeta"),
    ("POST", OBJECT, {"uploads": ""}, "uploads"),
    ("POST", f"/{BUCKET}/live.mp4", {"append": "", "position": "0"}, "append&position=0"),
    ("PUT", "/another-bucket/", {}, ""),
    ("DELETE", "/another-bucket/", {}, ""),
]


@pytest.mark.parametrize(("method", "path", "query", "subresources"), OPERATIONS)
def test_every_operation_takes_a_signed_url(
    signed_for: Sandbox, method: str, path: str, query: dict[str, str], subresources: str
) -> None:
    if method == "DELETE":
        signed_for.oss.create_bucket("another-bucket")
    now, key = machine_time(), Key.of(signed_for)
    by_v1 = sign_v1_url(
        Asked(method=method, path=path, query=dict(query)),
        key,
        expires=unix_time(now, 60),
        subresources=subresources,
    )
    by_v4 = sign_v4_url(Asked(method=method, path=path, query=dict(query)), key, at=now)
    assert by_v1.sent(signed_for).ok
    if method == "DELETE":
        signed_for.oss.create_bucket("another-bucket")
    answer = by_v4.sent(signed_for)
    # An append at 0 repeated is refused for its position alone.
    assert answer.ok or "PositionNotEqualToLength" in answer.text


def test_a_v4_url_signs_additional_headers(signed_for: Sandbox) -> None:
    asked = Asked(path=OBJECT, headers={"host": signed_for.host, "range": "bytes=0-1"})
    signed = sign_v4_url(asked, Key.of(signed_for), at=machine_time(), additional=("host", "range"))
    assert signed.sent(signed_for).content == b"he"
    signed.headers["range"] = "bytes=0-2"
    assert signed.sent(signed_for).status_code == 403


def test_a_changed_url_does_not_match(signed_for: Sandbox) -> None:
    now, key = machine_time(), Key.of(signed_for)
    by_v1 = sign_v1_url(Asked(path=OBJECT), key, expires=unix_time(now, 60))
    by_v4 = sign_v4_url(Asked(path=OBJECT), key, at=now)
    by_v1.query["Expires"] = unix_time(now, 61)
    by_v4.query["x-oss-expires"] = "61"
    for asked, ec in ((by_v1, "0002-00000040"), (by_v4, "0002-00000201")):
        refused = asked.sent(signed_for)
        assert "<Code>SignatureDoesNotMatch</Code>" in refused.text
        assert refused.headers["x-oss-ec"] == ec


def test_an_expired_url_says_when_it_expired(sandbox: Sandbox) -> None:
    now, key = machine_time(), Key.of(sandbox)
    end = now - timedelta(seconds=5)
    by_v1 = sign_v1_url(Asked(path=OBJECT), key, expires=unix_time(end))
    by_v4 = sign_v4_url(Asked(path=OBJECT), key, at=end - timedelta(seconds=60), expires_s=60)
    for asked, ec in ((by_v1, "0002-00000069"), (by_v4, "0002-00000236")):
        refused = asked.sent(sandbox)
        assert (refused.status_code, refused.headers["x-oss-ec"]) == (403, ec)
        assert "<Code>AccessDenied</Code>" in refused.text
        assert "<Message>Request has expired.</Message>" in refused.text
        assert f"<Expires>{end:%Y-%m-%dT%H:%M:%S}.000Z</Expires><ServerTime>" in refused.text


def test_a_url_expires_by_the_clock_of_the_sandbox(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, b"hello")
    now, key = machine_time(), Key.of(sandbox)
    signed = sign_v1_url(Asked(path=OBJECT), key, expires=unix_time(now, 3600))
    assert signed.sent(sandbox).ok
    sandbox.clock_offset_s = 3700
    assert signed.sent(sandbox).status_code == 403


def test_a_v4_url_is_valid_for_seven_days_at_most(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, b"hello")
    now, key = machine_time(), Key.of(sandbox)
    for expires_s in (1 + WEEK_S, 0, -1, "abc", "1.5"):
        refused = sign_v4_url(Asked(path=OBJECT), key, at=now, expires_s=expires_s).sent(sandbox)
        assert (refused.status_code, refused.headers["x-oss-ec"]) == (400, "0002-00000232")
    begun = now - timedelta(seconds=WEEK_S - 60)
    assert sign_v4_url(Asked(path=OBJECT), key, at=begun, expires_s=WEEK_S).sent(sandbox).ok


def test_a_v4_url_is_not_valid_before_its_date(sandbox: Sandbox) -> None:
    later = machine_time() + timedelta(minutes=16)
    refused = sign_v4_url(Asked(path=OBJECT), Key.of(sandbox), at=later).sent(sandbox)
    assert (refused.status_code, refused.headers["x-oss-ec"]) == (403, "0002-00000235")


def test_a_request_is_signed_in_its_header_or_in_its_url(sandbox: Sandbox) -> None:
    now, key = machine_time(), Key.of(sandbox)
    date = http_date(now)
    for url in (
        sign_v1_url(Asked(path=OBJECT), key, expires=unix_time(now, 60)),
        sign_v4_url(Asked(path=OBJECT), key, at=now),
    ):
        url.headers["Date"] = date
        refused = sign_v1(url, key, date=date).sent(sandbox)
        assert (refused.status_code, refused.headers["x-oss-ec"]) == (400, "0002-00000039")
        assert "<Code>InvalidArgument</Code>" in refused.text


V1_BROKEN = [  # parameter, its value or None for absent, EC
    ("Expires", None, "0002-00000068"),
    ("Expires", "", "0002-00000068"),
    ("Expires", "abc", "0002-00000070"),
    ("Expires", "9" * 40, "0002-00000070"),
    ("Signature", None, "0002-00000065"),
    ("OSSAccessKeyId", None, "0002-00000065"),
]


@pytest.mark.parametrize(("name", "value", "ec"), V1_BROKEN)
def test_a_broken_v1_url_is_denied(sandbox: Sandbox, name: str, value: str | None, ec: str) -> None:
    signed = sign_v1_url(Asked(path=OBJECT), Key.of(sandbox), expires=unix_time(machine_time(), 60))
    del signed.query[name]
    signed.query |= {} if value is None else {name: value}
    refused = signed.sent(sandbox)
    assert (refused.status_code, refused.headers["x-oss-ec"]) == (403, ec)
    assert "<Code>AccessDenied</Code>" in refused.text


TODAY = iso_date(machine_time())[:8]
V4_BROKEN = [
    ("x-oss-signature-version", "ABC", "0002-00000066"),
    ("x-oss-credential", None, "0002-00000222"),
    ("x-oss-credential", f"id/{TODAY}/cn-shanghai/oss/abc", "0002-00000222"),
    (
        "x-oss-credential",
        "id/2026-12-01/cn-shanghai/oss/aliyun_v4_request",
        "0002-00000223",
    ),
    ("x-oss-credential", f"id/{TODAY}/cn-beijing/oss/aliyun_v4_request", "0002-00000228"),
    ("x-oss-signature", None, "0002-00000219"),
    ("x-oss-signature", "abc", "0002-00000220"),
    ("x-oss-expires", None, "0002-00000215"),
    ("x-oss-expires", "", "0002-00000216"),
]


@pytest.mark.parametrize(("name", "value", "ec"), V4_BROKEN)
def test_a_broken_v4_url_is_an_invalid_argument(
    sandbox: Sandbox, name: str, value: str | None, ec: str
) -> None:
    signed = sign_v4_url(Asked(path=OBJECT), Key.of(sandbox), at=machine_time())
    del signed.query[name]
    signed.query |= {} if value is None else {name: value}
    refused = signed.sent(sandbox)
    assert (refused.status_code, refused.headers["x-oss-ec"]) == (400, ec)
    assert "<Code>InvalidArgument</Code>" in refused.text


def test_the_token_of_a_url_stands_in_the_url() -> None:
    with Sandbox(security_token="token") as sandbox:
        sandbox.oss.create_bucket(BUCKET)
        bare = Key(id=sandbox.access_key_id, secret=sandbox.access_key_secret)
        headers = {"x-oss-security-token": "token"}
        signed = sign_v4_url(Asked(path=OBJECT, headers=headers), bare, at=machine_time())
        assert "<Code>InvalidAccessKeyId</Code>" in signed.sent(sandbox).text
        with pytest.raises(oss2.exceptions.ServerError, match="InvalidAccessKeyId"):
            client(sandbox, auth=v1(sandbox)).list_objects_v2()

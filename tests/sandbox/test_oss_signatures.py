"""Signatures in headers, by a signer that is neither the sandbox's nor an SDK's."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import oss2
import pytest

from tests.support.oss_signer import (
    Asked,
    Key,
    http_date,
    iso_date,
    machine_time,
    sign_v1,
    sign_v4,
)
from tests.support.workspace import BUCKET
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

OBJECT = f"/{BUCKET}/视频/a b+c.mp4"


@pytest.fixture(autouse=True)
def stored(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "视频/a b+c.mp4", b"hello")


def test_v1_is_signed_by_its_date(sandbox: Sandbox) -> None:
    date = http_date(machine_time())
    asked = sign_v1(Asked(path=OBJECT, headers={"Date": date}), Key.of(sandbox), date=date)
    assert asked.sent(sandbox).content == b"hello"


@pytest.mark.parametrize("form", [http_date, iso_date])
def test_x_oss_date_takes_the_place_of_date_in_v1(
    sandbox: Sandbox, form: Callable[[datetime], str]
) -> None:
    old, new = http_date(machine_time() - timedelta(days=9)), form(machine_time())
    headers = {"Date": old, "x-oss-date": new}
    assert sign_v1(Asked(path=OBJECT, headers=headers), Key.of(sandbox), date=new).sent(sandbox).ok
    by_date = sign_v1(Asked(path=OBJECT, headers=dict(headers)), Key.of(sandbox), date=old)
    assert "<Code>SignatureDoesNotMatch</Code>" in by_date.sent(sandbox).text


def test_v1_signs_the_subresources_and_nothing_else_of_the_query(sandbox: Sandbox) -> None:
    date = http_date(machine_time())
    query = {"list-type": "2", "continuation-token": "AAAA", "prefix": "v"}
    wanted = Asked(path=f"/{BUCKET}/", query=query, headers={"Date": date})
    signed = sign_v1(wanted, Key.of(sandbox), date=date, subresources="continuation-token=AAAA")
    assert signed.sent(sandbox).ok


@pytest.mark.parametrize("name", sorted(oss2.ProviderAuth._subresource_key_set))
def test_each_subresource_belongs_to_the_string_to_sign(sandbox: Sandbox, name: str) -> None:
    """What is not offered is refused as such only once the signature is right."""
    date = http_date(machine_time())
    right, wrong = (
        sign_v1(
            Asked(path=OBJECT, query={name: "1"}, headers={"Date": date}),
            Key.of(sandbox),
            date=date,
            subresources=signed,
        ).sent(sandbox)
        for signed in (f"{name}=1", "")
    )
    assert "SignatureDoesNotMatch" not in right.text
    assert "SignatureDoesNotMatch" in wrong.text


def test_v1_signs_the_headers_of_oss_and_the_body_s(sandbox: Sandbox) -> None:
    date = http_date(machine_time())
    headers = {"Date": date, "Content-Type": "video/mp4", "X-Oss-Meta-B": "2", "x-oss-meta-a": "1"}
    put = Asked(method="PUT", path=f"/{BUCKET}/new.mp4", headers=headers, body=b"new")
    assert sign_v1(put, Key.of(sandbox), date=date).sent(sandbox).ok
    put.headers["x-oss-meta-a"] = "changed"
    assert put.sent(sandbox).status_code == 403


@pytest.mark.parametrize("header", ["x-oss-security-token", "security-token"])
def test_v1_takes_the_token_of_each_sdk_of_the_vendor(header: str) -> None:
    """The second one for Python sends it without a prefix, so it is not signed."""
    with Sandbox(security_token="token") as sandbox:
        sandbox.oss.create_bucket(BUCKET)
        key = Key(id=sandbox.access_key_id, secret=sandbox.access_key_secret)
        date = http_date(machine_time())
        for token, status in (("token", 404), ("another", 403), ("", 403)):
            headers = {"Date": date, header: token}
            signed = sign_v1(Asked(path=f"/{BUCKET}/none", headers=headers), key, date=date)
            assert signed.sent(sandbox).status_code == status


def test_v1_signs_a_bucket_with_a_slash_whether_it_is_sent_or_not(sandbox: Sandbox) -> None:
    date = http_date(machine_time())
    asked = Asked(path=f"/{BUCKET}/", query={"list-type": "2"}, headers={"Date": date})
    signed = sign_v1(asked, Key.of(sandbox), date=date)
    signed.path = f"/{BUCKET}"
    assert signed.sent(sandbox).ok


def test_v4_takes_a_bare_date(sandbox: Sandbox) -> None:
    asked = Asked(path=OBJECT)
    signed = sign_v4(asked, Key.of(sandbox), at=machine_time(), bare_date=True)
    assert signed.sent(sandbox).content == b"hello"


def test_v4_signs_additional_headers(sandbox: Sandbox) -> None:
    asked = Asked(path=OBJECT, headers={"Range": "bytes=0-1", "host": sandbox.host})
    signed = sign_v4(asked, Key.of(sandbox), at=machine_time(), additional=("host", "range"))
    assert signed.sent(sandbox).content == b"he"
    signed.headers["Range"] = "bytes=0-2"
    assert signed.sent(sandbox).status_code == 403


def test_v4_signs_the_whole_query(sandbox: Sandbox) -> None:
    asked = Asked(path=f"/{BUCKET}/", query={"list-type": "2", "prefix": "视 /+", "delimiter": ""})
    signed = sign_v4(asked, Key.of(sandbox), at=machine_time())
    assert signed.sent(sandbox).ok
    signed.query["prefix"] = "v"
    assert signed.sent(sandbox).status_code == 403


@pytest.mark.parametrize("header", ["Date", "x-oss-date"])
def test_a_v4_date_far_from_now_is_too_skewed(sandbox: Sandbox, header: str) -> None:
    then = machine_time() - timedelta(minutes=16)
    signed = sign_v4(Asked(path=OBJECT), Key.of(sandbox), at=then, bare_date=header == "Date")
    refused = signed.sent(sandbox)
    assert refused.status_code == 403
    assert "<Code>RequestTimeTooSkewed</Code>" in refused.text
    assert f"<RequestTime>{then:%Y-%m-%dT%H:%M:%S}.000Z</RequestTime>" in refused.text
    assert "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>" in refused.text
    assert "<ServerTime>" in refused.text
    assert refused.headers["x-oss-ec"] == "0002-00000504"


DATES = [  # of the two headers, and the EC
    ({}, "0002-00000503"),
    ({"Date": "yesterday"}, "0002-00000502"),
    ({"x-oss-date": "2026-12-01"}, "0002-00000502"),
    ({"x-oss-date": "20261399T000000Z"}, "0002-00000502"),
]


@pytest.mark.parametrize(("headers", "ec"), DATES)
def test_a_missing_or_malformed_date_of_v1_is_no_valid_date(
    sandbox: Sandbox, headers: dict[str, str], ec: str
) -> None:
    date = headers.get("x-oss-date") or headers.get("Date", "")
    refused = sign_v1(Asked(path=OBJECT, headers=headers), Key.of(sandbox), date=date).sent(sandbox)
    assert (refused.status_code, refused.headers["x-oss-ec"]) == (403, ec)
    assert "<Message>OSS authentication requires a valid Date.</Message>" in refused.text


SCOPE = "20261201/cn-shanghai/oss/aliyun_v4_request"
V4 = "OSS4-HMAC-SHA256 "
MALFORMED = [  # Authorization, EC
    ("Bearer abc", "0002-00000061"),
    ("OSS abc", "0002-00000063"),
    ("OSS :abc", "0002-00000064"),
    ("OSS abc:", "0002-00000065"),
    (f"{V4}Signature={64 * 'a'}", "0002-00000213"),
    (f"{V4}Credential=id/20261201/cn-shanghai/oss/abc,Signature={64 * 'a'}", "0002-00000213"),
    (
        f"{V4}Credential=id/2026-12-01/cn-shanghai/oss/aliyun_v4_request,Signature={64 * 'a'}",
        "0002-00000212",
    ),
    (f"{V4}Credential=id/{SCOPE},Signature=abc", "0002-00000208"),
]


@pytest.mark.parametrize(("authorization", "ec"), MALFORMED)
def test_a_malformed_authorization_is_an_invalid_argument(
    sandbox: Sandbox, authorization: str, ec: str
) -> None:
    refused = Asked(path=OBJECT, headers={"Authorization": authorization}).sent(sandbox)
    assert (refused.status_code, refused.headers["x-oss-ec"]) == (400, ec)
    assert "<Code>InvalidArgument</Code>" in refused.text
    assert f"<Authorization>{authorization}</Authorization>" in refused.text


def test_a_payload_of_v4_is_unsigned(sandbox: Sandbox) -> None:
    signed = sign_v4(Asked(path=OBJECT), Key.of(sandbox), at=machine_time())
    signed.headers["x-oss-content-sha256"] = 64 * "0"
    refused = signed.sent(sandbox)
    assert refused.status_code == 400
    assert "x-oss-content-sha256 must be UNSIGNED-PAYLOAD" in refused.text


def test_signature_v2_is_not_offered(sandbox: Sandbox) -> None:
    header = Asked(path=OBJECT, headers={"Authorization": "OSS2 AccessKeyId:a,Signature:b"})
    url = Asked(path=OBJECT, query={"x-oss-signature-version": "OSS2"})
    assert [asked.sent(sandbox).status_code for asked in (header, url)] == [501, 501]


def test_a_mismatch_shows_what_was_signed(sandbox: Sandbox) -> None:
    date = http_date(machine_time())
    wrong = Key(id=sandbox.access_key_id, secret="wrong")
    v1 = sign_v1(Asked(path=OBJECT, headers={"Date": date}), wrong, date=date)
    v4 = sign_v4(Asked(path=OBJECT, query={"objectMeta": ""}), wrong, at=machine_time())
    by_v1, by_v4 = v1.sent(sandbox), v4.sent(sandbox)

    given = v1.headers["Authorization"].partition(":")[2]
    text = f"GET\n\n\n{date}\n{OBJECT}"
    assert f"<StringToSign>{text}</StringToSign>" in by_v1.content.decode()
    assert f"<StringToSignBytes>{text.encode().hex(' ').upper()}<" in by_v1.text
    assert f"<SignatureProvided>{given}</SignatureProvided>" in by_v1.text
    assert f"<OSSAccessKeyId>{sandbox.access_key_id}</OSSAccessKeyId>" in by_v1.text
    assert "<StringToSign>OSS4-HMAC-SHA256\n" in by_v4.text
    assert "<CanonicalRequest>GET\n/media-bucket/%E8%A7%86" in by_v4.text
    assert [each.headers["x-oss-ec"] for each in (by_v1, by_v4)] == [
        "0002-00000040",
        "0002-00000201",
    ]

"""Errors of OSS: which of several comes first, and all that each one says."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import oss2
import pytest

from tests.sandbox.test_oss import client, v1, v4
from tests.sandbox.test_oss_presigned import sts
from tests.support.oss_signer import Asked, Key, machine_time, sign_v4, sign_v4_url
from tests.support.workspace import BUCKET
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from watcher.sandbox import Sandbox

NOBODY = Key(id="nobody", secret="guess")
OSS_HOST = "oss-cn-shanghai.aliyuncs.com"


def code_of(answer: requests.Response) -> str:
    found = re.search("<Code>(.*?)</Code>", answer.text)
    return found[1] if found else ""


@pytest.mark.parametrize("auth", [oss2.AuthV4("nobody", "guess"), oss2.AnonymousAuth()])
def test_a_missing_bucket_is_said_to_anyone(sandbox: Sandbox, auth: Any) -> None:
    with pytest.raises(oss2.exceptions.NoSuchBucket) as refused:
        client(sandbox, "no-such-bucket", auth=auth).list_objects_v2()
    assert (refused.value.ec, refused.value.details["BucketName"]) == (
        "0015-00000101",
        "no-such-bucket",
    )


@pytest.mark.parametrize("name", ["UPPER", "x", "under_score", "index.html"])
def test_a_name_that_no_bucket_can_have_is_invalid(sandbox: Sandbox, name: str) -> None:
    refused = Asked(path=f"/{name}/a").sent(sandbox)
    assert (refused.status_code, code_of(refused)) == (400, "InvalidBucketName")
    assert f"<BucketName>{name}</BucketName>" in refused.text


def test_only_the_account_creates_a_bucket(sandbox: Sandbox) -> None:
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidAccessKeyId"):
        client(sandbox, "new-bucket", auth=oss2.AuthV4("nobody", "guess")).create_bucket()
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        client(sandbox, "new-bucket").get_bucket_info()


@pytest.mark.parametrize("key", ["", "a.mp4"])
def test_a_foreign_signing_region_is_an_invalid_argument(sandbox: Sandbox, key: str) -> None:
    foreign = client(sandbox, region="cn-beijing")
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        foreign.get_object(key) if key else foreign.list_objects_v2()
    found = refused.value
    assert (found.status, found.code, found.ec) == (400, "InvalidArgument", "0002-00000226")
    assert found.message == "Invalid signing region in Authorization header."


def test_a_foreign_signing_region_comes_before_an_unknown_key_id(sandbox: Sandbox) -> None:
    asked = sign_v4(Asked(path=f"/{BUCKET}/a"), NOBODY, at=machine_time(), region="cn-beijing")
    assert asked.sent(sandbox).headers["x-oss-ec"] == "0002-00000226"


def test_the_host_name_of_another_region_names_the_right_endpoint(sandbox: Sandbox) -> None:
    """It is said before the signature is looked at."""
    for host in ("oss-cn-beijing.aliyuncs.com", "oss-cn-beijing-internal.aliyuncs.com:80"):
        headers = {"host": f"{BUCKET}.{host}"}
        refused = Asked(path=f"/{BUCKET}/a", headers=headers).sent(sandbox)
        assert (refused.status_code, code_of(refused)) == (403, "AccessDenied")
        assert "must be addressed using the specified endpoint" in refused.text
        assert f"<Bucket>{BUCKET}</Bucket><Endpoint>{OSS_HOST}</Endpoint>" in refused.text
        assert refused.headers["x-oss-ec"] == "0003-00001403"


@pytest.mark.parametrize("host", [OSS_HOST, f"{OSS_HOST}:80", "oss-accelerate.aliyuncs.com"])
def test_the_host_name_of_the_right_region_is_no_error(sandbox: Sandbox, host: str) -> None:
    sandbox.oss.put(BUCKET, "a")
    asked = Asked(path=f"/{BUCKET}/a", headers={"host": f"{BUCKET}.{host}"})
    assert sign_v4(asked, Key.of(sandbox), at=machine_time()).sent(sandbox).ok


def test_a_host_name_gives_its_region_to_a_new_bucket(sandbox: Sandbox) -> None:
    headers = {"host": "new-bucket.oss-cn-beijing.aliyuncs.com"}
    asked = Asked(method="PUT", path="/new-bucket/", headers=headers)
    wrong = sign_v4(asked, Key.of(sandbox), at=machine_time()).sent(sandbox)
    assert wrong.headers["x-oss-ec"] == "0002-00000226"
    right = sign_v4(asked, Key.of(sandbox), at=machine_time(), region="cn-beijing")
    assert right.sent(sandbox).ok
    assert (
        client(sandbox, "new-bucket", auth=v1(sandbox)).get_bucket_info().location
        == "oss-cn-beijing"
    )


def test_an_unknown_request_is_refused_as_such_only_to_the_account(sandbox: Sandbox) -> None:
    def unknown() -> Asked:
        return Asked(method="PUT", path=f"/{BUCKET}/a", query={"retention": ""})

    unsigned, foreign, signed = (
        unknown().sent(sandbox),
        sign_v4(unknown(), NOBODY, at=machine_time()).sent(sandbox),
        sign_v4_url(unknown(), Key.of(sandbox), at=machine_time()).sent(sandbox),
    )
    assert [(each.status_code, code_of(each)) for each in (unsigned, foreign, signed)] == [
        (403, "AccessDenied"),
        (403, "InvalidAccessKeyId"),
        (501, "NotImplemented"),
    ]


def test_an_unsigned_request_is_anonymous(sandbox: Sandbox) -> None:
    refused = Asked(path=f"/{BUCKET}/a").sent(sandbox)
    assert "Anonymous access is forbidden for this operation." in refused.text
    assert refused.headers["x-oss-ec"] == "0003-00001201"


@pytest.mark.parametrize(
    ("key", "code", "ec"),
    [
        (NOBODY, "InvalidAccessKeyId", "0002-00000902"),
        (Key(id="sandbox-id", secret="guess"), "SignatureDoesNotMatch", "0002-00000201"),
        (Key(id="sandbox-id", secret="", token="t"), "InvalidAccessKeyId", "0002-00000002"),
    ],
)
def test_each_reason_of_a_refusal_has_its_ec(
    sandbox: Sandbox, key: Key, code: str, ec: str
) -> None:
    refused = sign_v4(Asked(path=f"/{BUCKET}/a"), key, at=machine_time()).sent(sandbox)
    assert (code_of(refused), refused.headers["x-oss-ec"]) == (code, ec)
    assert f"<EC>{ec}</EC>" in refused.text
    assert f"<OSSAccessKeyId>{key.id}</OSSAccessKeyId>" in refused.text


@pytest.mark.parametrize("auth", [sts, v4])
def test_the_error_of_a_head_stands_in_its_headers(
    sandbox: Sandbox, auth: Callable[[Sandbox], Any]
) -> None:
    with pytest.raises(oss2.exceptions.NotFound) as refused:
        client(sandbox, auth=auth(sandbox)).head_object("视频.mp4")
    found = refused.value
    body = base64.b64decode(found.headers["x-oss-err"]).decode()
    assert "<Code>NoSuchKey</Code>" in body
    assert f"<RequestId>{found.request_id}</RequestId>" in body
    assert found.headers["x-oss-ec"] == "0026-00000001"
    assert "<EC>0026-00000001</EC>" in body


def test_a_fault_has_an_ec_like_every_error(sandbox: Sandbox) -> None:
    sandbox.hook = Faults(
        Fault(kind="throttle", operation="ListObjectsV2", next=2),
        Fault(kind="access_denied", operation="ListObjectsV2"),
    )
    found = []
    for _ in range(3):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            client(sandbox).list_objects_v2()
        assert refused.value.headers["x-oss-ec"] == refused.value.ec
        found.append(refused.value.ec)
    assert found[0] == found[1]
    assert re.fullmatch(r"\d{4}-\d{8}", found[0])
    assert found[2] == "0003-00000001"

"""Requests at `BUCKET.HOST`, signed by the real SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import oss2
import pytest
import requests

from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watcher.sandbox import Sandbox

OSS = "oss-cn-shanghai.aliyuncs.com"
VOD = "vod.cn-shanghai.aliyuncs.com"
SERVICES = (
    OSS,
    "oss-cn-shanghai-internal.aliyuncs.com",
    "oss-accelerate.aliyuncs.com",
    "oss-accelerate-overseas.aliyuncs.com",
    f"{OSS}:443",
    OSS.upper(),
    f"{OSS}.",
    "localhost",
    "127.0.0.1:8080",
)
LISTING = {"list-type": "2"}
KEY = "视频/a b+c.mp4"


def v1(sandbox: Sandbox) -> oss2.Auth:
    return oss2.Auth(sandbox.access_key_id, sandbox.access_key_secret)


def v4(sandbox: Sandbox) -> oss2.ProviderAuthV4:
    given = sandbox.credentials
    return oss2.ProviderAuthV4(
        oss2.credentials.StaticCredentialsProvider(given.access_key_id, given.access_key_secret)
    )


def send(
    sandbox: Sandbox,
    host: str,
    method: str = "GET",
    *,
    path: str = "/",
    bucket: str = "",
    key: str = "",
    auth: Callable[[Sandbox], Any] = v4,
    body: bytes = b"",
    params: Mapping[str, str] | None = None,
) -> requests.Response:
    """Send one request with a `Host`, signed for a bucket and a key."""
    call = oss2.http.Request(
        method,
        sandbox.url + path,
        data=body,
        params=dict(params or {}),
        region="cn-shanghai",
        product="oss",
    )
    auth(sandbox)._sign_request(call, bucket, key)
    headers = {name: str(value) for name, value in call.headers.items()}
    return requests.request(
        method,
        call.url,
        params=call.params,
        data=body,
        headers={**headers, "Host": host},
        timeout=9,
    )


def found_in(answer: requests.Response, path: str) -> str | None:
    """Return the text of an element of an XML answer."""
    return ET.fromstring(answer.content).findtext(path)  # noqa: S314 (our own sandbox wrote it)


@pytest.mark.parametrize("auth", [v1, v4])
@pytest.mark.parametrize("service", SERVICES)
def test_the_labels_before_a_service_name_are_the_bucket(
    sandbox: Sandbox, service: str, auth: Callable[[Sandbox], Any]
) -> None:
    given: dict[str, Any] = {"bucket": BUCKET, "auth": auth}
    host, path = f"{BUCKET}.{service}", f"/{quote(KEY)}"

    put = send(sandbox, host, "PUT", path=path, key=KEY, body=b"hello", **given)
    got = send(sandbox, host, path=path, key=KEY, **given)
    listing = send(sandbox, host, params=LISTING, **given)

    assert (put.status_code, got.content) == (200, b"hello"), put.text + got.text
    assert found_in(listing, "Contents/Key") == KEY
    assert sandbox.oss.body(BUCKET, KEY) == b"hello"
    assert [(call.operation, call.bucket, call.key.decode()) for call in sandbox.oss.journal] == [
        ("PutObject", BUCKET, KEY),
        ("GetObject", BUCKET, KEY),
        ("ListObjectsV2", BUCKET, ""),
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:99", "files.example.com", "[::1]:99", ""])
def test_at_other_hosts_the_path_names_the_bucket(sandbox: Sandbox, host: str) -> None:
    sandbox.oss.put(BUCKET, "a.mp4", body=b"hello")
    got = send(sandbox, host, path=f"/{BUCKET}/a.mp4", bucket=BUCKET, key="a.mp4")
    assert got.content == b"hello"


def test_a_bucket_named_like_a_service_is_a_bucket(sandbox: Sandbox) -> None:
    sandbox.oss.create_bucket("oss-cn-beijing")
    found = send(
        sandbox, f"oss-cn-beijing.{OSS}", bucket="oss-cn-beijing", params={"bucketInfo": ""}
    )
    assert found_in(found, "Bucket/Name") == "oss-cn-beijing"


def test_a_bucket_is_made_at_its_own_host(sandbox: Sandbox) -> None:
    made = send(sandbox, f"made-there.{OSS}", "PUT", bucket="made-there")
    assert made.status_code == 200
    assert sandbox.oss.keys("made-there") == ()


@pytest.mark.parametrize("host", SERVICES[:6])
@pytest.mark.parametrize("auth", [v1, v4])
def test_at_a_real_host_a_bucket_in_the_path_is_refused(
    sandbox: Sandbox, host: str, auth: Callable[[Sandbox], Any]
) -> None:
    given: dict[str, Any] = {"bucket": BUCKET, "key": "a.mp4", "auth": auth}
    refused = send(sandbox, host, "PUT", path=f"/{BUCKET}/a.mp4", body=b"hello", **given)
    assert (refused.status_code, found_in(refused, "Code")) == (403, "SecondLevelDomainForbidden")
    assert found_in(refused, "HostId") == host
    assert sandbox.oss.keys(BUCKET) == ()
    assert sandbox.oss.journal[-1].code == "SecondLevelDomainForbidden"


def test_all_buckets_are_listed_at_the_service_s_own_name(sandbox: Sandbox) -> None:
    listing = send(sandbox, OSS)
    assert found_in(listing, "Buckets/Bucket/Name") == BUCKET


def test_a_signature_for_another_bucket_than_that_of_the_host_is_refused(sandbox: Sandbox) -> None:
    sandbox.oss.create_bucket("other-bucket")
    for auth in (v1, v4):
        found = send(sandbox, f"{BUCKET}.{OSS}", bucket="other-bucket", auth=auth, params=LISTING)
        assert found_in(found, "Code") == "SignatureDoesNotMatch"


def test_vod_answers_at_its_own_name_to_calls_without_an_action(sandbox: Sandbox) -> None:
    answer = requests.get(sandbox.url, params={"Format": "JSON"}, headers={"Host": VOD}, timeout=9)
    assert (answer.status_code, answer.json()["Code"]) == (400, "MissingAction")
    assert len(sandbox.vod.journal) == 1
    assert sandbox.oss.journal == []


def test_oss_answers_at_its_own_name_to_what_looks_like_a_call_of_vod(sandbox: Sandbox) -> None:
    call = {"Action": "RegisterMedia", "Version": "2017-03-21"}
    answer = requests.get(sandbox.url, params=call, headers={"Host": f"{BUCKET}.{OSS}"}, timeout=9)
    assert found_in(answer, "Code") == "AccessDenied"
    assert sandbox.vod.journal == []


@pytest.mark.parametrize("auth", [v1, v4])
def test_a_client_may_take_the_sandbox_for_its_proxy(
    sandbox: Sandbox, auth: Callable[[Sandbox], Any]
) -> None:
    client = oss2.Bucket(
        auth(sandbox), f"http://{OSS}", BUCKET, region="cn-shanghai", proxies={"http": sandbox.url}
    )
    client.put_object(KEY, b"body")
    assert client.get_object(KEY).read() == b"body"
    assert sandbox.oss.keys(BUCKET) == (KEY.encode(),)

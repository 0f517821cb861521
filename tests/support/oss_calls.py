"""Requests to the local OSS that no SDK sends, signed by the real SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

import oss2
import requests

from tests.support.oss_signer import Asked, Key, http_date, sign_v1
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox import Sandbox

TIMEOUT_S = 9


def send_signed(
    sandbox: Sandbox,
    method: str,
    bucket: str = "",
    key: str = "",
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> requests.Response:
    """Send a request with a V4 signature, and return the answer whatever its status is."""
    call = _signed(sandbox, method, bucket, key, params=params, headers=headers, body=body)
    return requests.request(
        method, call.url, params=call.params, headers=call.headers, data=body, timeout=TIMEOUT_S
    )


def signed(sandbox: Sandbox, method: str, bucket: str, key: str) -> dict[str, str]:
    """Return the headers that sign a request without parameters."""
    return dict(_signed(sandbox, method, bucket, key).headers)


def _signed(
    sandbox: Sandbox,
    method: str,
    bucket: str,
    key: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> oss2.http.Request:
    url = f"{sandbox.url}/{bucket}/{quote(key, safe='')}" if bucket else f"{sandbox.url}/"
    call = oss2.http.Request(
        method, url, params=dict(params or {}), headers=dict(headers or {}), data=body,
        region=sandbox.region, product="oss",
    )  # fmt: skip
    given = sandbox.credentials
    provider = oss2.credentials.StaticCredentialsProvider(
        given.access_key_id, given.access_key_secret, given.security_token or None
    )
    oss2.ProviderAuthV4(provider)._sign_request(call, bucket, key)
    return call


def bucket_client(sandbox: Sandbox, bucket: str = BUCKET) -> oss2.Bucket:
    """Return the real SDK's client, which signs with V4."""
    return signing_client(sandbox.url, bucket, sandbox.access_key_id, sandbox.access_key_secret)


def signing_client(url: str, bucket: str, key_id: str, secret: str) -> oss2.Bucket:
    """Return the real SDK's client of a bucket at an address."""
    provider = oss2.credentials.StaticCredentialsProvider(key_id, secret)
    return oss2.Bucket(oss2.ProviderAuthV4(provider), url, bucket, region="cn-shanghai")


def error_code(answer: requests.Response) -> str:
    """Return the code in an error of OSS."""
    return ET.fromstring(answer.content).findtext("Code", "")  # noqa: S314 - our own sandbox


def crc64_of(body: bytes) -> str:
    """Return the CRC-64 of a body as the real SDK computes it."""
    computed = oss2.utils.Crc64()
    computed.update(body)
    return str(computed.crc)


def send_by_its_clock(
    sandbox: Sandbox,
    method: str,
    bucket: str,
    key: str,
    *,
    subresource: str = "",
    body: bytes = b"",
) -> requests.Response:
    """Send a request with a V1 signature of the sandbox's time, which may be hours from ours."""
    date = http_date(sandbox.clock.now())
    asked = Asked(
        path=f"/{bucket}/{key}",
        method=method,
        query={subresource: ""} if subresource else {},
        headers={"Date": date},
        body=body,
    )
    return sign_v1(asked, Key.of(sandbox), date=date, subresources=subresource).sent(sandbox)

"""Requests to the local OSS that no SDK sends, signed by the real SDK."""

from __future__ import annotations

import base64
import hmac
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import oss2
import requests

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
    return requests.request(
        method, url, params=call.params, headers=call.headers, data=body, timeout=TIMEOUT_S
    )


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
    date = format_datetime(sandbox.clock.now(), usegmt=True)
    resource = f"/{bucket}/{key}" + (f"?{subresource}" if subresource else "")
    text = f"{method}\n\n\n{date}\n{resource}"
    digest = hmac.digest(sandbox.access_key_secret.encode(), text.encode(), "sha1")
    signature = base64.b64encode(digest).decode("ascii")
    return requests.request(
        method,
        f"{sandbox.url}{resource}",
        headers={"Date": date, "Authorization": f"OSS {sandbox.access_key_id}:{signature}"},
        data=body,
        timeout=TIMEOUT_S,
    )

"""Requests to the local OSS that no SDK sends, signed by the real SDK."""

from __future__ import annotations

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

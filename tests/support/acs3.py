"""Calls to the local VOD that sign themselves by ACS3-HMAC-SHA256, after its public description."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.ports import Credentials
    from watcher.sandbox import Sandbox
    from watcher.sandbox.account import Principal


def authorization(
    key_id: str,
    secret: str,
    *,
    method: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
) -> str:
    """Return the header that signs all of `headers`, whose names are in lower case."""
    names = ";".join(sorted(headers))
    lines = [
        method,
        "/",
        "&".join(
            f"{quote(name, safe='~')}={quote(query[name], safe='~')}" for name in sorted(query)
        ),
        *(f"{name}:{headers[name]}" for name in sorted(headers)),
        "",
        names,
        hashlib.sha256(body).hexdigest(),
    ]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = f"ACS3-HMAC-SHA256\n{digest}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={names},Signature={signature}"


def common_headers(sandbox: Sandbox, action: str, body: bytes, token: str = "") -> dict[str, str]:
    """Return the headers that each call signs."""
    headers = {
        "host": sandbox.host,
        "x-acs-action": action,
        "x-acs-version": "2017-03-21",
        "x-acs-date": sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": uuid.uuid4().hex,  # noqa: TID251 - as a client does
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
    }
    return {**headers, "x-acs-security-token": token} if token else headers


def acs3_call(
    sandbox: Sandbox,
    action: str,
    parameters: Mapping[str, Any],
    *,
    carrier: str = "query",
    signer: Credentials | Principal | None = None,
    signed: Mapping[str, str | None] | None = None,
    unsigned: Mapping[str, str] | None = None,
) -> requests.Response:
    """Make one call with its parameters in the "query", a "form" or "json".

    `signed` changes headers before they are signed, None removes one; `unsigned` changes them
    after that.
    """
    signer = signer or sandbox.credentials
    query = dict(parameters) if carrier == "query" else {}
    body = {
        "query": b"",
        "form": urlencode(parameters).encode(),
        "json": json.dumps(parameters).encode(),
    }[carrier]
    content_type = {
        "form": "application/x-www-form-urlencoded",
        "json": "application/json; charset=utf-8",
    }.get(carrier)
    changed = {"content-type": content_type, **(signed or {})}
    headers = {
        name: value
        for name, value in {
            **common_headers(sandbox, action, body, signer.security_token),
            **changed,
        }.items()
        if value is not None
    }
    sign = authorization(
        signer.access_key_id,
        signer.access_key_secret,
        method="POST",
        query=query,
        headers=headers,
        body=body,
    )
    return requests.post(
        sandbox.url,
        params=query,
        data=body,
        headers={**headers, "Authorization": sign, **(unsigned or {})},
        timeout=9,
    )

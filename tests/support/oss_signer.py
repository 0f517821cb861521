"""A signer of OSS requests of our own: written from the description, with no SDK and no sandbox.

It sends what no SDK sends: dates in odd places, malformed parameters, requests that nobody offers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox import Sandbox


@dataclass(kw_only=True)
class Key:
    """A credential as a client holds it."""

    id: str
    secret: str
    token: str = ""

    @classmethod
    def of(cls, sandbox: Sandbox) -> Key:
        return cls(
            id=sandbox.access_key_id,
            secret=sandbox.access_key_secret,
            token=sandbox.security_token,
        )


@dataclass(kw_only=True)
class Asked:
    """One request, which the functions below sign; `path` is /BUCKET/KEY."""

    path: str
    method: str = "GET"
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def sent(self, sandbox: Sandbox) -> requests.Response:
        """Send it as it is, without any header that nobody asked for."""
        pairs = (f"{_encoded(name)}={_encoded(value)}" for name, value in self.query.items())
        url = f"{sandbox.url}{quote(self._path_sent(), safe='/')}?{'&'.join(pairs)}".rstrip("?")
        return requests.request(
            self.method, url, headers=self.headers, data=self.body or None, timeout=9
        )

    def _path_sent(self) -> str:
        """Return the path without the bucket if the host names it."""
        bucket = self.path.split("/")[1]
        by_host = self.headers.get("host", "").startswith(f"{bucket}.")
        return self.path.removeprefix(f"/{bucket}") if by_host else self.path


def machine_time() -> datetime:
    """Return the machine's time: sandboxes live by it."""
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 (as above)


def http_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


def iso_date(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")


def sign_v1(asked: Asked, key: Key, *, date: str, subresources: str = "") -> Asked:
    """Sign in the header; `date` is the line of the string to sign, `subresources` its end."""
    if key.token:
        asked.headers["x-oss-security-token"] = key.token
    asked.headers["Authorization"] = f"OSS {key.id}:{_v1(asked, key, date, subresources)}"
    return asked


def sign_v1_url(asked: Asked, key: Key, *, expires: str, subresources: str = "") -> Asked:
    """Sign in the URL; `subresources` without the token."""
    if key.token:
        asked.query["security-token"] = key.token
        named = [*subresources.split("&"), f"security-token={key.token}"]
        subresources = "&".join(sorted(filter(None, named)))
    signature = _v1(asked, key, expires, subresources)
    asked.query |= {"OSSAccessKeyId": key.id, "Expires": expires, "Signature": signature}
    return asked


def sign_v4(
    asked: Asked,
    key: Key,
    *,
    at: datetime,
    region: str = "cn-shanghai",
    additional: tuple[str, ...] = (),
    bare_date: bool = False,
) -> Asked:
    """Sign in the header, by x-oss-date or by a bare Date."""
    if bare_date:
        asked.headers["Date"] = http_date(at)
    else:
        asked.headers["x-oss-date"] = iso_date(at)
    asked.headers["x-oss-content-sha256"] = "UNSIGNED-PAYLOAD"
    if key.token:
        asked.headers["x-oss-security-token"] = key.token
    more = f",AdditionalHeaders={';'.join(additional)}" if additional else ""
    asked.headers["Authorization"] = (
        f"OSS4-HMAC-SHA256 Credential={key.id}/{_scope(at, region)}{more}"
        f",Signature={_v4(asked, key, at, region, additional)}"
    )
    return asked


def sign_v4_url(
    asked: Asked,
    key: Key,
    *,
    at: datetime,
    expires_s: int | str = 60,
    region: str = "cn-shanghai",
    additional: tuple[str, ...] = (),
) -> Asked:
    """Sign in the URL."""
    asked.query |= {
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": f"{key.id}/{_scope(at, region)}",
        "x-oss-date": iso_date(at),
        "x-oss-expires": str(expires_s),
    }
    if additional:
        asked.query["x-oss-additional-headers"] = ";".join(additional)
    if key.token:
        asked.query["x-oss-security-token"] = key.token
    asked.query["x-oss-signature"] = _v4(asked, key, at, region, additional)
    return asked


def unix_time(at: datetime, seconds: float = 0) -> str:
    return str(int((at + timedelta(seconds=seconds)).timestamp()))


def _v1(asked: Asked, key: Key, date: str, subresources: str) -> str:
    given = _lower(asked.headers)
    lines = [asked.method, given.get("content-md5", ""), given.get("content-type", ""), date]
    lines += [f"{name}:{given[name]}" for name in sorted(given) if name.startswith("x-oss-")]
    resource = asked.path + (f"?{subresources}" if subresources else "")
    text = "\n".join([*lines, resource]).encode()
    return base64.b64encode(hmac.digest(key.secret.encode(), text, "sha1")).decode()


def _v4(asked: Asked, key: Key, at: datetime, region: str, additional: tuple[str, ...]) -> str:
    given = _lower(asked.headers)
    names = [
        name
        for name in sorted(given)
        if name.startswith("x-oss-") or name in {"content-type", "content-md5", *additional}
    ]
    query = sorted((_encoded(name), _encoded(value)) for name, value in asked.query.items())
    canonical = [
        asked.method,
        quote(asked.path, safe="/"),
        "&".join(f"{name}={value}" if value else name for name, value in query),
        "".join(f"{name}:{given[name]}\n" for name in names),
        ";".join(sorted(additional)),
        "UNSIGNED-PAYLOAD",
    ]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = f"OSS4-HMAC-SHA256\n{iso_date(at)}\n{_scope(at, region)}\n{digest}"
    step = f"aliyun_v4{key.secret}".encode()
    for part in _scope(at, region).split("/"):
        step = hmac.digest(step, part.encode(), "sha256")
    return hmac.digest(step, text.encode(), "sha256").hex()


def _scope(at: datetime, region: str) -> str:
    return f"{iso_date(at)[:8]}/{region}/oss/aliyun_v4_request"


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")

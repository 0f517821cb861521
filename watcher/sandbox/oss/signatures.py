"""Check OSS signatures V1 and V4 in the header, by the public description."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from watcher.sandbox.account import MAX_SKEW_S, IdentityProblem, IdentityRefused
from watcher.sandbox.oss.answers import OssRefused, second_text
from watcher.sandbox.text import key_bytes, percent_encoded

if TYPE_CHECKING:
    from watcher.sandbox.account import Account, Principal
    from watcher.sandbox.http_server import Request

_V1: Final = re.compile(r"OSS ([^:]+):(.+)")
_V4: Final = re.compile(
    r"OSS4-HMAC-SHA256 "
    r"Credential=(?P<id>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/oss/aliyun_v4_request"
    r"(?=.*Signature=(?P<signature>[0-9a-f]{64}))(?:.*AdditionalHeaders=(?P<additional>[^,\s]+))?.*"
)
_UNKNOWN_ID: Final = (
    "InvalidAccessKeyId",
    "The OSS Access Key Id you provided does not exist in our records.",
)
_IDENTITY_ERRORS: Final = {
    IdentityProblem.UNKNOWN_ID: _UNKNOWN_ID,
    IdentityProblem.TOKEN_MISSING: _UNKNOWN_ID,
    IdentityProblem.TOKEN_WRONG: (
        "InvalidSecurityToken",
        "The security token you provided is invalid.",
    ),
    IdentityProblem.TOKEN_EXPIRED: (
        "SecurityTokenExpired",
        "The security token you provided has expired.",
    ),
}
_SIGNED_HEADERS: Final = frozenset({"content-type", "content-md5"})
# The query parameters that V1 signs, as far as this sandbox knows them.
_V1_SUBRESOURCES: Final = frozenset(
    {
        "acl", "append", "bucketInfo", "continuation-token", "delete", "location", "objectMeta",
        "partNumber", "position", "response-cache-control", "response-content-disposition",
        "response-content-encoding", "response-content-language", "response-content-type",
        "response-expires", "restore", "security-token", "stat", "symlink", "tagging", "uploadId",
        "uploads", "versionId", "versioning", "versions", "x-oss-process",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signed a request, and for which region."""

    principal: Principal
    region: str  # that of a V4 signature; "" for V1


def verify(request: Request, account: Account, now: datetime) -> Signer:
    """Check the signature and its time, and return the signer.

    Raises:
        OssRefused: the account did not sign the request, or not at this time.
    """
    authorization = request.headers.get("authorization", "")
    if found := _V4.fullmatch(authorization):
        principal = _identify(request, account, found["id"], now)
        _check_date(_v4_date(request), now)
        text = _v4_text(request, found["date"], found["region"], found["additional"] or "")
        _compare(found["signature"], v4(principal.access_key_secret, text), text)
        return Signer(principal=principal, region=found["region"])
    if found := _V1.fullmatch(authorization):
        principal = _identify(request, account, found[1], now)
        _check_date(_v1_date(request), now)
        signed = _v1_text(request)
        ours = v1(principal.access_key_secret, signed)
        _compare(found[2], ours, signed.decode("utf-8", "replace"))
        return Signer(principal=principal, region="")
    if authorization:
        raise OssRefused(400, "InvalidArgument", "The Authorization header is malformed.")
    raise OssRefused(403, "AccessDenied", "Anonymous access is forbidden for this operation.")


def v1(secret: str, text: bytes) -> str:
    """Return the V1 signature of a string to sign."""
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha1")).decode("ascii")


def v4(secret: str, text: str) -> str:
    """Return the V4 signature of a string to sign, whose third line is the scope."""
    key = f"aliyun_v4{secret}".encode()
    for part in text.split("\n")[2].split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _identify(request: Request, account: Account, access_key_id: str, now: datetime) -> Principal:
    try:
        return account.identify(access_key_id, request.headers.get("x-oss-security-token", ""), now)
    except IdentityRefused as refused:
        code, message = _IDENTITY_ERRORS[refused.problem]
        raise OssRefused(403, code, message, OSSAccessKeyId=access_key_id) from refused


def _check_date(signed_at: datetime | None, now: datetime) -> None:
    if signed_at is None:
        raise OssRefused(403, "AccessDenied", "OSS authentication requires a valid Date.")
    if abs((now - signed_at).total_seconds()) > MAX_SKEW_S:
        message = "The difference between the request time and the current time is too large."
        raise OssRefused(
            403, "RequestTimeTooSkewed", message, RequestTime=second_text(signed_at),
            ServerTime=second_text(now), MaxAllowedSkewMilliseconds=str(MAX_SKEW_S * 1000),
        )  # fmt: skip


def _compare(given: str, ours: str, text: str) -> None:
    if not hmac.compare_digest(given.encode("latin-1"), ours.encode("ascii")):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        raise OssRefused(
            403, "SignatureDoesNotMatch", message, SignatureProvided=given, StringToSign=text
        )


def _v4_date(request: Request) -> datetime | None:
    try:
        return datetime.strptime(request.headers.get("x-oss-date", ""), "%Y%m%dT%H%M%SZ").replace(
            tzinfo=UTC
        )
    except ValueError:
        return None


def _v1_date(request: Request) -> datetime | None:
    try:
        signed = parsedate_to_datetime(
            request.headers.get("x-oss-date") or request.headers.get("date", "")
        )
        return signed.replace(tzinfo=UTC)  # it is always GMT
    except ValueError:
        return None


def _v4_text(request: Request, date: str, region: str, additional: str) -> str:
    """Return the V4 string to sign."""
    also = {name for name in additional.split(";") if name}
    signed = sorted(
        (name, value)
        for name, value in request.headers.items()
        if name.startswith("x-oss-") or name in _SIGNED_HEADERS or name in also
    )
    query = sorted((percent_encoded(name), percent_encoded(value)) for name, value in request.query)
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/-_.~"),
            "&".join(f"{name}={value}" if value else name for name, value in query),
            "".join(f"{name}:{value}\n" for name, value in signed),
            ";".join(sorted(also)),
            request.headers.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
        )
    )
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    scope = f"{date}/{region}/oss/aliyun_v4_request"
    return "\n".join(("OSS4-HMAC-SHA256", request.headers.get("x-oss-date", ""), scope, digest))


def _v1_text(request: Request) -> bytes:
    """Return the V1 string to sign; the resource in it is not percent-encoded."""
    headers = request.headers
    signed = sorted((name, value) for name, value in headers.items() if name.startswith("x-oss-"))
    subresources = sorted(
        (name, value) for name, value in request.query if name in _V1_SUBRESOURCES
    )
    query = "&".join(f"{name}={value}" if value else name for name, value in subresources)
    lines = (
        request.method,
        headers.get("content-md5", ""),
        headers.get("content-type", ""),
        headers.get("date", ""),
        *(f"{name}:{value}" for name, value in signed),
    )
    head = "".join(f"{line}\n" for line in lines).encode("latin-1")
    return head + request.path + (b"?" + key_bytes(query) if query else b"")

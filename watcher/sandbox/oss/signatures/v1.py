"""Signature V1: HMAC-SHA1 over a few lines, in the header or in the URL."""

from __future__ import annotations

import base64
import hmac
import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.routes import resource_path
from watcher.sandbox.oss.signatures.claim import INVALID_HEADER, Claim, hex_bytes, malformed
from watcher.sandbox.oss.signatures.times import check_expiry, check_skew, http_time, iso_time
from watcher.sandbox.text import key_bytes

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request

URL_PARAMETERS: Final = ("OSSAccessKeyId", "Expires", "Signature")
SUBRESOURCES: Final = frozenset(
    {
        "accessPoint", "accessPointPolicy", "acl", "append", "asyncFetch",
        "bucketArchiveDirectRead", "bucketInfo", "callback", "callback-var", "cloudboxes", "cname",
        "comp", "continuation-token", "cors", "delete", "encryption", "endTime", "group",
        "httpsConfig", "img", "inventory", "inventoryId", "lifecycle", "link", "live", "location",
        "logging", "metaQuery", "objectInfo", "objectMeta", "partNumber", "policy", "position",
        "publicAccessBlock", "qos", "qosInfo", "qosRequester", "redundancyTransition", "referer",
        "regionList", "replication", "replicationLocation", "replicationProgress",
        "requestPayment", "requesterQosInfo", "resourceGroup", "resourcePool",
        "resourcePoolBuckets", "resourcePoolInfo", "response-cache-control",
        "response-content-disposition", "response-content-encoding", "response-content-language",
        "response-content-type", "response-expires", "restore", "security-token", "sequential",
        "startTime", "stat", "status", "style", "styleName", "symlink", "tagging",
        "transferAcceleration", "udf", "udfApplication", "udfApplicationLog", "udfId", "udfImage",
        "udfImageDesc", "udfName", "uploadId", "uploads", "versionId", "versioning", "versions",
        "vod", "website", "withHashContext", "worm", "wormExtend", "wormId",
        "x-oss-ac-forward-allow", "x-oss-ac-source-ip", "x-oss-ac-subnet-mask", "x-oss-ac-vpc-id",
        "x-oss-access-point-name", "x-oss-async-process", "x-oss-enable-md5",
        "x-oss-enable-sha1", "x-oss-enable-sha256", "x-oss-hash-ctx", "x-oss-md5-ctx",
        "x-oss-process", "x-oss-redundancy-transition-taskid", "x-oss-request-payer",
        "x-oss-target-redundancy-type", "x-oss-traffic-limit", "x-oss-write-get-object-response",
    }
)  # fmt: skip
"""The query parameters that V1 signs: those of the vendor's SDKs for Python and Go."""
_HEADER: Final = re.compile(r"OSS ([^:]*):(.*)")
_TOKEN_HEADERS: Final = (
    "x-oss-security-token",
    "security-token",  # of the vendor's second SDK for Python
)
_MISMATCH: Final = "0002-00000040"


def in_header(request: Request, authorization: str) -> Claim:
    """Return the claim of an Authorization header that begins with `OSS `.

    Raises:
        OssRefused: the header, or the date, has not the form that it must have.
    """
    found = _HEADER.fullmatch(authorization)
    if found is None or not found[1]:
        ec = "0002-00000064" if found else "0002-00000063"
        raise malformed(INVALID_HEADER, ec=ec, Authorization=authorization)
    if not found[2]:
        raise malformed(INVALID_HEADER, ec="0002-00000065", Authorization=authorization)
    instead = request.headers.get("x-oss-date", "")
    date = instead or request.headers.get("date", "")

    def check_time(now: datetime) -> None:
        iso = instead[:8].isdecimal()  # the vendor's SDK for JavaScript writes it as Date is
        check_skew(iso_time(date) if iso else http_time(date), now)

    text = _string_to_sign(request, date)
    return Claim(
        access_key_id=found[1],
        token=next(filter(None, map(request.headers.get, _TOKEN_HEADERS)), ""),
        given=found[2],
        signature_of=partial(_signature, text),
        check_time=check_time,
        signed=_shown(text),
        mismatch_ec=_MISMATCH,
    )


def in_url(request: Request) -> Claim:
    """Return the claim of a URL that has at least one of `URL_PARAMETERS`.

    Raises:
        OssRefused: another one of them is missing, or is malformed.
    """
    access_key_id, expires, given = (request.parameter(name) or "" for name in URL_PARAMETERS)
    if not expires:
        raise _incomplete("Expires", ec="0002-00000068")
    if not (access_key_id and given):
        raise _incomplete("Signature" if access_key_id else "OSSAccessKeyId", ec="0002-00000065")
    expires_at = _unix_time(expires)
    text = _string_to_sign(request, expires)
    return Claim(
        access_key_id=access_key_id,
        token=request.parameter("security-token") or "",
        given=given,
        signature_of=partial(_signature, text),
        check_time=partial(check_expiry, expires_at, ec="0002-00000069"),
        signed=_shown(text),
        mismatch_ec=_MISMATCH,
    )


def _signature(text: bytes, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha1")).decode("ascii")


def _string_to_sign(request: Request, date: str) -> bytes:
    """Return the string to sign; the resource in it is not percent-encoded."""
    headers = request.headers
    signed = sorted((name, value) for name, value in headers.items() if name.startswith("x-oss-"))
    lines = (
        request.method,
        headers.get("content-md5", ""),
        headers.get("content-type", ""),
        date,
        *(f"{name}:{value}" for name, value in signed),
    )
    head = "".join(f"{line}\n" for line in lines).encode("latin-1", "surrogateescape")
    subresources = sorted(pair for pair in request.query if pair[0] in SUBRESOURCES)
    query = "&".join(f"{name}={value}" if value else name for name, value in subresources)
    return head + resource_path(request) + (b"?" + key_bytes(query) if query else b"")


def _shown(text: bytes) -> dict[str, str]:
    return {
        "StringToSign": text.decode("utf-8", "replace"),
        "StringToSignBytes": hex_bytes(text),
    }


def _unix_time(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(text.encode("ascii")), UTC)
    except (ValueError, OverflowError, OSError):
        raise OssRefused(
            403, "AccessDenied", "Invalid date (should be seconds since epoch).",
            ec="0002-00000070", Expires=text,
        ) from None  # fmt: skip


def _incomplete(missing: str, *, ec: str) -> OssRefused:
    message = (
        "Query-string authentication requires the Signature, Expires and OSSAccessKeyId parameters"
    )
    return OssRefused(403, "AccessDenied", message, ec=ec, ArgumentName=missing)

"""The answers of faults: errors in the services' words, and bodies of other servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.vod.answers import VodRefused

if TYPE_CHECKING:
    from collections.abc import Mapping


class ErrorParts(NamedTuple):
    """The parts of an error that a fault changes; 0 and "" keep those of the kind."""

    status: int = 0
    code: str = ""
    message: str = ""
    retry_after_s: int = 0


_Answers = dict[str, tuple[int, str, str]]  # service -> status, code, message
_INTERNAL: Final[_Answers] = {
    "vod": (500, "InternalError", "The request processing has failed due to some unknown error."),
    "oss": (500, "InternalError", "We encountered an internal error. Please try again."),
}
ERRORS: Final[Mapping[str, _Answers]] = {
    "error": _INTERNAL,
    "server_error": _INTERNAL,
    "throttle": {
        "vod": (400, "Throttling.User", "Request was denied due to user flow control."),
        "oss": (503, "TotalQpsLimitExceeded", "Please reduce your request rate."),
    },
    "service_unavailable": {
        "vod": (
            503, "ServiceUnAvailable",
            "The request has failed due to a temporary failure of the server.",
        ),
        "oss": (503, "ServiceUnavailable", "The service is temporarily unavailable."),
    },
    "clock_skew": {
        "vod": (400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."),
        "oss": (
            403, "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
    },
    "expired_token": {
        "vod": (400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."),
        "oss": (403, "SecurityTokenExpired", "The security token you provided has expired."),
    },
    "missing_parameter": {
        "vod": (
            400, "MissingParameter",
            (
                'The input parameter "RegisterMetadatas" that is mandatory for processing this '
                "request is not supplied."
            ),
        ),
    },
    "signature_mismatch": {
        "vod": (
            400, "SignatureDoesNotMatch",
            "Specified signature is not matched with our calculation.",
        ),
    },
    "unregistered_bucket": {
        "vod": (400, "InvalidParameter", "The storageLocation must be registered on VOD."),
    },
    "access_denied": {
        "vod": (403, "Forbidden.RAM", "User not authorized to operate on the specified resource."),
        "oss": (403, "AccessDenied", "You have no right to access this object."),
    },
    "arrears": {
        "vod": (403, "OperationDenied.Suspended", "Your VOD service is suspended."),
        "oss": (403, "UserDisable", "The account is disabled."),
    },
}  # fmt: skip

_PORTAL: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head>"
    b"<body><form method='post'><input name='room'></form></body></html>"
)
FOREIGN: Final[Mapping[str, Mapping[str, tuple[str, bytes]]]] = {
    "html": dict.fromkeys(("vod", "oss"), ("text/html", _PORTAL)),
    "not_utf8": {
        "vod": ("application/json;charset=utf-8", b'{"RequestId": "\xff\xfe\xc3"}'),
        "oss": (
            "application/xml",
            b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult>\xff\xfe\xc3',
        ),
    },
    "not_json": {
        "vod": (
            "text/xml;charset=utf-8",
            b"<RegisterMediaResponse><RequestId>1</RequestId></RegisterMediaResponse>",
        )
    },
    "foreign_json": {
        "vod": ("application/json", b'{"jsonrpc": "2.0", "id": 1, "result": {"ok": true}}')
    },
    "foreign_xml": {
        "oss": (
            "application/xml",
            b'<rss version="2.0"><channel><title>News</title></channel></rss>',
        )
    },
}
"""Kind -> service -> content type and body."""


def vod_error(kind: str, other: ErrorParts) -> VodRefused:
    """Return VOD's error of a kind; each part of `other` that is not empty replaces its own."""
    status, code, message = _merged(ERRORS[kind]["vod"], other)
    return VodRefused(status, code, message, headers=_retry_after(other.retry_after_s))


def oss_error(kind: str, other: ErrorParts) -> OssRefused:
    """Return OSS's error of a kind; each part of `other` that is not empty replaces its own."""
    status, code, message = _merged(ERRORS[kind]["oss"], other)
    headers = _retry_after(other.retry_after_s)
    if other.retry_after_s:
        headers["x-oss-qos-delay-time"] = str(other.retry_after_s * 1000)
    return OssRefused(status, code, message, headers=headers)


def foreign(kind: str, service: str, *, status: int = 0) -> Answer:
    """Return the answer of another server in the service's place; `status` 0 is 200."""
    content_type, body = FOREIGN[kind][service]
    return Answer(status=status or 200, headers={"Content-Type": content_type}, body=body)


def _merged(own: tuple[int, str, str], other: ErrorParts) -> tuple[int, str, str]:
    status, code, message = own
    return other.status or status, other.code or code, other.message or message


def _retry_after(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)} if seconds else {}

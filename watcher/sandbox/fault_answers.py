"""The answers that faults give in an operation's place: errors in the services' words, and strangers' bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.sandbox.oss_answers import OssRefused
from watcher.sandbox.vod_answers import VodRefused
from watcher.sandbox.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox.faults import Fault

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
        "vod": (503, "ServiceUnAvailable", "The request has failed due to a temporary failure of the server."),
        "oss": (503, "ServiceUnavailable", "The service is temporarily unavailable."),
    },
    "clock_skew": {
        "vod": (400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."),
        "oss": (
            403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.",
        ),
    },
    "expired_token": {
        "vod": (400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."),
        "oss": (403, "SecurityTokenExpired", "The security token you provided has expired."),
    },
    "missing_parameter": {
        "vod": (
            400, "MissingParameter",
            'The input parameter "RegisterMetadatas" that is mandatory for processing this request is not supplied.',
        ),
    },
    "signature_mismatch": {
        "vod": (400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation."),
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
        "oss": ("application/xml", b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult>\xff\xfe\xc3'),
    },
    "not_json": {
        "vod": ("text/xml;charset=utf-8", b"<RegisterMediaResponse><RequestId>1</RequestId></RegisterMediaResponse>")
    },
    "foreign_json": {"vod": ("application/json", b'{"jsonrpc": "2.0", "id": 1, "result": {"ok": true}}')},
    "foreign_xml": {"oss": ("application/xml", b'<rss version="2.0"><channel><title>News</title></channel></rss>')},
}
"""Kind -> service -> content type and body."""


def error(kind: str, service: str, fault: Fault) -> VodRefused | OssRefused:
    """Return the refusal that a kind means, in what the fault says otherwise."""
    status, code, message = ERRORS[kind][service]
    status, code, message = fault.status or status, fault.code or code, fault.message or message
    if service == "vod":
        return VodRefused(status, code, message, headers=_patience(fault.retry_after_s))
    also = {"x-oss-qos-delay-time": str(fault.retry_after_s * 1000)} if fault.retry_after_s else {}
    return OssRefused(status, code, message, headers=_patience(fault.retry_after_s) | also)


def foreign(kind: str, service: str, fault: Fault) -> Answer:
    """Return the answer of somebody who is not the service."""
    content_type, body = FOREIGN[kind][service]
    return Answer(status=fault.status or 200, headers={"Content-Type": content_type}, body=body)


def _patience(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)} if seconds else {}

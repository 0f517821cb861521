"""All failures of OSS, classified once: by code first, by HTTP status as fallback.

Sources: OSS error table; oss2 2.19.1. Codes are compared without regard to letter case.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import oss2
import requests
from urllib3 import exceptions as wire

from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CloudError,
    Throttled,
    Unavailable,
    Unreachable,
)
from watcher.oss.denials import ARREARS, SEE_RAM, denial_cure, wrong_region_cure
from watcher.oss.listing.xml import answered_at
from watcher.oss.refusals import Refusal
from watcher.rules.backoff import asked_rest_s
from watcher.rules.reachable import (
    LOGIN,
    WANTS_LOGIN,
    certificate_refusal,
    inside_region,
    proxy_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ACCOUNT_CURES = {
    "InvalidAccessKeyId": (
        "The AccessKey ID does not exist or is disabled: check the credentials in use."
    ),
    "SignatureDoesNotMatch": "The AccessKey secret is wrong: check the credentials in use.",
    "SecurityTokenExpired": "The STS token has expired: obtain a new one.",
    "InvalidSecurityToken": "The STS token is not valid: obtain a new one.",
    "RequestTimeTooSkewed": (
        "The clock of this machine is off by more than 15 minutes: synchronise it (chrony, ntp)."
    ),
    "UserDisable": "The account is suspended, often for arrears: see the billing console.",
}
BUCKET_CURES = {
    "NoSuchBucket": "Create the bucket, or correct `source` of the watch.",
    "AccessDenied": SEE_RAM,
    "InvalidBucketName": "Correct `source` of the watch.",
}
THROTTLED = frozenset(
    (
        "TotalQpsLimitExceeded",
        "MetaOperationQpsLimitExceeded",
        "QpsLimitExceeded",
        "DownloadTrafficRateLimitExceeded",
        "UploadTrafficRateLimitExceeded",
        "ServiceUnavailable",
        "SlowDown",
    )
)
BAD_BODY = (
    *(ET.ParseError, ValueError, LookupError, TypeError, RuntimeError),
    *(ArithmeticError, AttributeError),  # impossible dates, headers that oss2 splits
)
"""The errors of parsing a body or header that does not come from OSS."""
BAD_ANSWER = (
    oss2.exceptions.OssError,
    requests.RequestException,
    wire.HTTPError,
    OSError,
    *BAD_BODY,
)
"""All errors of a request through oss2, except `Refusal`."""
_NOT_VERIFIED = (requests.exceptions.SSLError, wire.SSLError)
_LATE = (requests.Timeout, wire.TimeoutError)
_NEVER_CONNECTED = (
    *(requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError),
    *(wire.ConnectTimeoutError, wire.NewConnectionError, wire.ProxyError, wire.LocationValueError),
)
NOT_OSS = (
    "The answer does not come from OSS: look for a proxy in between ([network] proxy), and check "
    "`endpoint`."
)
_FORBIDDEN = 403
_REDIRECTS = range(300, 400)
_ACCOUNT = {code.lower(): cure for code, cure in ACCOUNT_CURES.items()}
_BUCKET = {code.lower(): cure for code, cure in BUCKET_CURES.items()}
_THROTTLED = {code.lower() for code in THROTTLED}


def as_cloud_error(error: Exception, *, bucket: str, endpoint: str = "") -> CloudError:
    """Return our error for `error`, which a request about `bucket` raised. It holds no secret.

    `endpoint` is the endpoint of the request, or a URL at it.
    """
    if isinstance(error, Refusal):
        return _refused(error, bucket)
    if isinstance(error, oss2.exceptions.RequestError):
        return _no_answer(error.exception, bucket, endpoint)
    if isinstance(error, (requests.RequestException, wire.HTTPError, OSError)):
        return _no_answer(error, bucket, endpoint)
    if isinstance(error, (*BAD_BODY, oss2.exceptions.OssError)):
        return CloudError(
            f"OSS answered for bucket {bucket} with a body that is no listing "
            f"({type(error).__name__})",
            hint=(
                "Look for a proxy or captive portal between this machine and OSS ([network] proxy)."
            ),
        )
    return CloudError(
        f"the call to OSS for bucket {bucket} failed ({type(error).__name__})",
        hint="Run the command again. If that fails too, report it with this line.",
    )


def redirected(bucket: str) -> CloudError:
    """Return our error for a redirect. OSS sends none, and a redirect would escape the budget."""
    return CloudError(
        f"OSS answered for bucket {bucket} with a redirect",
        hint=(
            "Look for a proxy or captive portal between this machine and OSS, and check `endpoint` "
            "of the watch."
        ),
    )


def _no_answer(error: Exception, bucket: str, endpoint: str) -> CloudError:
    if proxy := proxy_refusal(error):
        return Unreachable(
            f"OSS could not be reached for bucket {bucket}: {proxy[0]}", hint=proxy[1], code="Proxy"
        )
    if certificate := certificate_refusal(error):
        host = urlsplit(endpoint).hostname or endpoint
        return Unreachable(
            f"OSS could not be verified over TLS for bucket {bucket} at {host} ({certificate[0]})",
            hint=certificate[1],
        )
    if isinstance(error, _NOT_VERIFIED) or not isinstance(
        error, (requests.RequestException, wire.HTTPError)
    ):
        return Unreachable(  # or the authorities could not be read
            f"OSS could not be verified over TLS for bucket {bucket}",
            hint=(
                "Check the machine's CA certificates, [network] ca_bundle, and `endpoint` of the "
                "watch."
            ),
        )
    if isinstance(error, requests.exceptions.TooManyRedirects):
        return redirected(bucket)
    is_late = isinstance(error, _LATE) and not isinstance(error, wire.NewConnectionError)
    kind = "did not answer in time" if is_late else "could not be reached"
    found = Unreachable if _never_connected(error) else Unavailable
    hint = "Check the network, DNS, [network] proxy, and `endpoint` of the watch."
    if found is Unreachable and (only_inside := inside_region(endpoint)):
        hint = f"{only_inside[0]} From elsewhere set `endpoint` of the watch to {only_inside[1]}."
    return found(f"OSS {kind} for bucket {bucket} ({type(error).__name__})", hint=hint)


def _never_connected(error: Exception) -> bool:
    if isinstance(error, _NEVER_CONNECTED):
        return True
    cause: object = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), wire.NewConnectionError)


def _refused(refusal: Refusal, bucket: str) -> CloudError:
    code, status = refusal.code, refusal.status
    if status in _REDIRECTS:
        return redirected(bucket)
    if status == WANTS_LOGIN:
        return Unreachable(
            f"OSS could not be reached for bucket {bucket}: {LOGIN[0]}", hint=LOGIN[1], code="Proxy"
        )
    words = f"{code or status}: {refusal.message or 'no reason given'}"
    sentence = f"OSS refused bucket {bucket}: {words} (RequestId {refusal.request_id or 'none'})"
    facts: dict[str, Any] = {
        "code": code or f"HTTP{status}",
        "request_id": refusal.request_id,
        "retry_after_s": asked_rest_s(refusal.headers),
        "answered_at": _answered_at(refusal.headers),
    }
    kind, hint = _verdict(refusal, code.lower(), refusal.message.lower())
    return kind(sentence, hint=hint.replace("BUCKET", bucket), **facts)


def _answered_at(headers: Mapping[str, str]) -> int | None:
    """Return OSS's clock; None if the answer does not come from OSS, or has no Date."""
    if "x-oss-request-id" not in headers:  # a proxy has another clock
        return None
    with contextlib.suppress(*BAD_BODY):
        return answered_at(headers)
    return None


def _verdict(refusal: Refusal, code: str, message: str) -> tuple[type[CloudError], str]:
    """Return the class of a refusal, and the cure."""
    status = refusal.status
    kind: type[CloudError]
    kind, hint = CloudError, "If this goes on, ask OSS support and name the RequestId."
    if _names_another_region(code, message):
        kind, hint = BucketRefused, wrong_region_cure(refusal)
    elif code in _ACCOUNT:
        kind, hint = AccountRefused, _ACCOUNT[code]
    elif status == _FORBIDDEN and any(word in message for word in ARREARS):
        kind, hint = AccountRefused, _ACCOUNT["userdisable"]
    elif code in _BUCKET or status in {401, 403}:
        kind, hint = BucketRefused, denial_cure(refusal) or _BUCKET.get(code) or _elsewhere(code)
    elif code in _THROTTLED or status == 429:  # noqa: PLR2004 (Too Many Requests)
        kind, hint = Throttled, "Lower list_calls_per_second of the watch."
    elif code == "notimplemented":
        hint = "OSS does not offer the request: check `endpoint`. If it is right, report this line."
    elif status >= 500 or code == "requesttimeout":  # noqa: PLR2004 (server errors)
        kind, hint = (
            Unavailable,
            "Try again later. If this goes on, ask OSS support and name the RequestId.",
        )
    elif not code:
        hint = NOT_OSS
    return kind, hint


def _elsewhere(code: str) -> str:
    """Return the cure for a refusal with an unknown reason, possibly from a proxy."""
    return SEE_RAM if code else NOT_OSS


def _names_another_region(code: str, message: str) -> bool:
    """Whether the bucket is served by another endpoint, or the V4 scope names another region."""
    return "specified endpoint" in message or (
        code in {"invalidargument", "signaturedoesnotmatch"} and "region" in message
    )


def table() -> Iterator[tuple[str, str, str]]:
    """Yield (answer of OSS, class, reaction) for the documentation."""
    yield (
        "no connection; a timeout, a reset, 5xx without `NotImplemented`",
        "transient",
        "the page is requested again, up to five times in 30 s, with growing waits",
    )
    throttled = ", ".join(f"`{code}`" for code in sorted(THROTTLED))
    yield (
        f"{throttled}, 429",
        "transient",
        "the same; `Retry-After` and `x-oss-qos-delay-time` are honoured",
    )
    for cures, kind in (
        (ACCOUNT_CURES, "global for the account"),
        (BUCKET_CURES, "global for one bucket"),
    ):
        codes = ", ".join(f"`{code}`" for code in sorted(cures))
        yield (
            codes,
            kind,
            (
                "the scan is incomplete, exit 5; the error names the cure; other watches go on; "
                "no breaker opens"
            ),
        )
    yield (
        (
            "a truncated or foreign body; keys out of order; no advance; an empty answer for a "
            "prefix that had objects"
        ),
        "untrustworthy",
        "the scan is incomplete; the next one resumes it",
    )

"""Each answer of VOD, and each way of getting none, classified once: by code first, by HTTP status as fallback.

Sources: VOD error tables (doc ids 52839, 52841), the RPC gateway's common errors.  Codes are compared without
regard to letter case: VOD writes `ServiceUnAvailable`, the gateway `ServiceUnavailable`.
"""

from __future__ import annotations

import json
from typing import Any

from watcher.errors import AccountRefused, BucketRefused, CallRefused, CloudError, NotSent, Throttled
from watcher.vod.client import Answer, NoAnswer

_KEY = "check the credentials in use (AccessKey ID and secret, or STS token)"
_RAM = "grant vod:RegisterMedia on * to the RAM user or role"
ACCOUNT_CURES = {
    "invalidaccesskeyid": _KEY,
    "signaturedoesnotmatch": "the AccessKey secret is wrong: " + _KEY,
    "incompletesignature": _KEY,
    "invalidaccesskeysecret": _KEY,
    "invalidsecuritytoken": "the STS token is expired or wrong: " + _KEY,
    "missingsecuritytoken": _KEY,
    "invalidtimestamp": "the clock of this machine is off by more than 15 minutes: synchronise it (chrony, ntp)",
    "forbidden": _RAM,
    "nopermission": _RAM,
    "operationdenied.suspended": "the VOD service is suspended, often for arrears: see the billing console",
    "operationdenied": "open ApsaraVideo VOD for this account in the VOD console",
    "invalidtemplategroupid": "correct template_group_id of the watch (VOD console: Media Processing > Transcoding)",
    "invalidworkflow": "correct workflow_id of the watch (VOD console: Media Processing > Workflows)",
    "invaliduserdata": "correct user_data of the watch",
    "invalidprotocol": "the endpoint wants https",
    "invalidapi": "the endpoint knows no RegisterMedia: check [vod] region and endpoint",
    "invalidproduct": "the endpoint is not VOD's: check [vod] endpoint",
    "invalidregion": "VOD does not serve this region: check [vod] region",
}
"""Global for the account: prefix of the code, in lower case -> the cure.  The longest prefix wins."""

_OPTIONS = {"templategroupid": "template_group_id", "workflowid": "workflow_id", "userdata": "user_data"}
_SIGNS = {"RequestId", "RegisteredMediaList", "FailedFileURLs"}  # an answer without any is not VOD's
_NO_EFFECT = {"serviceunavailable", "signaturenonceused"}
_BUCKET_CURE = (
    "Add the bucket in the VOD console (Configuration Management > Media Management > Storage), in the same region."
)


class UnknownOutcome(Exception):
    """Sent, and no trustworthy answer.  Never leaves this package."""


def read(exchange: Answer | NoAnswer) -> dict[str, Any]:
    """Return the JSON object of a successful answer.

    Raises:
        CloudError: one of its subclasses; nothing took effect.
        UnknownOutcome: the call may have taken effect.
    """
    if isinstance(exchange, NoAnswer):
        raise _unanswered(exchange)
    body = _object(exchange.body)
    if 200 <= exchange.status < 300:  # noqa: PLR2004 (success, as HTTP has it)
        if body is None:
            raise UnknownOutcome("VOD's answer is not JSON; look for a proxy or captive portal in between")
        if not body.keys() & _SIGNS:
            raise UnknownOutcome("the answer is JSON, but not VOD's; look for a proxy in between")
        return body
    code = str((body or {}).get("Code") or "")
    raise classify(
        status=exchange.status,
        code=code,
        message=str((body or {}).get("Message") or "")[:500],
        request_id=str((body or {}).get("RequestId") or ""),
        retry_after_s=_seconds(exchange.headers.get("Retry-After", "")),
    )


def classify(
    *, status: int, code: str, message: str, request_id: str = "", retry_after_s: float = 0.0
) -> CloudError | UnknownOutcome:
    """Return what a refusal means: whom it stops, and whether anything may have taken effect."""
    lowered = code.lower()
    if lowered.startswith("signaturedoesnotmatch"):
        message = "the signature does not match"  # the service echoes what was signed
    sentence = f"VOD refused the call: {code or f'HTTP {status}'}: {message} (RequestId {request_id or 'none'})"
    facts: dict[str, Any] = {"code": code or f"HTTP{status}", "request_id": request_id, "retry_after_s": retry_after_s}
    if lowered.startswith("throttling") or (not code and status == 429):  # noqa: PLR2004 (Too Many Requests)
        return Throttled(sentence, hint="Lower [vod] calls_per_second: other software shares the quota.", **facts)
    if lowered in _NO_EFFECT:
        return NotSent(sentence, hint="It is tried again by itself.", **facts)
    if "storagelocation" in message.lower() or lowered.startswith("invalidstorage"):
        return BucketRefused(sentence, hint=_BUCKET_CURE, **facts)
    cure = _account_cure(lowered, message)
    if cure and status < 500:  # noqa: PLR2004 (server errors)
        return AccountRefused(sentence, hint=f"{cure[0].upper()}{cure[1:]}.", **facts)
    if 400 <= status < 500 and code:  # noqa: PLR2004 (client errors)
        return CallRefused(sentence, **facts)
    return UnknownOutcome(f"VOD answered {code or 'without a code'} (HTTP {status}, RequestId {request_id or 'none'})")


def _account_cure(code: str, message: str) -> str:
    known = max((prefix for prefix in ACCOUNT_CURES if code.startswith(prefix)), key=len, default="")
    if known:
        return ACCOUNT_CURES[known]
    named = next((key for word, key in _OPTIONS.items() if word in message.replace(" ", "").lower()), "")
    return f"correct {named} of the watch" if named else ""


def _unanswered(exchange: NoAnswer) -> CloudError | UnknownOutcome:
    if exchange.sent:
        return UnknownOutcome(f"the call was sent and no answer came ({exchange.what})")
    if exchange.over_tls:
        return NotSent(
            "VOD's certificate could not be verified, or TLS failed",
            hint="Check the machine's CA certificates, [network] ca_bundle and [vod] endpoint.",
            code="NotSent",
        )
    return NotSent(
        f"VOD could not be reached ({exchange.what})",
        hint="Check the network, DNS, [network] proxy and [vod] endpoint.",
        code="NotSent",
    )


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (UnicodeDecodeError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _seconds(text: str) -> float:
    return float(text) if text.strip().isdecimal() else 0.0

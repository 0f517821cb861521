"""Who signed a request: the claim in its header or URL, held against the account."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watcher.sandbox.account import IdentityProblem, IdentityRefused
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.signatures import v1, v4
from watcher.sandbox.oss.signatures.claim import INVALID_HEADER, malformed

if TYPE_CHECKING:
    from datetime import datetime

    from watcher.sandbox.account import Account, Principal
    from watcher.sandbox.http_server import Request
    from watcher.sandbox.oss.signatures.claim import Claim

_UNKNOWN_ID: Final = "The OSS Access Key Id you provided does not exist in our records."
_IDENTITY_ERRORS: Final = {  # code, message, EC
    IdentityProblem.UNKNOWN_ID: ("InvalidAccessKeyId", _UNKNOWN_ID, "0002-00000902"),
    IdentityProblem.TOKEN_MISSING: ("InvalidAccessKeyId", _UNKNOWN_ID, "0002-00000902"),
    IdentityProblem.TOKEN_UNEXPECTED: ("InvalidAccessKeyId", _UNKNOWN_ID, "0002-00000002"),
    IdentityProblem.TOKEN_WRONG: (
        "InvalidSecurityToken",
        "The security token you provided is invalid.",
        "0002-00000008",
    ),
    IdentityProblem.TOKEN_EXPIRED: (
        "SecurityTokenExpired",
        "The security token you provided has expired.",
        "",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signed a request, and for which region."""

    principal: Principal
    region: str  # that of a V4 signature; "" for V1


def verify(request: Request, account: Account, now: datetime, *, region: str) -> Signer:
    """Check the signature of a request to `region` and its time, and return the signer.

    With a region of "" a V4 signature may name any.

    Raises:
        OssRefused: the account did not sign the request, or not for now, or not for there.
    """
    claim = _claim_in(request)
    if claim.wrong_region and region not in {"", claim.region}:
        raise claim.wrong_region
    principal = _identify(claim, account, now)
    claim.check_time(now)
    ours = claim.signature_of(principal.access_key_secret)
    if not hmac.compare_digest(claim.given.encode("utf-8", "replace"), ours.encode()):
        raise _mismatch(claim)
    return Signer(principal=principal, region=claim.region)


def is_unsigned(request: Request) -> bool:
    """Return whether a request carries no signature, neither in a header nor in its URL."""
    sent = {name for name, _ in request.query}
    in_url = not sent.isdisjoint(v4.URL_PARAMETERS) or not sent.isdisjoint(v1.URL_PARAMETERS)
    return "authorization" not in request.headers and not in_url


def _claim_in(request: Request) -> Claim:
    authorization = request.headers.get("authorization", "")
    sent = {name for name, _ in request.query}
    url_v4, url_v1 = (not sent.isdisjoint(way.URL_PARAMETERS) for way in (v4, v1))
    if authorization and (url_v4 or url_v1):
        message = "A request must be signed in its Authorization header or in its URL, not in both."
        raise malformed(message, ec="0002-00000039")
    version = authorization.partition(" ")[0] or request.parameter("x-oss-signature-version")
    if version == "OSS2":
        raise OssRefused(501, "NotImplemented", "The sandbox does not offer signature V2.")
    if url_v4:
        return v4.in_url(request)
    if url_v1:
        return v1.in_url(request)
    if version == "OSS":
        return v1.in_header(request, authorization)
    if version == v4.ALGORITHM:
        return v4.in_header(request, authorization)
    if authorization:
        raise malformed(INVALID_HEADER, ec="0002-00000061", Authorization=authorization)
    raise OssRefused(
        403, "AccessDenied", "Anonymous access is forbidden for this operation.",
        ec="0003-00001201",
    )  # fmt: skip


def _identify(claim: Claim, account: Account, now: datetime) -> Principal:
    try:
        return account.identify(claim.access_key_id, claim.token, now)
    except IdentityRefused as refused:
        code, message, ec = _IDENTITY_ERRORS[refused.problem]
        raise OssRefused(403, code, message, ec=ec, OSSAccessKeyId=claim.access_key_id) from refused


def _mismatch(claim: Claim) -> OssRefused:
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    )
    return OssRefused(
        403, "SignatureDoesNotMatch", message, ec=claim.mismatch_ec,
        OSSAccessKeyId=claim.access_key_id, SignatureProvided=claim.given, **claim.signed,
    )  # fmt: skip

"""Signatures of calls: RPC 1.0 and ACS3, with one check for both."""

from __future__ import annotations

import hmac
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from watcher.sandbox.account import MAX_SKEW_S, IdentityProblem, IdentityRefused
from watcher.sandbox.vod import acs3, rpc
from watcher.sandbox.vod.answers import VodRefused
from watcher.sandbox.vod.parameters import is_acs3

if TYPE_CHECKING:
    from watcher.sandbox.account import Account, Principal
    from watcher.sandbox.http_server import Request
    from watcher.sandbox.vod.signed_call import SignedCall

_IDENTITY_ERRORS: Final = {
    IdentityProblem.UNKNOWN_ID: (
        404,
        "InvalidAccessKeyId.NotFound",
        "Specified access key is not found.",
    ),
    IdentityProblem.TOKEN_MISSING: (
        400,
        "MissingSecurityToken",
        "SecurityToken is mandatory for this action.",
    ),
    IdentityProblem.TOKEN_UNEXPECTED: (
        400,
        "InvalidSecurityToken.MismatchWithAccessKey",
        "Specified SecurityToken mismatch with the AccessKey.",
    ),
    IdentityProblem.TOKEN_WRONG: (
        400,
        "InvalidSecurityToken.Malformed",
        "Specified SecurityToken is malformed.",
    ),
    IdentityProblem.TOKEN_EXPIRED: (
        400,
        "InvalidSecurityToken.Expired",
        "Specified SecurityToken is expired.",
    ),
}


class SignatureCheck:
    """Accepts a call once, if the account has signed it at about this time."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._nonces: set[str] = set()
        self._lock = threading.Lock()

    def check(self, request: Request, now: datetime) -> Principal:
        """Check a call, and return who signed it.

        Raises:
            VodRefused: the signature, its time or its nonce is not valid.
        """
        signed = _read(request)
        principal = self._identify(signed, now)
        _check_time(signed.time, now)
        ours = signed.sign(principal.access_key_secret, signed.text)
        if not hmac.compare_digest(ours.encode(), signed.signature.encode()):
            raise VodRefused(400, "SignatureDoesNotMatch", signed.mismatch)
        with self._lock:
            if signed.nonce in self._nonces:
                raise VodRefused(
                    400, "SignatureNonceUsed", "Specified signature nonce was used already."
                )
            self._nonces.add(signed.nonce)
        return principal

    def identify(self, request: Request, now: datetime) -> Principal:
        """Return who a call says that it is from, without a check of its signature.

        Raises:
            VodRefused: it is from nobody.
        """
        return self._identify(_read(request), now)

    def _identify(self, signed: SignedCall, now: datetime) -> Principal:
        try:
            return self._account.identify(signed.access_key_id, signed.security_token, now)
        except IdentityRefused as refused:
            raise VodRefused(*_IDENTITY_ERRORS[refused.problem]) from refused


def _read(request: Request) -> SignedCall:
    return acs3.read(request) if is_acs3(request) else rpc.read(request)


def _check_time(text: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        message = "Specified time stamp or date value is not well formatted."
        raise VodRefused(400, "InvalidTimeStamp.Format", message) from error
    if abs((now - signed_at).total_seconds()) > MAX_SKEW_S:
        raise VodRefused(
            400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."
        )

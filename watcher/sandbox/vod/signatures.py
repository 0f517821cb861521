"""RPC signature 1.0, by the public description, and the quota of calls."""

from __future__ import annotations

import base64
import hmac
import threading
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from watcher.sandbox.account import MAX_SKEW_S, IdentityProblem, IdentityRefused
from watcher.sandbox.text import percent_encoded
from watcher.sandbox.vod.answers import VodRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from watcher.sandbox.account import Account, Principal

_REQUIRED: Final = (
    "Action", "Version", "AccessKeyId", "SignatureMethod", "SignatureVersion", "SignatureNonce",
    "Timestamp", "Signature",
)  # fmt: skip

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


def string_to_sign(method: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return the string that a call signs: all parameters but the signature, by name."""
    pairs = sorted(pair for pair in parameters if pair[0] != "Signature")
    query = "&".join(f"{percent_encoded(name)}={percent_encoded(value)}" for name, value in pairs)
    return f"{method}&%2F&{percent_encoded(query)}"


def signature(secret: str, text: str) -> str:
    """Return the signature of a string to sign."""
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), "sha1")).decode(
        "ascii"
    )


class SignatureCheck:
    """Accepts a call once, if the account has signed it at about this time."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._nonces: set[str] = set()
        self._lock = threading.Lock()

    def check(
        self, method: str, parameters: tuple[tuple[str, str], ...], now: datetime
    ) -> Principal:
        """Check a call, and return who signed it.

        Raises:
            VodRefused: the signature, its time or its nonce is not valid.
        """
        given = dict(parameters)
        for name in _REQUIRED:
            if not given.get(name):
                raise VodRefused(400, f"Missing{name}", f"{name} is mandatory for this action.")
        principal = self._identify(given, now)
        _check_time(given["Timestamp"], now)
        if (given["SignatureMethod"], given["SignatureVersion"]) != ("HMAC-SHA1", "1.0"):
            raise VodRefused(
                400, "InvalidSignatureMethod", "The specified signature method is invalid."
            )
        text = string_to_sign(method, parameters)
        ours = signature(principal.access_key_secret, text)
        if not hmac.compare_digest(ours.encode(), given["Signature"].encode()):
            message = (
                "Specified signature is not matched with our calculation. server string to sign "
                f"is:{text}"
            )
            raise VodRefused(400, "SignatureDoesNotMatch", message)
        with self._lock:
            if given["SignatureNonce"] in self._nonces:
                raise VodRefused(
                    400, "SignatureNonceUsed", "Specified signature nonce was used already."
                )
            self._nonces.add(given["SignatureNonce"])
        return principal

    def _identify(self, given: Mapping[str, str], now: datetime) -> Principal:
        try:
            return self._account.identify(given["AccessKeyId"], given.get("SecurityToken", ""), now)
        except IdentityRefused as refused:
            raise VodRefused(*_IDENTITY_ERRORS[refused.problem]) from refused


class Quota:
    """The most calls of one operation in any second. Refused calls do not count."""

    def __init__(self, calls_per_second: int) -> None:
        self.calls_per_second = calls_per_second
        self._admitted: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def admit(self, action: str, at: float) -> None:
        """Count a call.

        Raises:
            VodRefused: the last second had too many.
        """
        with self._lock:
            recent = self._admitted.setdefault(action, deque())
            while recent and recent[0] <= at - 1:
                recent.popleft()
            if len(recent) >= self.calls_per_second:
                raise VodRefused(
                    400, "Throttling.User", "Request was denied due to user flow control."
                )
            recent.append(at)


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

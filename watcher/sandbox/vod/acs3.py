"""ACS3-HMAC-SHA256, by the public description: a call is signed in its headers."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from watcher.sandbox.text import percent_encoded
from watcher.sandbox.vod.answers import VodRefused, missing
from watcher.sandbox.vod.parameters import action_of, version_of
from watcher.sandbox.vod.signed_call import SignedCall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from watcher.sandbox.http_server import Request

ALGORITHM: Final = "ACS3-HMAC-SHA256"
_AUTHORIZATION: Final = re.compile(
    r"Credential=(?P<id>[^,]+), *SignedHeaders=(?P<headers>[^,]+), *Signature=(?P<signature>[^,]+)"
)
_HASH: Final = "x-acs-content-sha256"


def canonical_request(
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Iterable[tuple[str, str]],
    payload_hash: str,
) -> str:
    """Return the text whose hash a call signs; `headers` are those that it signs."""
    in_order = sorted(headers)
    return "\n".join(
        (
            method,
            path,
            "&".join(
                f"{percent_encoded(name)}={percent_encoded(text)}" for name, text in sorted(query)
            ),
            "".join(f"{name}:{text.strip()}\n" for name, text in in_order),
            ";".join(name for name, _ in in_order),
            payload_hash,
        )
    )


def string_to_sign(canonical: str) -> str:
    """Return the string that a call signs."""
    return (
        f"{ALGORITHM}\n{hashlib.sha256(canonical.encode('utf-8', 'surrogateescape')).hexdigest()}"
    )


def signature(secret: str, text: str) -> str:
    """Return the signature of a string to sign."""
    return hmac.digest(secret.encode(), text.encode(), "sha256").hex()


def read(request: Request) -> SignedCall:
    """Return the parts of a call's signature.

    Raises:
        VodRefused: one is missing, the method is another one, or the hash is not the body's.
    """
    headers = request.headers
    authorization = _authorization_of(request)
    payload_hash = hashlib.sha256(request.body).hexdigest()
    canonical = canonical_request(
        request.method,
        request.target.partition(b"?")[0].decode("latin-1"),
        request.query,
        [(name, headers.get(name, "")) for name in _names_in(authorization)],
        payload_hash,
    )
    text = string_to_sign(canonical)
    mismatch = (
        "Specified signature does not match our calculation. "
        f"server StringToSign is [{text}] server CanonicalRequest is [{canonical}]"
    )
    if headers[_HASH] != payload_hash:
        raise VodRefused(400, "SignatureDoesNotMatch", mismatch)
    return SignedCall(
        access_key_id=authorization["id"],
        security_token=headers.get("x-acs-security-token", ""),
        time=headers["x-acs-date"],
        nonce=headers["x-acs-signature-nonce"],
        signature=authorization["signature"],
        text=text,
        sign=signature,
        mismatch=mismatch,
    )


def _authorization_of(request: Request) -> re.Match[str]:
    """Return the parts of the header Authorization, once all that a call needs is there."""
    headers = request.headers
    given = {
        "Action": action_of(request),
        "Version": version_of(request),
        "AccessKeyId": headers.get("authorization", ""),
        "SignatureNonce": headers.get("x-acs-signature-nonce", ""),
        "Timestamp": headers.get("x-acs-date", ""),
    }
    for name, value in given.items():
        if not value:
            raise missing(name)
    algorithm, _, rest = headers["authorization"].partition(" ")
    if algorithm != ALGORITHM:
        raise VodRefused(
            400, "InvalidSignatureMethod", "The specified signature method is invalid."
        )
    found = _AUTHORIZATION.fullmatch(rest.strip())
    if found is None or _HASH not in headers or not _must_be_signed(request) <= _names_in(found):
        raise VodRefused(
            400,
            "IncompleteSignature",
            "The request signature does not conform to Aliyun standards.",
        )
    return found


def _names_in(authorization: re.Match[str]) -> frozenset[str]:
    return frozenset(authorization["headers"].lower().split(";"))


def _must_be_signed(request: Request) -> frozenset[str]:
    """Return the headers that a call has to sign: the host, and all of `x-acs-` that it sent."""
    return frozenset({"host", *(name for name in request.headers if name.startswith("x-acs-"))})

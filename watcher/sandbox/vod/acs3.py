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
        VodRefused: one is missing, or the method is another one.
    """
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
    if found is None:
        raise _incomplete()
    names = found["headers"].lower().split(";")
    if not _must_be_signed(request) <= frozenset(names):
        raise _incomplete()
    payload_hash = hashlib.sha256(request.body).hexdigest()
    # The hash that the body has takes the place of the one that was sent, so that they must agree.
    values = {**headers, _HASH: payload_hash}
    canonical = canonical_request(
        request.method,
        request.target.partition(b"?")[0].decode("latin-1"),
        request.query,
        [(name, values.get(name, "")) for name in names],
        payload_hash,
    )
    text = string_to_sign(canonical)
    return SignedCall(
        access_key_id=found["id"],
        security_token=headers.get("x-acs-security-token", ""),
        time=given["Timestamp"],
        nonce=given["SignatureNonce"],
        signature=found["signature"],
        text=text,
        sign=signature,
        mismatch="Specified signature does not match our calculation. "
        f"server StringToSign is [{text}] server CanonicalRequest is [{canonical}]",
    )


def _must_be_signed(request: Request) -> frozenset[str]:
    """Return the headers that a call has to sign: these, and all of `x-acs-` that it sent."""
    sent = {name for name in request.headers if name.startswith("x-acs-")}
    return frozenset({"host", _HASH, *sent})


def _incomplete() -> VodRefused:
    return VodRefused(
        400, "IncompleteSignature", "The request signature does not conform to Aliyun standards."
    )

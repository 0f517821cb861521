"""RPC signature 1.0, by the public description."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Final

from watcher.sandbox.text import percent_encoded
from watcher.sandbox.vod.answers import VodRefused, missing
from watcher.sandbox.vod.signed_call import SignedCall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from watcher.sandbox.http_server import Request

_REQUIRED: Final = (
    "Action", "Version", "AccessKeyId", "SignatureMethod", "SignatureVersion", "SignatureNonce",
    "Timestamp", "Signature",
)  # fmt: skip


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


def read(request: Request) -> SignedCall:
    """Return the parts of a call's signature.

    Raises:
        VodRefused: one is missing, or the method is another one.
    """
    parameters = (*request.query, *request.form())
    given = dict(parameters)
    for name in _REQUIRED:
        if not given.get(name):
            raise missing(name)
    # VOD's own documents write both HMAC-SHA1 and Hmac-SHA1.
    if (given["SignatureMethod"].upper(), given["SignatureVersion"]) != ("HMAC-SHA1", "1.0"):
        raise VodRefused(
            400, "InvalidSignatureMethod", "The specified signature method is invalid."
        )
    text = string_to_sign(request.method, parameters)
    return SignedCall(
        access_key_id=given["AccessKeyId"],
        security_token=given.get("SecurityToken", ""),
        time=given["Timestamp"],
        nonce=given["SignatureNonce"],
        signature=given["Signature"],
        text=text,
        sign=signature,
        mismatch="Specified signature is not matched with our calculation. "
        f"server string to sign is:{text}",
    )

"""Sign a call as the SDK does, and escape each of its parameters once.

The SDK escapes all of them three times, byte by byte: a tenth of a call of ten files.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final

from aliyunsdkcore.auth.algorithm import sha_hmac1
from aliyunsdkcore.auth.signers.signer import Signer
from aliyunsdkcore.utils import parameter_helper

if TYPE_CHECKING:
    from aliyunsdkcore.request import RpcRequest

    from watcher.ports import CredentialsProvider

_UNRESERVED: Final = frozenset(string.ascii_letters + string.digits + "-_.~")  # RFC 3986


class ChainSigner(Signer):  # type: ignore[misc]
    """Signs each request with one snapshot of our credentials."""

    def __init__(self, chain: CredentialsProvider) -> None:
        self._chain = chain

    def sign(self, region_id: str, request: RpcRequest) -> tuple[dict[str, str], str]:
        """Return the headers that the SDK signs, and the target of the request: `/?` and the query.

        Raises:
            CredentialsMissing: there is nothing to sign with.
        """
        now = self._chain.get()
        if now.security_token:
            request.add_query_param("SecurityToken", now.security_token)
        headers = request.get_signed_header(region_id, now.access_key_id, now.access_key_secret)
        return headers, signed_target(request, region_id, now.access_key_id, now.access_key_secret)


def signed_target(
    request: RpcRequest, region_id: str, access_key_id: str, access_key_secret: str
) -> str:
    """Return `/?` and the signed query of a request, as its `get_url` does, in a fifth of the time.

    Source: "Request syntax and signature method V2 for RPC APIs" of Alibaba Cloud; a test compares
    the two.
    """
    parameters = {
        "RegionId": region_id,
        **request._get_sign_params(),  # noqa: SLF001 (what `get_url` begins with)
        "Timestamp": parameter_helper.get_iso_8061_date(),
        "SignatureMethod": sha_hmac1.get_signer_name(),
        "SignatureType": sha_hmac1.get_signer_type(),
        "SignatureVersion": sha_hmac1.get_signer_version(),
        "SignatureNonce": parameter_helper.get_uuid(),
        "AccessKeyId": access_key_id,
    }
    query = _escaped(parameters)
    signed = query | _escaped(request.get_body_params())
    canonical = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
    twice = canonical.replace("%", "%25").replace("=", "%3D").replace("&", "%26")
    request.string_to_sign = f"{request.get_method()}&%2F&{twice}"  # the SDK reads it of a refusal
    signature = sha_hmac1.get_sign_string(request.string_to_sign, f"{access_key_secret}&")
    query["Signature"] = escape(signature)
    return "/?" + "&".join(f"{name}={value}" for name, value in query.items())


def _escaped(parameters: dict[str, object]) -> dict[str, str]:
    return {escape(name): escape(str(value)) for name, value in parameters.items()}


def escape(text: str) -> str:
    """Return `text` in UTF-8 with all but RFC 3986 unreserved characters percent-encoded.

    Few different characters need it, so each is replaced by a pass of its own, "%" first.

    Raises:
        UnicodeEncodeError: UTF-8 cannot hold the text.
    """
    if not text.isascii():
        text = text.encode().decode("latin-1")  # one character for each byte
    for character in sorted(set(text) - _UNRESERVED, key=lambda each: each != "%"):
        text = text.replace(character, f"%{ord(character):02X}")
    return text

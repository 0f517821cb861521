"""Signature V4: HMAC-SHA256 over a canonical request, in the header or in the URL."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from watcher.sandbox.oss.routes import resource_path
from watcher.sandbox.oss.signatures.claim import Claim, hex_bytes, malformed
from watcher.sandbox.oss.signatures.times import (
    ISO_BASIC,
    check_begin,
    check_expiry,
    check_skew,
    http_time,
    iso_time,
)
from watcher.sandbox.text import key_bytes, percent_encoded, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from watcher.sandbox.http_server import Request
    from watcher.sandbox.oss.answers import OssRefused

ALGORITHM: Final = "OSS4-HMAC-SHA256"
URL_PARAMETERS: Final = ("x-oss-signature-version", "x-oss-credential", "x-oss-signature")
MAX_EXPIRES_S: Final = 7 * 24 * 3600
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_SIGNED_HEADERS: Final = frozenset({"content-type", "content-md5"})
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_MISMATCH: Final = "0002-00000201"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Credential:
    """`ID/20261201/cn-shanghai/oss/aliyun_v4_request`."""

    access_key_id: str
    date: str
    region: str

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/oss/aliyun_v4_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The part of a request that holds the signature, and how its errors are said."""

    name: str
    shown: dict[str, str]
    credential_ec: str
    date_ec: str
    region_ec: str

    def refused(self, message: str, ec: str) -> OssRefused:
        return malformed(f"{message} in {self.name}.", ec=ec, **self.shown)

    def credential(self, text: str) -> _Credential:
        pieces = text.split("/")
        if len(pieces) != 5 or pieces[3:] != ["oss", "aliyun_v4_request"] or not pieces[0]:  # noqa: PLR2004 (as above)
            raise self.refused("Invalid credential", self.credential_ec)
        if not re.fullmatch(r"[0-9]{8}", pieces[1]):
            raise self.refused("Invalid signing date", self.date_ec)
        return _Credential(access_key_id=pieces[0], date=pieces[1], region=pieces[2])


def in_header(request: Request, authorization: str) -> Claim:
    """Return the claim of an Authorization header that begins with `OSS4-HMAC-SHA256 `.

    Raises:
        OssRefused: the header, or the date, has not the form that it must have.
    """
    place = _Place(
        name="Authorization header",
        shown={"Authorization": authorization},
        credential_ec="0002-00000213",
        date_ec="0002-00000212",
        region_ec="0002-00000226",
    )
    pairs = (part.strip().partition("=") for part in authorization[len(ALGORITHM) :].split(","))
    fields = {name: value for name, _, value in pairs}
    credential = place.credential(fields.get("Credential", ""))
    given = fields.get("Signature", "")
    if not _SIGNATURE.fullmatch(given):
        raise place.refused("Invalid signature", "0002-00000208")
    payload = request.headers.get("x-oss-content-sha256", _UNSIGNED)
    if payload != _UNSIGNED:
        message = f"x-oss-content-sha256 must be {_UNSIGNED}"
        raise place.refused(message, "0002-00000205")
    signed_at = _time_in_header(request)
    return _claim(
        request,
        place,
        credential,
        token=request.headers.get("x-oss-security-token", ""),
        given=given,
        additional=fields.get("AdditionalHeaders", ""),
        timestamp=signed_at.strftime(ISO_BASIC),
        check_time=partial(check_skew, signed_at),
    )


def in_url(request: Request) -> Claim:
    """Return the claim of a URL that has at least one of `URL_PARAMETERS`.

    Raises:
        OssRefused: a parameter is missing, or has not the form that it must have.
    """
    version, credential_text, given = (request.parameter(name) or "" for name in URL_PARAMETERS)
    if version != ALGORITHM:
        raise _argument("x-oss-signature-version", version, "0002-00000066")
    place = _Place(
        name="x-oss-credential",
        shown={"ArgumentName": "x-oss-credential", "ArgumentValue": credential_text},
        credential_ec="0002-00000222",
        date_ec="0002-00000223",
        region_ec="0002-00000228",
    )
    credential = place.credential(credential_text)
    if not _SIGNATURE.fullmatch(given):
        raise _argument("x-oss-signature", given, "0002-00000220" if given else "0002-00000219")
    signed_at = iso_time(request.parameter("x-oss-date") or "")
    lifetime = _lifetime(request.parameter("x-oss-expires"))

    def check_time(now: datetime) -> None:
        check_begin(signed_at, now, ec="0002-00000235")
        check_expiry(signed_at + lifetime, now, ec="0002-00000236")

    return _claim(
        request,
        place,
        credential,
        token=request.parameter("x-oss-security-token") or "",
        given=given,
        additional=key_bytes(request.parameter("x-oss-additional-headers") or "").decode("latin-1"),
        timestamp=signed_at.strftime(ISO_BASIC),
        check_time=check_time,
    )


def _claim(
    request: Request,
    place: _Place,
    credential: _Credential,
    *,
    token: str,
    given: str,
    additional: str,
    timestamp: str,
    check_time: Callable[[datetime], None],
) -> Claim:
    canonical = _canonical_request(request, additional)
    digest = hashlib.sha256(canonical.encode("latin-1", "surrogateescape")).hexdigest()
    text = f"{ALGORITHM}\n{timestamp}\n{credential.scope}\n{digest}"
    return Claim(
        access_key_id=credential.access_key_id,
        token=token,
        given=given,
        signature_of=partial(_signature, text),
        check_time=check_time,
        signed={
            "StringToSign": text,
            "StringToSignBytes": hex_bytes(key_bytes(text)),
            "CanonicalRequest": canonical,
        },
        mismatch_ec=_MISMATCH,
        region=credential.region,
        wrong_region=place.refused("Invalid signing region", place.region_ec),
    )


def _signature(text: str, secret: str) -> str:
    """Return the signature of a string to sign, whose third line is the scope."""
    key = f"aliyun_v4{secret}".encode()
    for part in text.split("\n")[2].split("/"):
        key = hmac.digest(key, key_bytes(part), "sha256")
    return hmac.digest(key, key_bytes(text), "sha256").hex()


def _canonical_request(request: Request, additional: str) -> str:
    also = {name for name in additional.lower().split(";") if name}
    signed = sorted(
        (name, value)
        for name, value in request.headers.items()
        if name.startswith("x-oss-") or name in _SIGNED_HEADERS or name in also
    )
    query = sorted(
        (percent_encoded(name), percent_encoded(value))
        for name, value in request.query
        if name != "x-oss-signature"
    )
    return "\n".join(
        (
            request.method,
            quote(resource_path(request), safe="/-_.~"),
            "&".join(f"{name}={value}" if value else name for name, value in query),
            "".join(f"{name}:{value}\n" for name, value in signed),
            ";".join(sorted(also)),
            _UNSIGNED,
        )
    )


def _time_in_header(request: Request) -> datetime:
    if text := request.headers.get("x-oss-date", ""):
        return iso_time(text)
    return http_time(request.headers.get("date", ""))


def _lifetime(text: str | None) -> timedelta:
    if not text:
        raise _argument("x-oss-expires", "", "0002-00000215" if text is None else "0002-00000216")
    seconds = whole_number(text)
    if seconds is None or not 1 <= seconds <= MAX_EXPIRES_S:
        raise _argument("x-oss-expires", text, "0002-00000232")
    return timedelta(seconds=seconds)


def _argument(name: str, value: str, ec: str) -> OssRefused:
    return malformed(f"Invalid {name}.", ec=ec, ArgumentName=name, ArgumentValue=value)

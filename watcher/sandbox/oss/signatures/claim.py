"""A signature as a request carries it, before it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from watcher.sandbox.oss.answers import OssRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

INVALID_HEADER: Final = "Authorization header is invalid."


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who a request says signed it, when, and the means to check that."""

    access_key_id: str
    token: str  # "" = none
    given: str  # the signature
    signature_of: Callable[[str], str]  # what a secret makes of the request
    check_time: Callable[[datetime], None]  # raises OssRefused if it is not valid at this time
    signed: Mapping[str, Any]  # what a mismatch shows of it
    mismatch_ec: str
    region: str = ""  # that of a V4 signature; "" for V1
    wrong_region: OssRefused | None = None  # for a region that is not the bucket's


def malformed(message: str, *, ec: str, **shown: Any) -> OssRefused:
    """Return the refusal of a signature that has not the form it must have."""
    return OssRefused(400, "InvalidArgument", message, ec=ec, **shown)


def hex_bytes(text: bytes) -> str:
    """Return the bytes of a string to sign, as a mismatch shows them."""
    return text.hex(" ").upper()

"""All that a check of a signature needs, whatever the scheme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCall:
    """A call that has all parts of a signature; none of them is checked yet."""

    access_key_id: str
    security_token: str  # "" = none
    time: str  # as sent
    nonce: str
    signature: str  # as sent
    text: str  # the string to sign, as VOD builds it
    sign: Callable[[str, str], str]  # (secret, string to sign) -> signature
    mismatch: str  # the message for another signature than VOD's

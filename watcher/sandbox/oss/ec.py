"""EC: the fine-grained error codes of OSS, one for each reason.

Source: the pages of OSS by EC; the vendor's tests of its SDKs. Where none is known, the sandbox has
one of its own, always the same for the same code.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_KNOWN: Final[Mapping[str, str]] = {
    "AccessDenied": "0003-00000001",
    "EntityTooSmall": "0042-00000213",
    "InvalidAccessKeyId": "0002-00000902",
    "InvalidSecurityToken": "0002-00000008",
    "MalformedXML": "0031-00000001",
    "NoSuchBucket": "0015-00000101",
    "NoSuchKey": "0026-00000001",
    "NoSuchUpload": "0017-00000244",
    "ObjectNotAppendable": "0026-00000017",
    "PositionNotEqualToLength": "0026-00000016",
    "RequestTimeTooSkewed": "0002-00000504",
    "SignatureDoesNotMatch": "0002-00000040",
}
_REQUEST: Final = "0017"  # the kind of those that nobody knows
_DIGITS: Final = 8


def ec_of(code: str) -> str:
    """Return the EC of an error whose reason has none of its own."""
    return _KNOWN.get(code) or f"{_REQUEST}-{zlib.crc32(code.encode()) % 10**_DIGITS:0{_DIGITS}}"

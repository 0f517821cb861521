"""Keys as bytes, as text and percent-encoded; numbers and instants as text.

Bytes that are not UTF-8 become surrogate escapes in text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from datetime import datetime

_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NUMBER: Final = re.compile(r"[0-9]{1,18}")  # more digits than any number of a request needs


def key_text(key: bytes) -> str:
    """Return a key as text."""
    return key.decode("utf-8", "surrogateescape")


def key_bytes(text: str) -> bytes:
    """Return the bytes of a key."""
    return text.encode("utf-8", "surrogateescape")


def percent_encoded(text: str, *, keep: str = "") -> str:
    """Return text percent-encoded, except unreserved characters and those of `keep`."""
    return quote(text, safe="-_.~" + keep, errors="surrogateescape")


def xml_text(text: str) -> str:
    """Return text with a question mark for each character that XML 1.0 cannot hold."""
    return _NOT_XML.sub("?", text)


def utc_second(at: datetime) -> str:
    """Return an instant, which is in UTC, as VOD writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def whole_number(text: str) -> int | None:
    """Return the number that plain digits write, or None if the text is anything else."""
    return int(text) if _NUMBER.fullmatch(text) else None

"""Texts about media as VOD takes them: without emoji and control characters, cut to its limits.

Sources: RegisterMedia reference (limits in bytes, no emoji); Unicode UTS #51 (what emoji are made
of).
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    import regex

_DROPPED = (
    r"[\p{Cc}\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}"
    r"\u200D\u20E3\uFE00-\uFE0F\U000E0100-\U000E01EF\U000E0020-\U000E007F]+"
)
_MARK = r"\p{M}"
_LAST_CLUSTER = r"\P{M}\p{M}*\Z"


@functools.cache
def unicode_pattern(pattern: str) -> regex.Pattern[str]:
    """Return a compiled pattern.  The import of `regex` waits until the first text needs it.

    Raises:
        ValueError: `regex` reads the pattern in another way than `re`, and refuses it.
    """
    import regex  # noqa: PLC0415

    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise ValueError(str(error)) from None


def fitted(text: str, limit_bytes: int) -> str:
    """Return as much of the text as VOD takes: cleaned, and cut to whole characters."""
    return _cut(clean(text), limit_bytes)


def clean(text: str) -> str:
    """Return the text without what VOD refuses, and without white space around it."""
    if not (text.isascii() and text.isprintable()):
        text = unicode_pattern(_DROPPED).sub("", text)
    return text.strip()


def _cut(text: str, limit_bytes: int) -> str:
    """Return as much of the text as fits, whole characters with their combining marks."""
    kept = text.encode()[:limit_bytes].decode(errors="ignore")
    if len(kept) < len(text) and unicode_pattern(_MARK).match(text[len(kept) :]):
        kept = unicode_pattern(_LAST_CLUSTER).sub("", kept) or kept
    return kept.strip()


def title_of_last_resort(key: str, limit_bytes: int) -> str:
    """Return the last component, percent-encoded if nothing of it may stand in a title."""
    name = key.rpartition("/")[2] or key
    if title := fitted(name, limit_bytes):
        return title
    while len(quote(name, safe="")) > limit_bytes:
        name = name[:-1]
    return quote(name, safe="")


def user_data_problem(text: str) -> str:
    """Return why `text` is no JSON object, in a few words; "" if it is one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "not JSON"
    return "" if isinstance(value, dict) else "JSON, but not an object"

"""Text files from people: UTF-8, with or without a byte order mark.

Another encoding is refused, and named.
"""

from __future__ import annotations

import codecs
from typing import Final

MARK: Final = codecs.BOM_UTF8
_MARKS: Final = (  # the longer ones first: UTF-32-LE begins as UTF-16-LE does
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_FEW: Final = 4  # UTF-8 text may hold NULs, but fewer than one in so many bytes
_NEARLY_ALL: Final = 0.9  # of the NULs of UTF-16 are the same half of their characters
CURE: Final = "Save it as UTF-8."


class WrongEncodingError(ValueError):
    """A text in another encoding; the message continues a sentence on it."""

    def __init__(self, *, encoding: str = "", line: int = 1) -> None:
        self.encoding = encoding  # "" = unknown
        self.line = line  # the first that is not UTF-8
        super().__init__(
            f"is {encoding}, not UTF-8" if encoding else f"is not UTF-8 in line {line}"
        )


def without_mark(content: bytes) -> bytes:
    """Return the text without a byte order mark.

    Raises:
        WrongEncodingError: it is UTF-16 or UTF-32.
    """
    if encoding := _other_encoding(content):
        raise WrongEncodingError(encoding=encoding)
    return content.removeprefix(MARK)


def decoded(content: bytes) -> str:
    """Return the text.

    Raises:
        WrongEncodingError: it is not UTF-8; says in which line, or which other encoding it is.
    """
    text = without_mark(content)
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise WrongEncodingError(line=line) from None


def _other_encoding(content: bytes) -> str:
    """Return the name of an encoding with wide characters, or "".

    Its mark shows it, or the NULs of its Latin characters.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    n_nuls = content.count(b"\0")
    if not n_nuls or set(content) == {0} or (_is_utf8(content) and n_nuls * _FEW < len(content)):
        return ""
    nuls = [content[place::4].count(b"\0") for place in range(4)]
    if max(min(nuls[:2]), min(nuls[2:])) >= len(content) // 4:  # the upper half of each character
        return "UTF-32"
    in_one_half = max(content[half::2].count(b"\0") for half in (0, 1))
    return "UTF-16" if in_one_half > n_nuls * _NEARLY_ALL else ""


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True

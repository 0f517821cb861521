"""The Range header: which bytes of an object are wanted. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from watcher.sandbox.oss.answers import OssRefused

_RANGE: Final = re.compile(r"([0-9]{1,40})-([0-9]{0,40})|-([0-9]{1,40})")
_UNIT: Final = "bytes="


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of an object: both bytes belong to it."""

    first: int
    last: int

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self.last - self.first + 1

    def shown(self, size_bytes: int) -> str:
        """Return the value of Content-Range."""
        return f"bytes {self.first}-{self.last}/{size_bytes}"


def span_wanted(header: str, size_bytes: int, *, standard: bool) -> Span | None:
    """Return the bytes that a Range header asks for, or None for the whole object.

    OSS sends the whole object where a range is malformed or reaches beyond the end. With
    `standard` (x-oss-range-behavior) it does as HTTP says: it cuts the range off at the end.

    OSS knows one range only. Its pages differ on several: we send the first, or refuse all with
    `standard`.

    Raises:
        OssRefused: with `standard`, if no byte of the object is wanted, or several ranges are.
    """
    if not header.startswith(_UNIT):
        return None
    first_spec, *more = header.removeprefix(_UNIT).split(",")
    found = _RANGE.fullmatch(first_spec.strip())
    if found is None or (found[2] and int(found[2]) < int(found[1])):
        return None
    if more and standard:
        raise _invalid(size_bytes)
    if found[3]:
        first, last = size_bytes - int(found[3]), size_bytes - 1
    else:
        first, last = int(found[1]), int(found[2] or max(size_bytes - 1, int(found[1])))
    if 0 <= first <= last < size_bytes:
        return Span(first=first, last=last)
    if not standard:
        return None
    if first >= size_bytes:
        raise _invalid(size_bytes)
    return Span(first=max(first, 0), last=min(last, size_bytes - 1))


def _invalid(size_bytes: int) -> OssRefused:
    return OssRefused(
        416,
        "InvalidRange",
        "The requested range cannot be satisfied",
        headers={"Content-Range": f"bytes */{size_bytes}"},
    )

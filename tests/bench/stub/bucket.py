"""A bucket of up to tens of millions of objects without a Python object for each.

The objects are rendered once, in key order, as the XML that a listing shows of them, all equally long: any page is a
bisection and one slice of a mapped file.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from hashlib import md5
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

from tests.bench.stub.shapes import SHAPES, mixed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BEFORE_KEY: Final = b"  <Contents>\n    <Key>"
_CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a listing: rendered objects, how many, the last key (b"" if none), and whether there is more."""

    rendered: memoryview
    n: int
    last_key: bytes
    truncated: bool


def rendered(key: str, number: int) -> bytes:
    """Return one object as OSS's listing shows it with encoding-type=url; facts follow from its number."""
    mix = mixed(number)
    digest = md5(b"%d" % number, usedforsecurity=False).hexdigest().upper()
    return (
        f"{_BEFORE_KEY.decode()}{quote(key, safe='')}</Key>\n"
        f"    <LastModified>2026-{1 + mix % 9:02}-{1 + mix % 28:02}T{mix % 24:02}:{mix % 60:02}:{mix % 59:02}.000Z"
        f"</LastModified>\n    <ETag>&quot;{digest}&quot;</ETag>\n    <Type>Normal</Type>\n"
        f"    <Size>{10_000_000 + mix % 90_000_000}</Size>\n"
        "    <StorageClass>Standard</StorageClass>\n  </Contents>\n"
    ).encode()


class Bucket:
    """n objects of a shape, and what was added since."""

    def __init__(self, path: Path, shape: str, n: int) -> None:
        """Render the objects into the file at `path`, unless it holds them already."""
        self._n = n
        first = next(SHAPES[shape](n), "")
        self._width = len(rendered(first, 0))
        self._key_bytes = len(quote(first, safe=""))
        if not path.exists() or path.stat().st_size != self._width * n:
            _render(path, SHAPES[shape](n))
        with path.open("rb") as file:
            self._file = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if n else b"")
        self._added: list[bytes] = []
        self._added_rendered: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        """Return how many objects were made at first."""
        return self._n

    def __getitem__(self, place: int) -> bytes:
        """Return the key at a place among the first objects."""
        start = place * self._width + len(_BEFORE_KEY)
        return unquote_to_bytes(bytes(self._file[start : start + self._key_bytes]))

    def add(self, key: str) -> None:
        """Put one more object; one that is there is left as it is."""
        raw = key.encode()
        place = bisect_left(self, raw)
        if raw in self._added_rendered or (place < self._n and self[place] == raw):
            return
        insort(self._added, raw)
        self._added_rendered[raw] = rendered(key, self._n + len(self._added))

    def page(self, *, after: bytes, prefix: bytes, limit: int) -> Page:
        """Return the first `limit` objects behind `after` that start with `prefix`."""
        first = bisect_right(self, after) if after >= prefix else bisect_left(self, prefix)
        last = bisect_left(self, _behind(prefix), first) if prefix else self._n
        end = min(first + limit, last)
        newer = self._newer(after, prefix, limit)
        if newer and end - first == limit and newer[0] > self[end - 1]:
            newer, more = [], True
        else:
            more = end < last
        if newer:
            return self._merged(first, end, newer, limit, more=more)
        taken = self._file[first * self._width : end * self._width]
        return Page(taken, end - first, self[end - 1] if end > first else b"", more)

    def cuts(self, every: int) -> list[bytes]:
        """Return a key for each page of `every` first objects, behind which it starts; the first is b""."""
        return [self[place - 1] if place else b"" for place in range(0, self._n, every)]

    def _newer(self, after: bytes, prefix: bytes, limit: int) -> list[bytes]:
        """Return the added keys that a page could hold, and one more."""
        first = bisect_right(self._added, after) if after >= prefix else bisect_left(self._added, prefix)
        last = bisect_left(self._added, _behind(prefix)) if prefix else len(self._added)
        return self._added[first : min(last, first + limit + 1)]

    def _merged(self, first: int, end: int, newer: list[bytes], limit: int, *, more: bool) -> Page:
        found = {key: self._added_rendered[key] for key in newer}
        for place in range(first, end):
            found[self[place]] = bytes(self._file[place * self._width : (place + 1) * self._width])
        keys = sorted(found)
        taken = keys[:limit]
        return Page(
            memoryview(b"".join(map(found.__getitem__, taken))), len(taken), taken[-1], more or len(keys) > limit
        )


def _behind(prefix: bytes) -> bytes:
    """Return the first key behind all that start with a prefix of valid UTF-8, whose bytes are all below 0xff."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))


def _render(path: Path, keys: Iterator[str]) -> None:
    number = 0
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        while chunk := [rendered(key, number + i) for i, key in enumerate(islice(keys, _CHUNK))]:
            file.write(b"".join(chunk))
            number += len(chunk)
    unfinished.replace(path)

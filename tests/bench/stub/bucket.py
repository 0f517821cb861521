"""A bucket of up to tens of millions of objects without a Python object for each.

The objects are rendered once, in key order, as the XML that a listing shows of them: any page is a
bisection and one slice of a mapped file.
"""

from __future__ import annotations

import mmap
from array import array
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

from tests.bench.stub.shapes import SHAPES, facts

if TYPE_CHECKING:
    from pathlib import Path

_BEFORE_KEY: Final = b"  <Contents>\n    <Key>"
_PLACE: Final = "Q"
_CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a listing: rendered objects, their number, the last key, and whether more follow.

    Without objects the last key is b"".
    """

    rendered: memoryview
    n: int
    last_key: bytes
    truncated: bool


def rendered(shape: str, key: str, number: int) -> bytes:
    """Return one object as OSS lists it with encoding-type=url.

    All its facts follow from its number.
    """
    found = facts(shape, key, number)
    return (
        f"{_BEFORE_KEY.decode()}{quote(key, safe='')}</Key>\n    "
        f"<LastModified>{found.modified}</LastModified>\n"
        f"    <ETag>&quot;{found.etag}&quot;</ETag>\n    <Type>{found.type}</Type>\n"
        f"    <Size>{found.size_bytes}</Size>\n"
        f"    <StorageClass>{found.storage_class}</StorageClass>\n  </Contents>\n"
    ).encode()


class Bucket:
    """n objects of a shape, and what was added since."""

    def __init__(self, path: Path, shape: str, n: int) -> None:
        """Render the objects into the file at `path`, and their offsets into one beside it.

        Files that exist are kept.
        """
        self._n = n
        self._shape = shape
        places = path.with_suffix(".places")
        if not places.exists():
            _render(path, places, shape, n)
        self._file = _mapped(path)
        self._places = _mapped(places).cast(_PLACE)
        self._added: list[bytes] = []
        self._added_rendered: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        """Return how many objects were made at first."""
        return self._n

    def __getitem__(self, place: int) -> bytes:
        """Return the key at a place among the first objects."""
        raw = bytes(self._between(place, place + 1))
        return unquote_to_bytes(raw[len(_BEFORE_KEY) : raw.index(b"<", len(_BEFORE_KEY))])

    def add(self, key: str) -> None:
        """Put one more object; one that is there is left as it is."""
        raw = key.encode()
        place = bisect_left(self, raw)
        if raw in self._added_rendered or (place < self._n and self[place] == raw):
            return
        insort(self._added, raw)
        self._added_rendered[raw] = rendered(self._shape, key, self._n + len(self._added))

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
        rendered = self._between(first, max(first, end))
        return Page(rendered, end - first, self[end - 1] if end > first else b"", more)

    def _between(self, first: int, end: int) -> memoryview:
        return self._file[self._places[first] : self._places[end]]

    def cuts(self, every: int) -> list[bytes]:
        """Return, for each page of `every` objects, the key after which it starts.

        The first is b"".
        """
        return [self[place - 1] if place else b"" for place in range(0, self._n, every)]

    def _newer(self, after: bytes, prefix: bytes, limit: int) -> list[bytes]:
        """Return the added keys that a page could hold, and one more."""
        first = (
            bisect_right(self._added, after)
            if after >= prefix
            else bisect_left(self._added, prefix)
        )
        last = bisect_left(self._added, _behind(prefix)) if prefix else len(self._added)
        return self._added[first : min(last, first + limit + 1)]

    def _merged(self, first: int, end: int, newer: list[bytes], limit: int, *, more: bool) -> Page:
        found = {key: self._added_rendered[key] for key in newer}
        for place in range(first, end):
            found[self[place]] = bytes(self._between(place, place + 1))
        keys = sorted(found)
        chosen = keys[:limit]
        return Page(
            memoryview(b"".join(map(found.__getitem__, chosen))),
            len(chosen),
            chosen[-1],
            more or len(keys) > limit,
        )


def _behind(prefix: bytes) -> bytes:
    """Return the first key after all keys with a prefix.

    The prefix is valid UTF-8, so all its bytes are below 0xff.
    """
    return prefix[:-1] + bytes((prefix[-1] + 1,))


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        is_empty = not path.stat().st_size
        return memoryview(b"" if is_empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _render(path: Path, places: Path, shape: str, n: int) -> None:
    """Write the objects, and for each its offset; then the offset of the end."""
    number = end = 0
    keys = SHAPES[shape](n)
    unfinished = places.with_suffix(".part")
    with path.open("wb") as file, unfinished.open("wb") as index:
        array(_PLACE, [0]).tofile(index)
        while chunk := [
            rendered(shape, key, number + i) for i, key in enumerate(islice(keys, _CHUNK))
        ]:
            file.write(b"".join(chunk))
            ends = array(_PLACE, accumulate(map(len, chunk), initial=end))
            ends[1:].tofile(index)
            number, end = number + len(chunk), ends[-1]
    unfinished.replace(places)

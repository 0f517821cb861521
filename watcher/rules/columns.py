"""A page of keys as columns, and which of its objects are left out: what the rules look at and what they return.

A rule over a page returns places: the numbers, from 0 on, of the objects that it leaves out, ascending.
"""

from __future__ import annotations

from functools import cached_property
from itertools import compress
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from watcher.model import Excluded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from watcher.model import Objects

_TAIL: Final = itemgetter(slice(-4, None))  # most extensions have three letters: few tails differ
_FOLDED_TO_ASCII: Final = tuple(map(str.encode, "\u0130\u0131\u017f\u212a"))  # `re.IGNORECASE`: as i, i, s and k
_FEW_HITS: Final = 8  # of so many keys one: they are found one after the other


class LeftOut:
    """Which objects of a page are left out, and why: of several reasons the first that was added counts."""

    def __init__(self) -> None:
        self.reasons: dict[int, Excluded] = {}  # by place
        self.counts: dict[Excluded, int] = {}

    def add(self, reason: Excluded, places: Iterable[int]) -> None:
        """Leave out those of the places that are not left out yet."""
        reasons = self.reasons
        found = [place for place in places if place not in reasons] if reasons else list(places)
        if found:
            reasons.update(dict.fromkeys(found, reason))
            self.counts[reason] = self.counts.get(reason, 0) + len(found)

    def replace(self, reason: Excluded, places: Collection[int]) -> None:
        """Leave out all of the places for this reason, whatever the reason before."""
        for place in places:
            before = self.reasons.pop(place, None)
            if before is not None:
                self.counts[before] -= 1
        self.add(reason, places)
        self.counts = {each: n for each, n in self.counts.items() if n}


class PageKeys:
    """The ascending keys of a page below a prefix, in the forms that rules look at, each made when asked for."""

    def __init__(self, objects: Objects, prefix: str) -> None:
        self.objects = objects
        self.keys = objects.keys
        self.skipped = len(prefix)
        self.is_whole_component = not prefix or prefix.endswith("/")  # else the first component is cut by the prefix

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.keys)

    @cached_property
    def below(self) -> list[str]:
        """What follows the prefix."""
        return list(map(itemgetter(slice(self.skipped, None)), self.keys)) if self.skipped else self.keys

    @cached_property
    def folded(self) -> bytes:
        """The keys with ASCII letters in lower case, one a line, and a line end behind the last; b"" if not to be had.

        A key is to be looked at by itself if it holds a line end, or a letter that is an ASCII letter in another case.
        """
        folded = self.objects.folded
        if folded is None:
            return b""
        has_odd = not folded.isascii() and any(each[0] in folded and each in folded for each in _FOLDED_TO_ASCII)
        return b"" if has_odd else folded + b"\n"

    def holding(self, text: bytes) -> Sequence[int]:
        """Return the places of the lines of `folded` that hold a text, which may end with their line end."""
        folded = self.folded
        n_hits = folded.count(text)
        if n_hits > len(self) // _FEW_HITS:
            end = b"\n" if text.endswith(b"\n") else b""
            return [place for place, line in enumerate(folded.split(b"\n")) if text in line + end]
        found: list[int] = []
        place = behind = 0
        for _ in range(n_hits):
            hit = folded.find(text, behind)
            place += folded.count(b"\n", max(0, behind - 1), hit)
            behind = hit + len(text)
            found.append(place)
        return list(dict.fromkeys(found))

    @cached_property
    def _tails(self) -> tuple[list[str], frozenset[str]]:
        tails = list(map(_TAIL, self.keys))
        return tails, frozenset(tails)

    @property
    def folders(self) -> list[int]:
        """The places of the keys that end with a slash."""
        if not any(tail.endswith("/") for tail in self._tails[1]):
            return []
        return [place for place, key in enumerate(self.keys) if key.endswith("/")]

    def with_extension(self, is_meant: Callable[[str], bool]) -> list[int]:
        """Return the places of the keys whose extension, see `extension_of`, is meant."""
        tails, distinct = self._tails
        meant, unsure = set(), set()
        for tail in distinct:
            _, dot, extension = tail.rpartition(".")
            if not dot:
                unsure.add(tail)  # the dot, if there is one, is further ahead
            elif is_meant("" if "/" in extension else extension.lower()):
                meant.add(tail)
        if not unsure:
            return [place for place, tail in enumerate(tails) if tail in meant] if meant else []
        keys = self.keys
        return [
            place
            for place, tail in enumerate(tails)
            if tail in meant or (tail in unsure and is_meant(extension_of(keys[place])))
        ]


def complement(places: Sequence[int], n: int) -> Sequence[int]:
    """Return the places, of a page of `n` objects, that are not among those given, which ascend."""
    if len(places) == n:
        return ()
    others = bytearray(b"\1") * n
    for place in places:
        others[place] = 0
    return list(compress(range(n), others))


def add_sizes(found: LeftOut, objects: Objects, min_size_bytes: int, max_size_bytes: int | None) -> None:
    """Leave out what is too small, then what is too large (None = nothing is)."""
    if min_size_bytes > 0:
        small = [place for place, size in enumerate(objects.sizes_bytes) if size < min_size_bytes]
        found.add(Excluded.TOO_SMALL, small)
    if max_size_bytes is not None:
        large = [place for place, size in enumerate(objects.sizes_bytes) if size > max_size_bytes]
        found.add(Excluded.TOO_LARGE, large)


def extension_of(key: str) -> str:
    """Return what follows the last dot of the last path component, in lower case; "" if there is none."""
    _, dot, extension = key.rpartition(".")
    return "" if not dot or "/" in extension else extension.lower()

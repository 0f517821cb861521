"""A page of keys as columns, and which of its objects a watch leaves out.

A rule over a page returns places: the ascending numbers, from 0 on, of objects.
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
# `re.IGNORECASE` takes these for i, i, s and k.
_FOLDED_TO_ASCII: Final = tuple(map(str.encode, "\u0130\u0131\u017f\u212a"))
_FEW_HITS: Final = 8  # up to one hit in so many keys they are searched for one by one


class LeftOut:
    """Which objects of a page are left out, and why: the first reason added counts."""

    def __init__(self) -> None:
        self.reasons: dict[int, Excluded] = {}  # by place
        self.counts: dict[Excluded, int] = {}

    def add(self, reason: Excluded, places: Iterable[int]) -> None:
        """Leave out the places that are not left out yet."""
        reasons = self.reasons
        found = [place for place in places if place not in reasons] if reasons else list(places)
        if found:
            reasons.update(dict.fromkeys(found, reason))
            self.counts[reason] = self.counts.get(reason, 0) + len(found)

    def replace(self, reason: Excluded, places: Collection[int]) -> None:
        """Leave out all of the places for this reason, in place of any earlier reason."""
        for place in places:
            before = self.reasons.pop(place, None)
            if before is not None:
                self.counts[before] -= 1
        self.add(reason, places)
        self.counts = {each: n for each, n in self.counts.items() if n}


class PageKeys:
    """The ascending keys of a page below a prefix, in the forms that rules need.

    Each form is made when it is first used.
    """

    def __init__(self, objects: Objects, prefix: str) -> None:
        self.objects = objects
        self.keys = objects.keys
        self.skipped = len(prefix)
        # Otherwise the prefix ends inside the first component.
        self.is_whole_component = not prefix or prefix.endswith("/")

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.keys)

    @cached_property
    def below(self) -> list[str]:
        """The keys without the prefix."""
        return (
            list(map(itemgetter(slice(self.skipped, None)), self.keys))
            if self.skipped
            else self.keys
        )

    @cached_property
    def folded(self) -> bytes:
        """The keys as UTF-8, ASCII letters in lower case, each with a line end behind it.

        b"" if a key holds a line end, or a letter that equals an ASCII letter in another case: such
        keys must be matched one by one.
        """
        folded = self.objects.folded
        if folded is None:
            return b""
        has_odd = not folded.isascii() and any(
            each[0] in folded and each in folded for each in _FOLDED_TO_ASCII
        )
        return b"" if has_odd else folded + b"\n"

    def holding(self, text: bytes) -> Sequence[int]:
        """Return the places of the lines of `folded` that hold `text`, ascending.

        `text` may end with the line end.
        """
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
    """Return the places of a page of `n` objects that are not in `places`, ascending."""
    if len(places) == n:
        return ()
    others = bytearray(b"\1") * n
    for place in places:
        others[place] = 0
    return list(compress(range(n), others))


def add_sizes(
    found: LeftOut, objects: Objects, min_size_bytes: int, max_size_bytes: int | None
) -> None:
    """Leave out what is too small, then what is too large (None = nothing is)."""
    if min_size_bytes > 0:
        small = [place for place, size in enumerate(objects.sizes_bytes) if size < min_size_bytes]
        found.add(Excluded.TOO_SMALL, small)
    if max_size_bytes is not None:
        large = [place for place, size in enumerate(objects.sizes_bytes) if size > max_size_bytes]
        found.add(Excluded.TOO_LARGE, large)


def extension_of(key: str) -> str:
    """Return the extension of the last path component, in lower case; "" = it has none."""
    _, dot, extension = key.rpartition(".")
    return "" if not dot or "/" in extension else extension.lower()

"""Globs over all keys of a page at once.

`*.mp4` and `clips/**` are decided by the ends and beginnings of the keys, of which a page has few
different ones. Any other glob is tried on the keys that hold its longest text, unless another glob
has matched them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watcher.rules.glob_parser import Flat, Wild
from watcher.rules.globs import FLAGS, literals, regex, sorted_out, suffix

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from watcher.rules.columns import PageKeys

_Match = re.Match[str] | None


@dataclass(frozen=True, slots=True)
class _Beginning:
    """`clips/**`: every key whose first `n` characters below the prefix match."""

    n: int
    matches: Callable[[str], _Match]

    def places(self, page: PageKeys) -> Sequence[int]:
        keys, start, end = page.keys, page.skipped, page.skipped + self.n
        if keys[0][start:end] == keys[-1][start:end]:  # keys ascend: all between begin alike
            return range(len(keys)) if self.matches(keys[0][start:end]) else ()
        begins = [key[start:end] for key in keys]
        meant = {each for each in set(begins) if self.matches(each)}
        return [place for place, each in enumerate(begins) if each in meant] if meant else ()


@dataclass(frozen=True, slots=True)
class _Other:
    """Any other glob."""

    text: bytes  # in lower case; only keys with it can match
    is_end: bool  # the names that end with `text` match, and no others
    on_path: bool  # matched with the whole key; else with the last component
    matches: Callable[[str], _Match]

    def places(self, page: PageKeys, decided: Sequence[Container[int]]) -> Iterable[int]:
        """Return the places that match; decided ones may be missing where a look costs time."""
        if not (self.text and page.folded):
            return self._tried(
                page, [n for n in range(len(page)) if not any(n in each for each in decided)]
            )
        if not self.is_end:
            return self._tried(page, page.holding(self.text))
        ending = page.holding(self.text + b"\n")
        return ending if page.is_whole_component else self._tried(page, ending)

    def _tried(self, page: PageKeys, places: Sequence[int]) -> list[int]:
        below, matches = page.below, self.matches
        if self.on_path:
            return [place for place in places if matches(below[place])]
        return [place for place in places if matches(below[place].rpartition("/")[2])]


class PageGlobs:
    """Some globs, for whole pages; `globs.compile_globs` decides the same key by key.

    Raises:
        ValueError: `globs.check` objects to one of them.
    """

    def __init__(self, globs: Iterable[str]) -> None:
        names, paths = sorted_out(globs)
        self._takes_all = (
            (Wild.STAR,) in names or (Wild.DOUBLE,) in names or (Wild.DOUBLE,) in paths
        )
        self._extensions = frozenset(filter(None, map(suffix, names)))
        self._beginnings = tuple(
            _Beginning(len(flat) - 1, re.compile(regex(flat[:-1]), FLAGS).fullmatch)
            for flat in dict.fromkeys(paths)
            if _is_beginning(flat)
        )
        others = [(flat, False) for flat in names if not suffix(flat)]
        others += [(flat, True) for flat in paths if not _is_beginning(flat)]
        self._others = tuple(
            _other(flat, on_path=on_path) for flat, on_path in dict.fromkeys(others)
        )

    def places(self, page: PageKeys, decided: Container[int] = ()) -> Sequence[int]:
        """Return the places of the keys that match one of the globs, ascending.

        Places that are `decided` already may be missing, if each key would have to be looked at.
        """
        n = len(page)
        if self._takes_all or not n:
            return range(n)
        found: set[int] = set()
        for each in self._beginnings:
            found.update(each.places(page))
        if self._extensions and len(found) < n:
            found.update(self._by_extension(page))
        for other in self._others:
            if len(found) == n:
                break
            found.update(other.places(page, (decided, found)))
        return range(n) if len(found) == n else sorted(found)

    def _by_extension(self, page: PageKeys) -> list[int]:
        extensions = self._extensions
        places = page.with_extension(lambda extension: extension in extensions)
        if page.is_whole_component:
            return places
        below = page.below  # the prefix may hold the dot
        return [place for place in places if "." in below[place].rpartition("/")[2]]


def _is_beginning(flat: Flat) -> bool:
    return flat[-1:] == (Wild.DOUBLE,) and not any(isinstance(token, Wild) for token in flat[:-1])


def _other(flat: Flat, *, on_path: bool) -> _Other:
    text = max(
        (run for each in literals(flat) for run in _caseless_runs(each)), key=len, default=""
    )
    whole = "".join(literals(flat[1:]))
    is_end = (
        flat[:1] == (Wild.STAR,)
        and not on_path
        and text != ""
        and len(text) == len(flat) - 1
        and whole == text
    )
    return _Other(text.lower().encode(), is_end, on_path, re.compile(regex(flat), FLAGS).fullmatch)


def _caseless_runs(text: str) -> list[str]:
    """Return the parts of a text that a search in lower-case ASCII finds in any letter case."""
    return "".join(each if is_plain(each) else "\n" for each in text).split("\n")


def is_plain(character: str) -> bool:
    """Whether a character is ASCII, or has no letter case; a line end is neither."""
    return character != "\n" and (
        character.isascii() or character.lower() == character == character.upper()
    )

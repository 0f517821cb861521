"""Junk: what file sharing and synchronising leave beside the media.

Resource forks, recycle bins, thumbnails, files in use. A component of the key shows it:
`._clip.mp4` has the name of a medium and holds 4 KB of Finder settings.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from watcher.rules.globs import alternatives

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.rules.columns import PageKeys

BEGINNINGS: Final = ("._", ".nfs", ".Trash-")
"""Of a component: AppleDouble files, deleted NFS files still open, trash folders on Linux."""

NAMES: Final = ("__MACOSX", ".AppleDouble", "#recycle", "@eaDir", "$RECYCLE.BIN")
"""Whole components, of macOS (ZIP, shares), Synology (bin, thumbnails), Windows (bin)."""

_ANY_BEGINNING: Final = "|".join(map(re.escape, BEGINNINGS))
_ANY_NAME: Final = "|".join(map(re.escape, NAMES))
_COMPONENT: Final = re.compile(rf"(?:^|/)({_ANY_BEGINNING}|(?:{_ANY_NAME})(?=/|\Z))")
_BY_RARE_CHARACTER: Final = tuple((name[0], name) for name in NAMES if not name.startswith("."))


def marks(path: str) -> set[str]:
    """Return which of `BEGINNINGS` and `NAMES` occur in the components of `path`."""
    return set(_COMPONENT.findall(path))


class Junk:
    """Decides which keys below a prefix are junk.

    Names in the prefix itself are wanted, and names in an `include` pattern: `._*` takes
    `._clip.mp4`, but neither `*` nor `*.mp4` does.
    """

    def __init__(self, prefix: str, include: Sequence[str]) -> None:
        """Find the names that are wanted.

        Raises:
            ValueError: a pattern is malformed.
        """
        self._skipped = len(prefix)
        begun = prefix.rpartition("/")[2]  # the component that the prefix ends in the middle of
        self._is_named = bool(marks(begun))
        self._begun = "" if self._is_named else begun
        self._wanted = [
            (each.matches, named)
            for glob in include
            for each in alternatives(glob)
            if (named := _named(each.components))
        ]

    def __call__(self, key: str) -> bool:
        """Whether a key below the prefix is junk."""
        below = key[self._skipped :]
        path = below.partition("/")[2] if self._is_named else self._begun + below
        if _COMPONENT.search(path) is None:
            return False
        found = marks(path)
        return not any(found <= named and matches(below) for matches, named in self._wanted)

    def places(self, page: PageKeys) -> Sequence[int]:
        """Return the places of the keys of a page that are junk."""
        keys, lines = page.keys, page.objects.lines("key")
        if lines is None:
            return [place for place, key in enumerate(keys) if self(key)]
        return [place for place in _suspects(keys, lines) if self(keys[place])]


def _suspects(keys: Sequence[str], lines: str) -> Sequence[int]:
    """Return the places of the keys that may be junk, ascending: most pages hold none.

    A name is searched for only if its first character occurs, which is quick to find out.
    """
    texts = [name for character, name in _BY_RARE_CHARACTER if character in lines and name in lines]
    if lines.rfind("/.") >= 0:  # a search from the end is four times as quick
        texts.append("/.")
    found = {place for text in texts for place, key in enumerate(keys) if text in key}
    found.update(range(bisect_left(keys, "."), bisect_left(keys, "/")))
    return sorted(found)


def _named(components: Sequence[tuple[str, bool]]) -> set[str]:
    """Return the junk names that stand in the components of a glob."""
    named = {
        mark
        for text, _ in components
        for mark in BEGINNINGS
        if text.lower().startswith(mark.lower())
    }
    whole = {text.lower() for text, is_all in components if is_all}
    return named | {name for name in NAMES if name.lower() in whole}

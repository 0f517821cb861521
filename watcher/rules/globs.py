"""Globs over the key below a watch's prefix.

Our own translation: `fnmatch` knows no "**" or braces, and `wcmatch` speaks of files, so it treats ".", ".." and empty
components specially, wants "**" to fill a component, and may normalise what it is given.  A key is only text.

- "*" and "?" stop at "/", "**" does not; "**/" at the start of a component also stands for no directory at all;
- `[abc]`, `[!abc]`, `[a-z]` match one character that is not "/"; `{a,b}` is either; a backslash makes the next
  character literal;
- letter case never counts, a newline is a character like any other;
- a glob without "/" is matched with the last component, one with "/" with the whole key below the prefix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MAX_ALTERNATIVES: Final = 1000
"""The braces of one glob may stand for this many globs without braces."""


class Wild(Enum):
    """What matches any number of characters."""

    STAR = "*"
    DOUBLE = "**"
    DIRECTORIES = "**/"


_Token = str | Wild  # a str is a regular expression for exactly one character
Flat = tuple[_Token, ...]  # a glob without braces
FLAGS = re.IGNORECASE | re.DOTALL


def check(glob: str) -> str | None:
    """Return a sentence that says what is wrong with `glob` and how to mend it, or None."""
    problem = _problem(glob)
    return problem and f'The glob "{glob}" {problem}.'


def _problem(glob: str) -> str | None:
    if any("\ud800" <= character <= "\udfff" for character in glob):
        return "is not UTF-8: set the terminal to UTF-8"
    if not glob:
        return "is empty: remove it, or write * for every name"
    if glob.startswith("/"):
        return 'starts with "/": leave it out, keys below the prefix never start with "/"'
    if glob.endswith("/"):
        return f'ends in "/" and so matches only folder markers: write {glob}** for everything below'
    try:
        _Parser(glob).alternatives()
    except ValueError as error:
        return str(error)
    return None


def compile_globs(globs: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a key below the prefix matches any of `globs`.

    Raises:
        ValueError: `check` objects to one of them.
    """
    names, paths = sorted_out(globs)
    suffixes = frozenset(filter(None, map(suffix, names)))  # looked up rather than tried one by one
    named = _matcher(flat for flat in names if not suffix(flat))
    on_path = _matcher(paths)

    def matches(key: str) -> bool:
        name = key.rpartition("/")[2]
        _, dot, extension = name.rpartition(".")
        return bool(
            (dot and extension.lower() in suffixes)
            or (named is not None and named(name) is not None)
            or (on_path is not None and on_path(key) is not None)
        )

    return matches


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the globs without braces that a glob stands for."""

    matches: Callable[[str], bool]  # a key below the prefix
    components: tuple[tuple[str, bool], ...]  # the text that each begins with, and whether that is all of it
    longest_text: str  # no key without it, in lower case, is matched


@lru_cache(maxsize=1024)  # asked again at each scan
def alternatives(glob: str) -> tuple[Alternative, ...]:
    """Return all that `glob` stands for.

    Raises:
        ValueError: `check` objects to it.
    """
    names, paths = sorted_out([glob])
    return tuple(_alternative(flat, on_path=n >= len(names)) for n, flat in enumerate((*names, *paths)))


def _alternative(flat: Flat, *, on_path: bool) -> Alternative:
    fullmatch = re.compile(regex(flat), FLAGS).fullmatch

    def matches(key: str) -> bool:
        return fullmatch(key if on_path else key.rpartition("/")[2]) is not None

    cuts = [-1, *(n for n, token in enumerate(flat) if token in ("/", Wild.DIRECTORIES)), len(flat)]
    components = [literals(flat[start + 1 : end]) for start, end in pairwise(cuts)]
    return Alternative(
        matches=matches,
        components=tuple((texts[0], len(texts) == 1) for texts in components),
        longest_text=max(literals(flat), key=len).lower(),
    )


def literals(flat: Flat) -> list[str]:
    """Return the literal text between wildcards and classes; the first is what stands before them all."""
    texts = [""]
    for token in flat:
        if isinstance(token, str) and not token.startswith(("[", "(")):
            texts[-1] += _character(token)
        else:
            texts.append("")
    return texts


def sorted_out(globs: Iterable[str]) -> tuple[list[Flat], list[Flat]]:
    """Return the globs for the last component, and those for the whole key."""
    names: list[Flat] = []
    paths: list[Flat] = []
    for glob in globs:
        if problem := check(glob):
            raise ValueError(problem)
        for flat in map(_with_directories, _Parser(glob).alternatives()):
            if "/" not in glob:
                names.append(flat)
            elif flat[:1] == (Wild.DIRECTORIES,) and not {"/", Wild.DOUBLE, Wild.DIRECTORIES} & set(flat[1:]):
                names.append(flat[1:])  # "**/*.mp4" is "*.mp4", which is quicker
            else:
                paths.append(flat)
    return names, paths


def suffix(flat: Flat) -> str:
    """Return "mp4" for "*.mp4", and "" for whatever is not as simple."""
    if flat[:2] != (Wild.STAR, r"\."):
        return ""
    rest = "".join(token if isinstance(token, str) else "*" for token in flat[2:])
    return rest.lower() if rest.isascii() and rest.isalnum() else ""


def _matcher(flats: Iterable[Flat]) -> Callable[[str], re.Match[str] | None] | None:
    expressions = list(dict.fromkeys(map(regex, flats)))
    return re.compile("|".join(expressions), FLAGS).fullmatch if expressions else None


def _with_directories(flat: Flat) -> Flat:
    """Join "**" with the "/" after it where it fills a component."""
    joined: list[_Token] = []
    for atom in flat:
        if atom == "/" and joined[-1:] == [Wild.DOUBLE] and joined[-2:-1] in ([], ["/"], [Wild.DIRECTORIES]):
            joined[-1] = Wild.DIRECTORIES
        else:
            joined.append(atom)
    return tuple(joined)


def regex(flat: Flat) -> str:
    """Return the regular expression for a glob without braces.

    What stands before a wildcard is settled at the first place where it fits: whatever a later place would leave to
    the wildcard after it, an earlier one leaves to it as well.  The atomic groups say so, and keep the time for a
    match from growing with a power of the number of wildcards.
    """
    segments, wilds = _split(flat, (Wild.DOUBLE, Wild.DIRECTORIES))
    parts = [_component(segments[0], final=not wilds)]
    for n, (wild, segment) in enumerate(zip(wilds, segments[1:], strict=True), start=1):
        double = wild is Wild.DOUBLE
        if n == len(wilds):
            parts.append((".*" if double else "(?:.*/)?") + _component(segment, final=True))
        else:
            parts.append(f"(?>{'.*?' if double else '(?:.*?/)??'}{_component(segment, final=False)})")
    return "".join(parts)


def _component(flat: Flat, *, final: bool) -> str:
    """Return the regular expression for what holds no wildcard but "*"; `final` if the key must end with it."""
    pieces, stars = _split(flat, (Wild.STAR,))
    first, *rest = ("".join(map(str, piece)) for piece in pieces)
    parts = [first, *(f"(?>[^/]*?{piece})" for piece in rest)]
    if final and stars:
        parts[-1] = f"[^/]*{rest[-1]}"
    return "".join(parts)


def _split(flat: Flat, at: tuple[Wild, ...]) -> tuple[list[Flat], list[_Token]]:
    """Return what stands between the wildcards named in `at`, and those wildcards."""
    cuts = [n for n, token in enumerate(flat) if token in at]
    bounds = zip([0, *(n + 1 for n in cuts)], [*cuts, len(flat)], strict=True)
    return [flat[start:end] for start, end in bounds], [flat[n] for n in cuts]


class _Parser:
    """Reads one glob; gives every glob without braces that it stands for."""

    def __init__(self, glob: str) -> None:
        self._glob = glob
        self._at = 0

    def alternatives(self) -> list[Flat]:
        """Return them.

        Raises:
            ValueError: the glob is malformed; the sentence goes on after its name.
        """
        return self._sequence(end="")

    def _sequence(self, *, end: str) -> list[Flat]:
        """Read up to one of the characters of `end`, and leave it unread."""
        flats: list[Flat] = [()]
        while self._at < len(self._glob) and self._glob[self._at] not in end:
            following = self._braces() if self._glob[self._at] == "{" else [(self._token(),)]
            if len(flats) * len(following) > MAX_ALTERNATIVES:
                raise ValueError(f"stands for more than {MAX_ALTERNATIVES} globs: use fewer braces")
            flats = [flat + more for flat in flats for more in following]
        return flats

    def _braces(self) -> list[Flat]:
        flats: list[Flat] = []
        while True:
            self._at += 1  # past "{" or ","
            flats += self._sequence(end=",}")
            if self._at == len(self._glob):
                raise ValueError(r'has a "{" without "}": close it, or write \{ for the character itself')
            if self._glob[self._at] == "}":
                self._at += 1
                return flats

    def _token(self) -> _Token:
        match self._glob[self._at]:
            case "*":
                start = self._at
                while self._glob[self._at : self._at + 1] == "*":
                    self._at += 1
                return Wild.STAR if self._at - start == 1 else Wild.DOUBLE
            case "?":
                self._at += 1
                return "[^/]"
            case "[":
                return self._class()
            case _:
                return self._literal()

    def _literal(self) -> str:
        """Read one character, behind a backslash or not."""
        if self._glob[self._at] == "\\":
            self._at += 1
            if self._at == len(self._glob):
                raise ValueError(r"ends in a backslash: write \\ for the character itself")
        self._at += 1
        return re.escape(self._glob[self._at - 1])

    def _class(self) -> str:
        """Read `[...]`."""
        self._at += 1
        negated = self._glob[self._at : self._at + 1] == "!"
        self._at += negated
        if self._glob[self._at : self._at + 1] == "^":
            raise ValueError(
                r"has a class that starts with ^: write [!...] for none of these, [\^...] for the character"
            )
        members: list[str] = []
        while not members or self._glob[self._at : self._at + 1] != "]":  # a "]" that comes first is a member
            members.append(self._member())
        self._at += 1
        return f"(?!/)[{'^' if negated else ''}{''.join(members)}]"

    def _member(self) -> str:
        """Read one character of a class, or a range."""
        low = self._class_character()
        ahead = self._glob[self._at : self._at + 2]
        if not ahead.startswith("-") or ahead in ("-", "-]"):
            return low
        self._at += 1
        high = self._class_character()
        if _character(high) < _character(low):
            raise ValueError(f"has the range {_character(low)}-{_character(high)}: write the lower character first")
        return f"{low}-{high}"

    def _class_character(self) -> str:
        if self._at == len(self._glob):
            raise ValueError(r'has a "[" without "]": close it, or write \[ for the character itself')
        character = self._literal()
        if character == "/":
            raise ValueError('has a "/" in a class: a class never matches it, write it outside')
        return character


def _character(escaped: str) -> str:
    return escaped[-1]

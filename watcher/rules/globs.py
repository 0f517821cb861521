"""Globs over the key below a watch's prefix.

Our own translation, since a key is only text. `fnmatch` knows no "**" or braces. `wcmatch` matches
files: it treats ".", ".." and empty components specially, and "**" must fill a component. `bracex`
expands another language: `{a}` stays as it is, `{1..3}` counts, an open brace is a character, and
the braces in `[{,}]` are expanded.

- "*" and "?" stop at "/", "**" does not;
- "**/" at the start of a component also stands for no directory at all;
- `[abc]`, `[!abc]`, `[a-z]` match one character that is not "/";
- `{a,b}` is either; a backslash makes the next character literal;
- letter case never counts; a newline is a character like any other;
- a glob without "/" is matched with the last component, one with "/" with the whole key below the
  prefix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from watcher.rules.glob_parser import Flat, Token, Wild, character, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FLAGS = re.IGNORECASE | re.DOTALL


def check(glob: str) -> str | None:
    """Return a sentence on what is wrong with `glob`, and the cure; or None."""
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
        return (
            f'ends in "/" and so matches only folder markers: write {glob}** for everything below'
        )
    try:
        parse(glob)
    except ValueError as error:
        return str(error)
    return None


def compile_globs(globs: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that decides whether a key below the prefix matches any of `globs`.

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
    components: tuple[tuple[str, bool], ...]  # the text each begins with; whether that is all
    longest_text: str  # in lower case; only keys with it can match


@lru_cache(maxsize=1024)  # each scan needs them again
def alternatives(glob: str) -> tuple[Alternative, ...]:
    """Return all globs without braces that `glob` stands for.

    Raises:
        ValueError: `check` objects to it.
    """
    names, paths = sorted_out([glob])
    return tuple(
        _alternative(flat, on_path=n >= len(names)) for n, flat in enumerate((*names, *paths))
    )


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
    """Return the literal texts between wildcards and classes; the first stands before them all."""
    texts = [""]
    for token in flat:
        if isinstance(token, str) and not token.startswith(("[", "(")):
            texts[-1] += character(token)
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
        for flat in map(_with_directories, parse(glob)):
            if "/" not in glob:
                names.append(flat)
            elif flat[:1] == (Wild.DIRECTORIES,) and not {"/", Wild.DOUBLE, Wild.DIRECTORIES} & set(
                flat[1:]
            ):
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
    joined: list[Token] = []
    for atom in flat:
        if (
            atom == "/"
            and joined[-1:] == [Wild.DOUBLE]
            and joined[-2:-1] in ([], ["/"], [Wild.DIRECTORIES])
        ):
            joined[-1] = Wild.DIRECTORIES
        else:
            joined.append(atom)
    return tuple(joined)


def regex(flat: Flat) -> str:
    """Return the regular expression for a glob without braces.

    The text before a wildcard is matched at the first place where it fits. A later place could not
    match more, since the wildcard takes the difference. The atomic groups forbid later tries, so
    the time does not grow with a power of the number of wildcards.
    """
    segments, wilds = _split(flat, (Wild.DOUBLE, Wild.DIRECTORIES))
    parts = [_component(segments[0], final=not wilds)]
    for n, (wild, segment) in enumerate(zip(wilds, segments[1:], strict=True), start=1):
        double = wild is Wild.DOUBLE
        if n == len(wilds):
            parts.append((".*" if double else "(?:.*/)?") + _component(segment, final=True))
        else:
            parts.append(
                f"(?>{'.*?' if double else '(?:.*?/)??'}{_component(segment, final=False)})"
            )
    return "".join(parts)


def _component(flat: Flat, *, final: bool) -> str:
    """Return the regular expression for a part whose only wildcard is "*".

    `final`: the key must end with it.
    """
    pieces, stars = _split(flat, (Wild.STAR,))
    first, *rest = ("".join(map(str, piece)) for piece in pieces)
    parts = [first, *(f"(?>[^/]*?{piece})" for piece in rest)]
    if final and stars:
        parts[-1] = f"[^/]*{rest[-1]}"
    return "".join(parts)


def _split(flat: Flat, at: tuple[Wild, ...]) -> tuple[list[Flat], list[Token]]:
    """Return the parts between the wildcards of `at`, and these wildcards."""
    cuts = [n for n, token in enumerate(flat) if token in at]
    bounds = zip([0, *(n + 1 for n in cuts)], [*cuts, len(flat)], strict=True)
    return [flat[start:end] for start, end in bounds], [flat[n] for n in cuts]

"""Notes on a watch that finds nothing, or a pattern that matches nothing, with likely causes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from watcher.model import Excluded
from watcher.rules.globs import check as check_glob
from watcher.rules.page_globs import PageGlobs
from watcher.rules.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from watcher.rules.columns import PageKeys
    from watcher.rules.filters import Filters
    from watcher.rules.selection import Rules

_MOST_NOTED: Final = 3  # patterns of a watch; one mistake is often made in all of them
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_REGEX: Final = re.compile(r"^\^|\$$|\\[.dws]|^\.[*+]|\.\+|\)\?|\|")
_WILDCARD: Final = re.compile(r"[*?\[{]")
_NO_CAUSE: Final = "Check how it is spelled."

_CAUSES: Final[dict[str, str]] = {
    Excluded.EXTENSION: (
        "Without `include` only audio and video extensions count. List your own patterns there."
    ),
    Excluded.AMBIGUOUS_EXTENSION: "If these are media, list their patterns in `include`.",
    Excluded.INCLUDE: "Check the patterns of `include`.",
    Excluded.EXCLUDE: "The patterns of `exclude` match them all. Narrow them.",
    Excluded.TOO_SMALL: "Check `min_size`.",
    Excluded.TOO_LARGE: "Check `max_size`.",
    Excluded.TOO_YOUNG: "A later scan takes them once they are old enough.",
    Excluded.BEFORE_START: "They are older than `start`. The command `backfill` registers them.",
    Excluded.OTHER_WATCH: (
        "An earlier watch of the file takes them all. Remove one of the two, or change their order."
    ),
    Excluded.EMPTY: "They have no content. Check the uploads.",
    Excluded.SYMLINK: "Only the objects that symbolic links point to are registered.",
    Excluded.ARCHIVED: "Restore them, or change their storage class.",
    Excluded.KEY_NOT_UTF8: "Rename them: no URL can name such a key.",
    Excluded.JUNK: "If these are media, list the junk's own name in `include`.",
}


class PatternUse:
    """Notes which patterns of a watch match a key of a scan."""

    def __init__(self, rules: Rules, filters: Filters | None) -> None:
        self._rules = rules
        self._unused = [*_patterns(rules.include, "include"), *_patterns(rules.exclude, "exclude")]
        if filters:
            self._unused += [
                *_patterns(filters.include, "--include"),
                *_patterns(filters.exclude, "--exclude"),
            ]
        self._lists_all = filters is None or filters.lists_all
        self._looked_at = 0
        # Whether a slash follows the prefix, in the first and last keys of pages.
        self._is_folder: set[bool] = set()

    def see(self, page: PageKeys, *, not_utf8: int = 0) -> None:
        """Look at a page.  This costs nothing once all patterns have matched."""
        self._looked_at += len(page) + not_utf8
        if not page.keys:
            return
        self._is_folder |= {
            key.startswith("/", page.skipped) for key in (page.keys[0], page.keys[-1])
        }
        if self._unused:
            self._unused = [each for each in self._unused if not each.globs.places(page)]

    def notes(
        self, *, watch: str, listed: int, matched: int, excluded: Mapping[str, int]
    ) -> list[str]:
        """Return the notes on a complete scan: a sentence and its likely cause each."""
        prefix, source = self._rules.prefix, f"oss://{self._rules.bucket}/{self._rules.prefix}"
        if not listed:
            cause = source_cause(self._rules.bucket, prefix) if self._lists_all else ""
            return [f'Watch "{watch}" finds no object below {source}. {cause}'] if cause else []
        found: list[str] = []
        if not matched and set(excluded) != {Excluded.DIRECTORY}:
            found.append(
                f'Watch "{watch}" selects none of the {listed} objects below {source}. '
                f"{self._cause(excluded)}"
            )
        if self._lists_all and self._looked_at == listed:
            found += self._unused_notes(watch)
        if prefix and not prefix.endswith("/") and len(self._is_folder) > 1:
            found.append(
                f'Watch "{watch}" takes more than that folder: {source} has no "/" at its end.'
            )
        return found

    def _cause(self, excluded: Mapping[str, int]) -> str:
        others = [each for each in excluded if each != Excluded.DIRECTORY]
        reason = max(others, key=lambda each: excluded[each], default="")
        if reason == Excluded.INCLUDE:
            causes = (pattern_cause(glob, self._rules.prefix) for glob in self._rules.include)
            return next(
                (cause for cause in causes if cause != _NO_CAUSE), _CAUSES[Excluded.INCLUDE]
            )
        return _CAUSES.get(reason, _NO_CAUSE)

    def _unused_notes(self, watch: str) -> Iterator[str]:
        for each in self._unused[:_MOST_NOTED]:
            cause = pattern_cause(each.glob, self._rules.prefix)
            yield (
                f'The pattern "{each.glob}" of `{each.setting}` matches no key of watch "{watch}". '
                f"{cause}"
            )
        more = len(self._unused) - _MOST_NOTED
        if more > 0:
            yield f'{more} more patterns match no key of watch "{watch}".'


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One pattern of a watch or a command."""

    glob: str
    setting: str
    globs: PageGlobs


def _patterns(globs: Sequence[str], setting: str) -> list[_Pattern]:
    return [_Pattern(glob, setting, PageGlobs((glob,))) for glob in globs]


def ambiguous_note(watch: str, n: int) -> str:
    """Return the number of objects with an ambiguous extension, and the cure."""
    return (
        f'watch "{watch}" left out {counted(n, "object")} with the extension .ts, .dat, .gif or '
        ".swf, since HLS slices must not become media. "
        'If they are media, list the patterns in `include` (e.g. include = ["*.ts", "*.mp4"]); '
        'if not, put them in `exclude` (e.g. exclude = ["*.ts"]).'
    )


def source_cause(bucket: str, prefix: str) -> str:
    """Return why a prefix may list nothing, and the cure; "" if there is nothing odd about it."""
    if found := _WILDCARD.search(prefix):
        folder = prefix[: prefix.rfind("/", 0, found.start()) + 1]
        rest = prefix[len(folder) :]
        return (
            f'`source` is a plain prefix, no pattern. Write "oss://{bucket}/{folder}" and include '
            f'= ["{rest}"].'
        )
    for wrong, meant in (
        ("It holds percent escapes, and keys are not encoded.", unquote(prefix)),
        ("It has a blank beside a slash or at its end.", re.sub(r"\s*/\s*", "/", prefix.strip())),
        ("It has two slashes in a row.", re.sub("/{2,}", "/", prefix)),
        ('It has a backslash; folders are separated by "/".', prefix.replace("\\", "/")),
        ("It has quotes around it.", prefix.strip("\"'")),
        (
            'It has "." or ".." as a folder, which OSS does not resolve.',
            re.sub(r"(^|/)\.{1,2}/", r"\1", prefix),
        ),
        ("It holds characters that cannot be seen.", "".join(filter(str.isprintable, prefix))),
        (
            "It is spelled with separate accents, as macOS does.",
            unicodedata.normalize("NFC", prefix),
        ),
        ("It repeats the bucket's name.", prefix.removeprefix(f"{bucket}/")),
        (
            'It has no "/" at its end.',
            prefix if not prefix or prefix.endswith("/") else f"{prefix}/",
        ),
    ):
        if meant != prefix:
            return f'{wrong} Is "oss://{bucket}/{meant}" meant?'
    return ""


def pattern_cause(glob: str, prefix: str) -> str:
    """Return why a pattern may match nothing, and the cure."""
    return _text_cause(glob) or _prefix_cause(glob, prefix) or _shape_cause(glob)


def _text_cause(glob: str) -> str:
    if glob != glob.strip():
        return f'It has a blank at one end. Write "{glob.strip()}".'
    if _REGEX.search(glob):
        meant = glob.strip("^$").replace("\\.", ".").replace(".*", "*").replace(".+", "*")
        written = (
            f' Write "{meant}".' if check_glob(meant) is None and not _REGEX.search(meant) else ""
        )
        return f"It looks like a regular expression, and patterns are globs.{written}"
    if _ESCAPE.search(glob):
        return f'Keys are not percent-encoded. Write "{unquote(glob)}".'
    if unicodedata.normalize("NFC", glob) != glob:
        return "It is spelled with separate accents, as macOS does. Type it again."
    return ""


def _prefix_cause(glob: str, prefix: str) -> str:
    if glob.startswith("oss://"):
        return "It is matched with the key below the prefix. Leave out the bucket and the prefix."
    below = _below(glob, prefix)
    if not below:
        return ""
    return (
        f'It repeats the prefix of `source`, and is matched with the key below it. Write "{below}".'
    )


def _below(glob: str, prefix: str) -> str:
    """Return the rest of a pattern that begins with the prefix or its last folder; else ""."""
    folders = prefix.rpartition("/")[0]
    for start in (folders, folders.rpartition("/")[2]):
        if start and glob.startswith(f"{start}/") and glob != f"{start}/":
            return glob.removeprefix(f"{start}/")
    return ""


def _shape_cause(glob: str) -> str:
    if "\\" in glob:
        return 'A backslash makes the next character literal. Write "/" between folders.'
    if re.search("[,;]", glob) and "{" not in glob:
        parts = ", ".join(f'"{part.strip()}"' for part in re.split("[,;]", glob))
        return f"It is one pattern. Write a list of several: [{parts}]."
    if not _WILDCARD.search(glob) and "/" not in glob and (glob.startswith(".") or "." not in glob):
        return (
            f'Without a wildcard it matches that name alone. Write "*.{glob.removeprefix(".")}" '
            "for an extension."
        )
    if "/" in glob and "**" not in glob:
        return (
            'It is matched with the whole key below the prefix, and * stops at "/". Is '
            f'"**/{glob}" meant?'
        )
    return _NO_CAUSE

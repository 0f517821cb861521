"""The fields of an object for VOD: templates filled in, cleaned and cut to VOD's limits.

Sources: RegisterMedia reference (limits in bytes, no emoji); Unicode UTS #51 (what emoji are made
of).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from string import Formatter
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from watcher.model import Media
from watcher.rules.media_text import clean, fitted, title_of_last_resort, unicode_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

MAX_TITLE_BYTES: Final = 128
MAX_DESCRIPTION_BYTES: Final = 1024
MAX_TAGS: Final = 16
MAX_TAG_BYTES: Final = 32
MAX_COVER_URL_BYTES: Final = 1024
MAX_CATE_ID: Final = 2**63 - 1

FIELDS: Final = {
    "key": "the whole key",
    "name": "its last component",
    "stem": "the name without its extension",
    "ext": "the extension, without the dot",
    "dir": "everything before the name, without the last slash",
    "dirs": (
        "one component of it: {dirs[0]} is the first, {dirs[-1]} the last; empty if there is none"
    ),
    "bucket": "the bucket",
    "size": "the size in bytes",
    "modified": "LastModified in the configured time zone, e.g. {modified:%Y-%m-%d}",
}
"""The fields of a template, besides the named groups of `pattern`, with their meaning."""

_MODIFIED: Final = "%Y-%m-%d %H:%M:%S"
_FIELD = re.compile(r"(?P<name>[^\W\d]\w*)(?:\[(?P<index>-?\d{1,4})\])?")
_FORMAT = re.compile(r"(?:[^%\x00-\x1F]|%[aAbBcdfGHIjmMpSuUVwWxXyYzZ%])*")


def check_pattern(pattern: str) -> str | None:
    """Return a sentence on what is wrong with `pattern`, and the cure; or None."""
    try:
        groups = re.compile(pattern).groupindex
        if groups:
            unicode_pattern(pattern)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        return f'The pattern "{pattern}" is no regular expression: {error}.'
    clashing = sorted(FIELDS.keys() & groups.keys())
    return (
        f'The group "{clashing[0]}" of the pattern has the name of a field: name it otherwise.'
        if clashing
        else None
    )


def check_template(template: str, groups: frozenset[str] = frozenset()) -> str | None:
    """Return a sentence on what is wrong with `template`, and the cure; or None.

    Args:
        template: text with fields in braces.
        groups: the named groups of the watch's pattern.
    """
    try:
        _compiled(template, groups)
    except ValueError as error:
        return f'The template "{template}" {error}.'
    return None


def check_tags(tags: Sequence[str]) -> str | None:
    """Return a sentence if there are too many tags, or too long ones with any fields; or None."""
    if len(tags) > MAX_TAGS:
        return f"There are {len(tags)} tags and VOD takes {MAX_TAGS}: remove some."
    for tag in tags:
        if len(clean(_literal_text(tag)).encode()) > MAX_TAG_BYTES:
            return (
                f'The tag "{tag}" is longer than the {MAX_TAG_BYTES} bytes VOD takes: shorten it.'
            )
    return None


def _literal_text(template: str) -> str:
    try:
        return "".join(literal for literal, *_ in Formatter().parse(template))
    except ValueError:
        return ""  # malformed: `check_template` says so


@dataclass(frozen=True, slots=True)
class _Facts:
    """The values of the fields of one object's templates."""

    texts: dict[str, str]
    folders: list[str]
    modified: datetime

    def value(self, name: str, index: int | None, spec: str) -> str:
        """Return the text of one field."""
        if name == "modified":
            return self.modified.strftime(spec or _MODIFIED)
        if index is None:
            return self.texts[name]
        return self.folders[index] if -len(self.folders) <= index < len(self.folders) else ""


def _facts(
    key: str, *, bucket: str, size_bytes: int, modified: datetime, groups: dict[str, str]
) -> _Facts:
    folder, _, name = key.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    texts = {
        **groups,
        "key": key,
        "name": name,
        "stem": stem if dot else name,
        "ext": extension if dot else "",
        "dir": folder,
        "bucket": bucket,
        "size": str(size_bytes),
    }
    return _Facts(texts, folder.split("/") if folder else [], modified)


_Part = str | tuple[str, int | None, str]  # literal text, or a field's name, index and format
_Parts = tuple[_Part, ...]


def _compiled(template: str, groups: frozenset[str]) -> _Parts:
    """Return the template's parts.

    Raises:
        ValueError: it is malformed; the message continues a sentence on it.
    """
    try:
        parsed = list(Formatter().parse(template))
    except ValueError:
        raise ValueError(
            "has a brace too many or too few: write {{ or }} for the character itself"
        ) from None
    parts: list[_Part] = []
    for literal, name, spec, conversion in parsed:
        if literal:
            parts.append(literal)
        if name is not None:
            parts.append(_field(name, spec or "", conversion, groups))
    return tuple(parts)


def _field(
    text: str, spec: str, conversion: str | None, groups: frozenset[str]
) -> tuple[str, int | None, str]:
    found = _FIELD.fullmatch(text)
    known = [*(name for name in FIELDS if name != "dirs"), "dirs[0]", *sorted(groups)]
    if not found or found["name"] not in FIELDS.keys() | groups:
        raise ValueError(f"names {{{text}}}, which does not exist: use one of {', '.join(known)}")
    name = found["name"]
    if conversion:
        raise ValueError(f"has a conversion, !{conversion}: leave it out")
    if name == "dirs" and not found["index"]:
        raise ValueError(
            "names {dirs} without an index: write {dirs[0]} for the first, {dir} for all"
        )
    if name != "dirs" and found["index"]:
        raise ValueError(f"has an index on {{{name}}}: only {{dirs[0]}} takes one")
    if spec:
        _check_format(name, spec)
    return name, int(found["index"]) if found["index"] else None, spec


def _check_format(name: str, spec: str) -> None:
    if name != "modified":
        raise ValueError(f"has a format on {{{name}}}: only {{modified:%Y-%m-%d}} takes one")
    if "{" in spec:
        raise ValueError("has a field within a field: write the format itself")
    if not _FORMAT.fullmatch(spec):
        raise ValueError(
            "has a date format that strftime does not know: see the format codes of Python's "
            "datetime"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """How one watch describes its objects."""

    title: str = "{stem}"
    pattern: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    cate_id: int | str = 0
    cover_url: str = ""
    pattern_s: float = 1.0  # of the processor, for one key; then the pattern does not match
    _groups: frozenset[str] = field(init=False, repr=False, compare=False)
    _parts: dict[str, _Parts] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile everything.

        Raises:
            ValueError: `check_pattern` or `check_template` objects.
        """
        groups = frozenset(re.compile(self.pattern).groupindex)
        texts = (self.title, self.description, str(self.cate_id), self.cover_url, *self.tags)
        object.__setattr__(self, "_groups", groups)
        object.__setattr__(self, "_parts", {text: _compiled(text, groups) for text in texts})

    def describe(
        self,
        key: str,
        *,
        bucket: str,
        size_bytes: int,
        modified_at_ms: int,
        tz: tzinfo,
        file_url: str,
    ) -> Media:
        """Return the fields of one object for VOD."""
        facts = _facts(
            key,
            bucket=bucket,
            size_bytes=size_bytes,
            modified=datetime.fromtimestamp(modified_at_ms / 1000, tz),
            groups=self._found_groups(key),
        )
        cover_url = self._render(self.cover_url, facts, percent=True)
        return Media(
            bucket=bucket,
            key=key,
            file_url=file_url,
            title=fitted(self._render(self.title, facts), MAX_TITLE_BYTES)
            or title_of_last_resort(key, MAX_TITLE_BYTES),
            description=fitted(self._render(self.description, facts), MAX_DESCRIPTION_BYTES),
            tags=_tags([self._render(tag, facts) for tag in self.tags]),
            cate_id=_cate_id(self._render(str(self.cate_id), facts)),
            cover_url=cover_url if len(cover_url.encode()) <= MAX_COVER_URL_BYTES else "",
        )

    def _found_groups(self, key: str) -> dict[str, str]:
        """Return the text of each named group of the pattern; "" if it does not match.

        `re` has no time limit: a pattern such as `(a|aa)+$` would hold up all files for ever.
        """
        if not self._groups:
            return {}
        try:
            found = unicode_pattern(self.pattern).search(key, timeout=self.pattern_s)
        except TimeoutError:
            found = None
        return {name: (found and found[name]) or "" for name in self._groups}

    def _render(self, template: str, facts: _Facts, *, percent: bool = False) -> str:
        rendered: list[str] = []
        for part in self._parts[template]:
            if isinstance(part, str):
                rendered.append(part)
            else:
                value = facts.value(*part)
                rendered.append(quote(value) if percent else value)
        return "".join(rendered)


def _tags(rendered: Sequence[str]) -> tuple[str, ...]:
    tags = (fitted(text.replace(",", " "), MAX_TAG_BYTES) for text in rendered)
    return tuple([tag for tag in dict.fromkeys(tags) if tag][:MAX_TAGS])


def _cate_id(rendered: str) -> int:
    digits = rendered.strip()
    return int(digits) if re.fullmatch(r"[0-9]{1,19}", digits) and int(digits) <= MAX_CATE_ID else 0

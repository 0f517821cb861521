"""Which listed objects a watch takes, and why it leaves the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from watcher.model import Excluded, ObjectInfo, ObjectType
from watcher.rules.columns import LeftOut, add_sizes, complement, extension_of
from watcher.rules.globs import compile_globs
from watcher.rules.junk import Junk
from watcher.rules.page_globs import PageGlobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.model import Objects, Start
    from watcher.rules.columns import PageKeys

VIDEO_EXTENSIONS: Final = frozenset((
    "3gp", "asf", "avi", "dat", "dv", "f4v", "flv", "gif", "m2t", "m3u8", "m4v", "mj2", "mjpeg",
    "mkv", "mov", "mp4", "mpe", "mpeg", "mpg", "mts", "ogg", "qt", "rm", "rmvb", "swf", "ts", "vob",
    "webm", "wmv",
))  # fmt: skip
AUDIO_EXTENSIONS: Final = frozenset((
    "aac", "ac3", "acm", "amr", "ape", "caf", "flac", "m4a", "mp3", "ra", "wav", "wma",
))  # fmt: skip
"""Of the media that VOD takes.  Source: ApsaraVideo VOD, upload overview, "Supported media formats"
(doc id 55396)."""

AMBIGUOUS_EXTENSIONS: Final = frozenset(("ts", "dat", "gif", "swf"))
"""VOD takes these too, but most are HLS slices: only `include` takes them."""

DEFAULT_EXTENSIONS: Final = (VIDEO_EXTENSIONS | AUDIO_EXTENSIONS) - AMBIGUOUS_EXTENSIONS
"""The extensions that an empty `include` takes."""

ARCHIVE_CLASSES: Final = frozenset(("Archive", "ColdArchive", "DeepColdArchive"))
"""Storage classes that must be restored before reading.  Source: OSS, InvalidObjectState."""

PLAYLIST_EXTENSION: Final = "m3u8"

_MEDIA_EXTENSIONS: Final = VIDEO_EXTENSIONS | AUDIO_EXTENSIONS

GROWING_QUIET_MS: Final = 600_000
"""Quiet time of appendable objects and playlists, since live ones are rewritten all the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one watch."""

    bucket: str
    prefix: str = ""
    include: tuple[str, ...] = ()  # globs; empty = `DEFAULT_EXTENSIONS`
    exclude: tuple[str, ...] = ()
    min_size_bytes: int = 1
    max_size_bytes: int | None = None
    min_age_ms: int = 0
    _included: Callable[[str], bool] | None = field(init=False, repr=False, compare=False)
    _excluded: Callable[[str], bool] | None = field(init=False, repr=False, compare=False)
    _includes: PageGlobs = field(init=False, repr=False, compare=False)  # the same for whole pages
    _excludes: PageGlobs = field(init=False, repr=False, compare=False)
    _junk: Junk = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the globs.

        Raises:
            ValueError: one of them is malformed.
        """
        object.__setattr__(self, "_included", compile_globs(self.include) if self.include else None)
        object.__setattr__(self, "_excluded", compile_globs(self.exclude) if self.exclude else None)
        object.__setattr__(self, "_includes", PageGlobs(self.include))
        object.__setattr__(self, "_excludes", PageGlobs(self.exclude))
        object.__setattr__(self, "_junk", Junk(self.prefix, self.include))

    def covers(self, key: str) -> bool:
        """Whether `key` is below the prefix, selected or not."""
        return key.startswith(self.prefix)

    def select(self, listed: ObjectInfo, *, now_ms: int, start_ms: int | None) -> Excluded | None:
        """Return why an object below the prefix is left out, or None if it is selected.

        Args:
            listed: the object.
            now_ms: OSS's clock, as in the answer.
            start_ms: objects count from this instant on, inclusive; None = all count.
        """
        reason = self._lasting(listed)
        if reason is not None:
            return reason
        if start_ms is not None and listed.modified_at < start_ms:
            return Excluded.BEFORE_START
        age_ms = max(0, now_ms - listed.modified_at)
        if age_ms < self.min_age_ms or (age_ms < GROWING_QUIET_MS and _may_grow(listed)):
            return Excluded.TOO_YOUNG
        return None

    def leave_out(self, page: PageKeys, *, now_ms: int, start: Start) -> LeftOut:
        """Return which objects of a page are left out, and why.

        `select` decides the same for each; here it is done rule by rule.

        Args:
            page: their keys, all below the prefix.
            now_ms: OSS's clock, as in the answer.
            start: from when on objects count.
        """
        found = LeftOut()
        if page.keys:
            self._leave_out_names(page, found)
            self._leave_out_facts(page.objects, found)
            self._leave_out_ages(page, found, now_ms=now_ms, start=start)
        return found

    def _leave_out_names(self, page: PageKeys, found: LeftOut) -> None:
        found.add(Excluded.DIRECTORY, page.folders)
        found.add(Excluded.JUNK, self._junk.places(page))
        if self._included is None:
            found.add(Excluded.EXTENSION, page.with_extension(_is_no_medium))
        else:
            found.add(Excluded.INCLUDE, complement(self._includes.places(page), len(page)))
        if self._excluded is not None:
            found.add(Excluded.EXCLUDE, self._excludes.places(page, found.reasons))
        if self._included is None:
            found.add(Excluded.AMBIGUOUS_EXTENSION, page.with_extension(_is_ambiguous))

    def _leave_out_facts(self, objects: Objects, found: LeftOut) -> None:
        if ObjectType.SYMLINK in objects.kinds:
            symlink = ObjectType.SYMLINK
            found.add(
                Excluded.SYMLINK,
                [place for place, each in enumerate(objects.types) if each is symlink],
            )
        if not objects.none_is_empty:
            found.add(
                Excluded.EMPTY,
                [place for place, size in enumerate(objects.sizes_bytes) if not size],
            )
        if objects.classes & ARCHIVE_CLASSES:
            facts = enumerate(zip(objects.storage_classes, objects.restored, strict=True))
            archived = [
                n for n, (name, restored) in facts if name in ARCHIVE_CLASSES and not restored
            ]
            found.add(Excluded.ARCHIVED, archived)
        add_sizes(
            found,
            objects,
            self.min_size_bytes if self.min_size_bytes > 1 else 0,
            self.max_size_bytes,
        )

    def _leave_out_ages(self, page: PageKeys, found: LeftOut, *, now_ms: int, start: Start) -> None:
        objects, keys = page.objects, page.keys
        modified_at = objects.modified_at
        if start.at is not None:
            at, below = start.at, start.below
            early = [place for place, instant in enumerate(modified_at) if instant < at]
            if below:
                of = start.of
                early = [n for n in early if modified_at[n] < (of(keys[n]) or 0)]
            found.add(Excluded.BEFORE_START, early)
        if self.min_age_ms > 0:
            since = now_ms - self.min_age_ms
            found.add(
                Excluded.TOO_YOUNG,
                [place for place, instant in enumerate(modified_at) if instant > since],
            )
        growing = page.with_extension(_is_playlist)
        if ObjectType.APPENDABLE in objects.kinds:
            appendable = ObjectType.APPENDABLE
            growing += [place for place, each in enumerate(objects.types) if each is appendable]
        if growing:
            since = now_ms - GROWING_QUIET_MS
            found.add(
                Excluded.TOO_YOUNG, {place for place in growing if modified_at[place] > since}
            )

    def owns(self, listed: ObjectInfo) -> bool:
        """Whether the watch selects the object, now or when it is old enough.

        This is `select` without start and ages.
        """
        return self.covers(listed.key) and self._lasting(listed) is None

    def owns_entry(self, key: str, size_bytes: int) -> bool:
        """Return the same for an entry: it was neither a symlink nor archived when recorded."""
        return self.owns(ObjectInfo(key, "", size_bytes, 0))

    def _lasting(self, listed: ObjectInfo) -> Excluded | None:
        """Return the first reason that does not pass with time."""
        reason = self._by_name(listed.key)
        if reason is not None:
            return reason
        if listed.type is ObjectType.SYMLINK:
            return Excluded.SYMLINK
        if listed.size_bytes == 0:
            return Excluded.EMPTY
        if listed.storage_class in ARCHIVE_CLASSES and not listed.restored:
            return Excluded.ARCHIVED
        return self._by_size(listed.size_bytes)

    def _by_size(self, size_bytes: int) -> Excluded | None:
        if size_bytes < self.min_size_bytes:
            return Excluded.TOO_SMALL
        if self.max_size_bytes is not None and size_bytes > self.max_size_bytes:
            return Excluded.TOO_LARGE
        return None

    def _by_name(self, key: str) -> Excluded | None:
        if key.endswith("/"):
            return Excluded.DIRECTORY
        if self._junk(key):
            return Excluded.JUNK
        below = key[len(self.prefix) :]
        unwanted = self._unwanted_extension(key) if self._included is None else None
        if unwanted is Excluded.EXTENSION:
            return unwanted
        if self._included is not None and not self._included(below):
            return Excluded.INCLUDE
        if self._excluded is not None and self._excluded(below):
            return Excluded.EXCLUDE  # before AMBIGUOUS_EXTENSION: *.ts in `exclude` settles that
        return unwanted

    def _unwanted_extension(self, key: str) -> Excluded | None:
        extension = extension_of(key)
        if extension in DEFAULT_EXTENSIONS:
            return None
        return (
            Excluded.AMBIGUOUS_EXTENSION
            if extension in AMBIGUOUS_EXTENSIONS
            else Excluded.EXTENSION
        )


def _is_no_medium(extension: str) -> bool:
    return extension not in _MEDIA_EXTENSIONS


def _is_ambiguous(extension: str) -> bool:
    return extension in AMBIGUOUS_EXTENSIONS


def _is_playlist(extension: str) -> bool:
    return extension == PLAYLIST_EXTENSION


def _may_grow(listed: ObjectInfo) -> bool:
    return listed.type is ObjectType.APPENDABLE or extension_of(listed.key) == PLAYLIST_EXTENSION

"""Which listed objects a watch takes, and why it leaves the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import methodcaller
from typing import TYPE_CHECKING, Final

from watcher.model import Excluded, ObjectInfo, ObjectType
from watcher.rules.globs import compile_globs
from watcher.rules.junk import Junk

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.model import Objects

VIDEO_EXTENSIONS: Final = frozenset(
    {
        *("mp4", "ts", "3gp", "mpg", "mpeg", "mpe", "dat", "vob", "asf", "avi", "wmv", "flv", "f4v"),
        *("rm", "rmvb", "mov", "mkv", "m3u8", "dv", "gif", "m2t", "m4v", "mj2", "mjpeg", "mts", "ogg"),
        *("qt", "swf", "webm"),
    }
)
AUDIO_EXTENSIONS: Final = frozenset(
    ("mp3", "wma", "wav", "aac", "ra", "m4a", "flac", "ape", "ac3", "amr", "caf", "acm")
)
"""What VOD takes.  Source: ApsaraVideo VOD, "Supported media formats" of the upload overview (doc id 55396)."""

AMBIGUOUS_EXTENSIONS: Final = frozenset(("ts", "dat", "gif", "swf"))
"""VOD takes these too, but mostly they are HLS slices and no media of their own: they must be asked for."""

DEFAULT_EXTENSIONS: Final = (VIDEO_EXTENSIONS | AUDIO_EXTENSIONS) - AMBIGUOUS_EXTENSIONS
"""What an empty `include` stands for."""

ARCHIVE_CLASSES: Final = frozenset(("Archive", "ColdArchive", "DeepColdArchive"))
"""Storage classes that cannot be read before they are restored.  Source: OSS GetObject, InvalidObjectState."""

PLAYLIST_EXTENSION: Final = "m3u8"

_DEFAULT_SUFFIXES: Final = frozenset(f".{extension}" for extension in DEFAULT_EXTENSIONS)
_ORDINARY: Final = frozenset((ObjectType.NORMAL, ObjectType.MULTIPART))
_IS_FOLDER: Final = methodcaller("endswith", "/")

GROWING_QUIET_MS: Final = 600_000
"""How long an appendable object or a playlist must have been left alone: live ones are rewritten all the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What one watch selects."""

    bucket: str
    prefix: str = ""
    include: tuple[str, ...] = ()  # globs; empty = `DEFAULT_EXTENSIONS`
    exclude: tuple[str, ...] = ()
    min_size_bytes: int = 1
    max_size_bytes: int | None = None
    min_age_ms: int = 0
    _included: Callable[[str], bool] | None = field(init=False, repr=False, compare=False)
    _excluded: Callable[[str], bool] | None = field(init=False, repr=False, compare=False)
    _junk: Junk = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the globs.

        Raises:
            ValueError: one of them is malformed.
        """
        object.__setattr__(self, "_included", compile_globs(self.include) if self.include else None)
        object.__setattr__(self, "_excluded", compile_globs(self.exclude) if self.exclude else None)
        object.__setattr__(self, "_junk", Junk(self.prefix, self.include))

    def covers(self, key: str) -> bool:
        """Tell whether `key` is below the prefix, selected or not."""
        return key.startswith(self.prefix)

    def select(self, listed: ObjectInfo, *, now_ms: int, start_ms: int | None) -> Excluded | None:
        """Return why an object below the prefix is left out, or None if it is selected.

        Args:
            listed: the object.
            now_ms: OSS's clock, as the listing told it.
            start_ms: older objects do not count, one of that very instant does; None = all count.
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

    def takes_all(self, objects: Objects, *, now_ms: int, start_ms: int | None) -> bool:
        """Tell whether all objects are selected, field by field; False: that takes a look at each."""
        if not objects.kinds <= _ORDINARY or objects.classes & ARCHIVE_CLASSES:
            return False
        if not objects.none_is_empty or not self._takes_all_sizes(objects):
            return False
        youngest_ms = now_ms - objects.newest
        if youngest_ms < self.min_age_ms or (start_ms is not None and min(objects.modified_at) < start_ms):
            return False
        return self._takes_all_names(objects, growing=youngest_ms < GROWING_QUIET_MS)

    def _takes_all_sizes(self, objects: Objects) -> bool:
        if self.min_size_bytes > 1 and min(objects.sizes_bytes) < self.min_size_bytes:
            return False
        return self.max_size_bytes is None or max(objects.sizes_bytes) <= self.max_size_bytes

    def _takes_all_names(self, objects: Objects, *, growing: bool) -> bool:
        keys, suffixes = objects.keys, _suffixes(objects)
        if growing and f".{PLAYLIST_EXTENSION}" in suffixes:
            return False
        if self._included is None and not suffixes <= _DEFAULT_SUFFIXES:
            return False
        if self._junk.any_of(keys, objects.lines("key")):
            return False
        if self._included is None and self._excluded is None:
            return True
        below = [key[len(self.prefix) :] for key in keys]
        if any(map(_IS_FOLDER, keys)) or (self._included is not None and not all(map(self._included, below))):
            return False
        return self._excluded is None or not any(map(self._excluded, below))

    def owns(self, listed: ObjectInfo) -> bool:
        """Tell whether the watch selects the object, now or when it is old enough: `select` without start and ages."""
        return self.covers(listed.key) and self._lasting(listed) is None

    def owns_entry(self, key: str, size_bytes: int) -> bool:
        """Tell the same of an entry, which was neither a symlink nor archived when it was recorded."""
        return self.owns(ObjectInfo(key, "", size_bytes, 0))

    def _lasting(self, listed: ObjectInfo) -> Excluded | None:
        """Return the first reason that waiting does not lift."""
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
            return Excluded.EXCLUDE  # before AMBIGUOUS_EXTENSION: who excludes *.ts has answered the question
        return unwanted

    def _unwanted_extension(self, key: str) -> Excluded | None:
        extension = extension_of(key)
        if extension in DEFAULT_EXTENSIONS:
            return None
        return Excluded.AMBIGUOUS_EXTENSION if extension in AMBIGUOUS_EXTENSIONS else Excluded.EXTENSION


def _suffixes(objects: Objects) -> set[str]:
    """Return what the keys end in from their last dot on, in lower case; what is no extension may be among it."""
    keys, lines = objects.keys, objects.lines("key")
    last = keys[-1][keys[-1].rfind(".") :]
    if lines and len(last) > 1 and f"{lines}\n".count(f"{last}\n") == len(keys):  # the quick way: they all end alike
        return {last.lower()}
    return {key[key.rfind(".") :].lower() for key in keys}


def extension_of(key: str) -> str:
    """Return what follows the last dot of the last path component, in lower case; "" if there is none."""
    _, dot, extension = key.rpartition(".")
    return "" if not dot or "/" in extension else extension.lower()


def _may_grow(listed: ObjectInfo) -> bool:
    return listed.type is ObjectType.APPENDABLE or extension_of(listed.key) == PLAYLIST_EXTENSION

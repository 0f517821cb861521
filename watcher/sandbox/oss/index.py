"""The keys of one bucket in byte order, and the pages of its listings."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from watcher.model import MAX_KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox.oss.restore import Restore

_LAST_BYTE: Final = 0xFF
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFacts:
    """The facts of an object that do not follow from its body."""

    type: str = "Normal"  # Normal | Multipart | Appendable | Symlink
    storage_class: str = "Standard"
    restore: Restore | None = None  # the last one; None = never
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)  # those of the upload
    symlink_target: str = ""  # percent-encoded, as it was sent


PLAIN: Final = ObjectFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject(ObjectFacts):
    """All that is known of one object, without its body."""

    key: bytes
    etag: str  # upper case, without quotes
    crc64: int
    size_bytes: int
    modified_at: int  # milliseconds since the epoch, whole seconds
    shared_body: bytes = b""  # the key of a body that many objects share; b"" = a body of its own

    def restore_shown(self, now_ms: int) -> str:
        """Return the state of the last restore as OSS writes it; "" = no copy."""
        return "" if self.restore is None else self.restore.shown(now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which keys a page shows, and how many objects and common prefixes at most."""

    limit: int
    prefix: bytes = b""
    delimiter: bytes = b""  # b"" = no common prefixes
    after: bytes = b""  # only keys after this one; b"" = all
    from_key: bytes = b""  # only this key and those after it; b"" = all
    begun_prefixes: bool = True  # shows a common prefix that holds keys on both sides of `after`

    @property
    def first(self) -> bytes:
        """The smallest key that the page may show."""
        return max(self.from_key, self.after + b"\0" if self.after else b"")

    def leaves_out(self, common: bytes) -> bool:
        """Return whether `after` has passed a common prefix, though keys below it follow."""
        if common == self.after:
            return True
        return self.after.startswith(common) and not self.begun_prefixes


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page: objects, common prefixes, and the first key of the next page (b"" = none)."""

    objects: tuple[StoredObject, ...]
    prefixes: tuple[bytes, ...]
    next_key: bytes

    @property
    def last_shown(self) -> bytes:
        """The last key or common prefix of the page."""
        return max((*(found.key for found in self.objects[-1:]), *self.prefixes[-1:]))


class KeyIndex:
    """Objects by key, sorted on reads and not on writes."""

    def __init__(self) -> None:
        self._objects: dict[bytes, StoredObject] = {}
        self._order: list[bytes] = []
        self._sorted = True

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self._objects)

    def get(self, key: bytes) -> StoredObject | None:
        """Return the object, or None."""
        return self._objects.get(key)

    def put(self, found: StoredObject) -> None:
        """Add or replace an object."""
        if found.key not in self._objects:
            self._sorted = self._sorted and (not self._order or self._order[-1] < found.key)
            self._order.append(found.key)
        self._objects[found.key] = found

    def drop(self, key: bytes) -> None:
        """Remove an object, if it exists."""
        if self._objects.pop(key, None) is not None:
            order = self._in_order()
            del order[bisect_left(order, key)]

    def keys(self) -> tuple[bytes, ...]:
        """Return all keys in byte order."""
        return tuple(self._in_order())

    def page(self, wanted: Wanted) -> Listing:
        """Return one page: objects and common prefixes in byte order."""
        order, prefix, delimiter = self._in_order(), wanted.prefix, wanted.delimiter
        at = bisect_left(order, max(wanted.first, prefix))
        objects: list[StoredObject] = []
        prefixes: list[bytes] = []
        while at < len(order) and order[at].startswith(prefix):
            key = order[at]
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            common = b"" if cut < 0 else key[: cut + len(delimiter)]
            if common and wanted.leaves_out(common):
                at = bisect_left(order, _after_all_below(common), lo=at)
                continue
            if len(objects) + len(prefixes) == wanted.limit:
                return Listing(objects=tuple(objects), prefixes=tuple(prefixes), next_key=key)
            if common:
                prefixes.append(common)
                at = bisect_left(order, _after_all_below(common), lo=at)
            else:
                objects.append(self._objects[key])
                at += 1
        return Listing(objects=tuple(objects), prefixes=tuple(prefixes), next_key=b"")

    def _in_order(self) -> list[bytes]:
        if not self._sorted:
            self._order.sort()
            self._sorted = True
        return self._order


def _after_all_below(prefix: bytes) -> bytes:
    """Return the smallest text that sorts behind every key that begins with `prefix`."""
    stem = prefix.rstrip(bytes([_LAST_BYTE]))
    if not stem:
        return bytes([_LAST_BYTE]) * (MAX_KEY_BYTES + 1)
    return stem[:-1] + bytes([stem[-1] + 1])

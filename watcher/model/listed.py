"""The objects of a listing: one by one, as columns, and in pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import compress
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator


T = TypeVar("T")

MAX_KEY_BYTES: Final = 1023
"""Of a key in UTF-8, and of `start-after`.  Source: OSS object naming, ListObjectsV2."""


class ObjectType(StrEnum):
    """`Type` of a listed object, as OSS names it; an unknown type counts as NORMAL."""

    NORMAL = "Normal"
    MULTIPART = "Multipart"
    APPENDABLE = "Appendable"
    SYMLINK = "Symlink"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object as its bucket listed it.

    Fields are positional and few: a page makes a thousand of them.
    """

    key: str  # exact; valid UTF-8
    etag: str  # without quotes; compare it, never parse it
    size_bytes: int
    modified_at: int  # milliseconds since the epoch, OSS's clock
    type: ObjectType = ObjectType.NORMAL
    storage_class: str = "Standard"
    restored: bool = False  # of an archive class, and readable for now
    restoring: bool = False  # of an archive class, and being restored


_FIELDS = tuple(field.name for field in fields(ObjectInfo))


class Objects(Sequence[ObjectInfo]):
    """The objects of one page in listing order, field by field.

    Each field is a column as long as the page. It is read when it is first used.
    """

    def __init__(
        self,
        n: int,
        column: Callable[[str], list[Any]],
        lines: Callable[[str], str | None] = lambda _: None,
        distinct: Callable[[str], frozenset[Any] | None] = lambda _: None,
    ) -> None:
        self._n = n
        self._read = column  # from the name of a field of `ObjectInfo` to its values
        self._lines = lines  # ... to the same as text, one a line, where that costs less
        self._distinct = distinct  # ... to each value once, where that costs less
        self._columns: dict[str, list[Any]] = {}
        self._texts: dict[str, str | None] = {}
        self._folded: bytes | None = None
        self._is_folded = False

    @classmethod
    def of(cls, objects: Iterable[ObjectInfo] = ()) -> Objects:
        """Return these objects as columns."""
        rows = tuple(objects)
        return cls(len(rows), lambda name: [getattr(row, name) for row in rows])

    def _column(self, name: str) -> list[Any]:
        if name not in self._columns:
            self._columns[name] = self._read(name)
        return self._columns[name]

    def lines(self, name: str) -> str | None:
        """Return a column as text, one value a line; None if a value holds a line end.

        Numbers are spelled as in the listing, perhaps with leading zeros.
        """
        if name not in self._texts:
            text = self._lines(name)
            self._texts[name] = _one_a_line(self._column(name)) if text is None else text
        return self._texts[name]

    @property
    def folded(self) -> bytes | None:
        """The keys as UTF-8, ASCII letters in lower case, one a line.

        None if a key holds a line end.
        """
        if not self._is_folded:
            lines = self.lines("key")
            self._folded = None if lines is None else lines.encode().lower()
            self._is_folded = True
        return self._folded

    def without(self, places: Collection[int]) -> Objects:
        """Return the objects except those at some places, each named once; reads no column."""
        if not places:
            return self
        kept = bytearray(b"\1") * self._n
        for place in places:
            kept[place] = 0
        return self.where(kept)

    def where(self, kept: bytes | bytearray | Sequence[bool]) -> Objects:
        """Return the objects at the places where `kept` is true."""

        def lines(name: str) -> str | None:
            # Other columns are texts, which are as quick to join.
            text = self.lines(name) if name == "size_bytes" else None
            return None if text is None else "\n".join(compress(text.split("\n"), kept))

        return Objects(sum(kept), lambda name: list(compress(self._column(name), kept)), lines)

    @property
    def keys(self) -> list[str]:
        """Exact, valid UTF-8, ascending."""
        return self._column("key")

    @property
    def etags(self) -> list[str]:
        """Without quotes."""
        return self._column("etag")

    @property
    def sizes_bytes(self) -> list[int]:
        """In bytes."""
        return self._column("size_bytes")

    @property
    def modified_at(self) -> list[int]:
        """Milliseconds since the epoch, OSS's clock."""
        return self._column("modified_at")

    @property
    def types(self) -> list[ObjectType]:
        """As OSS names them."""
        return self._column("type")

    @property
    def storage_classes(self) -> list[str]:
        """As OSS names them."""
        return self._column("storage_class")

    @property
    def restored(self) -> list[bool]:
        """Whether each is of an archive class, and readable for now."""
        return self._column("restored")

    @property
    def restoring(self) -> list[bool]:
        """Whether each is of an archive class, and being restored."""
        return self._column("restoring")

    @property
    def kinds(self) -> frozenset[ObjectType]:
        """Which types occur."""
        return self._values("type")

    @property
    def classes(self) -> frozenset[str]:
        """Which storage classes occur."""
        return self._values("storage_class")

    @property
    def any_restoring(self) -> bool:
        """Whether one is of an archive class, and being restored."""
        return True in self._values("restoring")

    @property
    def none_is_empty(self) -> bool:
        """Whether each has a byte at least."""
        text = self.lines("size_bytes") or ""
        # A search from the end is several times as quick.
        may_be_empty = text.startswith("0") or text.rfind("\n0") >= 0
        return not may_be_empty or all(self.sizes_bytes)

    def _values(self, name: str) -> frozenset[Any]:
        """Return the values of a column, each once."""
        known = self._distinct(name)
        return _distinct(self._column(name)) if known is None else known

    def __len__(self) -> int:
        """Return how many there are."""
        return self._n

    @overload
    def __getitem__(self, place: int) -> ObjectInfo: ...

    @overload
    def __getitem__(self, place: slice) -> Objects: ...

    def __getitem__(self, place: int | slice) -> ObjectInfo | Objects:
        """Return one object, or those of a slice, whose columns are read no sooner."""
        if isinstance(place, slice):
            if place.indices(self._n) == (0, self._n, 1):
                return self
            return Objects(len(range(self._n)[place]), lambda name: self._column(name)[place])
        return ObjectInfo(*(self._column(name)[place] for name in _FIELDS))

    def __iter__(self) -> Iterator[ObjectInfo]:
        """Yield each object."""
        return map(ObjectInfo, *map(self._column, _FIELDS))

    def __eq__(self, other: object) -> bool:
        """Whether the same objects are listed."""
        return isinstance(other, Objects) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def _one_a_line(column: list[Any]) -> str | None:
    lines = "\n".join(column if column and isinstance(column[0], str) else map(str, column))
    return lines if lines.count("\n") == max(0, len(column) - 1) else None


def _distinct(column: list[T]) -> frozenset[T]:
    return (
        frozenset(column[:1] if column.count(column[0]) == len(column) else column)
        if column
        else frozenset()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing, in UTF-8 byte order of the keys."""

    objects: Objects
    at: int  # milliseconds since the epoch: the answer's `Date`
    last_key: str  # the next page starts after it; "" if there is none
    next_token: str = ""  # ... or here, if no last key in UTF-8 can be named
    token: str = ""  # ... or here in any case
    is_last: bool
    not_utf8: tuple[bytes, ...] = ()  # raw keys, in listing order; they are not in `objects`

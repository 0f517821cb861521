"""Cuts the `<Contents>` of a listing into columns of bytes, and accounts for every byte.

The first object shows the order of the fields and the white space around them. The text is cut at
each line end, or at each `<` if it has no line ends. Every n-th piece may then differ from the
first object's piece in the value of its field alone. A pattern cuts objects with differing fields
(restored archives).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from watcher.oss.listing.timestamps import parse_instants
from watcher.oss.listing.xml import MOST_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable

OPEN: Final = b"<Contents>"
CLOSE: Final = b"</Contents>"
_NEEDED: Final = frozenset((b"Key", b"LastModified", b"ETag", b"Size"))
_LOW_CARDINALITY: Final = (b"Type", b"StorageClass")  # fields with a handful of values
_LONGEST: Final = 10_000  # bytes of one object
_KNOWN: Final = _NEEDED.union(_LOW_CARDINALITY)
_MOST_VALUES: Final = 8
_MOST_COUNTED: Final = 3  # values of a field
_PLAIN: Final = bytes(set(range(0x20, 0x7F)) - set(b'<>&"'))  # the bytes of a plain value
_DIGITS: Final = b"0123456789"
_WHITE: Final = rb"[ \t\r\n]*"
_GAP: Final = re.compile(_WHITE)
_NO_TEXT: Final = re.compile(rb"[^\t\n\r\x20-\x7e]|&(?!quot;)")
_UNIT: Final = re.compile(
    rb"%b<Contents>(?:%b<(\w+)>[^<>]*</\1>)+%b</Contents>%b" % ((_WHITE,) * 4)
)
_LINE: Final = re.compile(rb"(%b<(\w+)>)([^<>]*)(</\2>%b)" % (_WHITE, _WHITE))
_TAG: Final = re.compile(rb"((%b|RestoreInfo)>)([^<>]*)()" % b"|".join(sorted(_KNOWN)))
_SLASH: Final = b"%2F"
_QUOTES: Final = (b"&quot;", b'"')


def _field(name: bytes, inside: bytes = rb"([^<>]*)") -> bytes:
    return b"<%b>%b</%b>%b" % (name, inside, name, _WHITE)


_QUOTED: Final = rb"(?:&quot;|\")([^<>&\"]*)(?:&quot;|\")"
_SET_ASIDE: Final = b"(?:%b)?" % _field(b"TransitionTime", rb"[^<>&]*")
_OBJECT: Final = re.compile(
    b"".join(
        (
            *(
                b"(<Contents>",
                _WHITE,
                _field(b"Key"),
                _SET_ASIDE,
                _field(b"LastModified"),
                _field(b"ETag", _QUOTED),
            ),
            *(_field(b"Type"), _field(b"Size"), _field(b"StorageClass"), _SET_ASIDE),
            *(b"(?:", _field(b"RestoreInfo"), b")?", _SET_ASIDE, b"</Contents>", _WHITE, b")"),
        )
    )
)
_IN_ORDER: Final = (b"Key", b"LastModified", b"ETag", b"Type", b"Size", b"StorageClass")


T = TypeVar("T")


class _Pieces(NamedTuple):
    """The values of one field, each with the text before and behind it.

    `glue` was cut out between two pieces.
    """

    pieces: list[bytes]
    before: bytes = b""
    behind: bytes = b""
    glue: bytes = b"\n"


@dataclass(frozen=True, slots=True)
class LowCardinality:
    """The values of a field that has only a handful of different ones."""

    n: int
    pieces: list[bytes]  # empty if all are the same
    values: dict[bytes, str]  # by piece

    def meaning(self, of: Callable[[str], T]) -> list[T]:
        """Return `of` of each value, in order."""
        meanings = {piece: of(value) for piece, value in self.values.items()}
        if not self.pieces:
            return list(meanings.values()) * self.n
        return list(map(meanings.__getitem__, self.pieces))


@dataclass(frozen=True, slots=True)
class Columns:
    """All objects of a listing, field by field, verified: sizes are digits, instants exist.

    Columns are joined texts, not lists of pieces. The pieces of all pages that wait for a commit
    would overflow a processor's cache.
    """

    keys: bytes  # still escaped, one a line
    prefix: bytes  # still escaped, of each key
    etags: bytes  # one a line
    sizes_bytes: bytes  # one a line
    modified_at: Callable[[], list[int]]
    types: LowCardinality
    storage_classes: LowCardinality
    restore: list[bytes]  # RestoreInfo of each; empty if none has any


def cut_columns(body: bytes, start: int, end: int, n: int) -> Columns | None:
    """Return the `n` objects between the first `<Contents>` and the last `</Contents>`.

    Args:
        body: the whole answer.
        start: where the first `<Contents>` begins.
        end: the place behind the last `</Contents>`.
        n: how many objects the answer claims to list.

    Returns:
        None if there are not `n` objects, or if any byte does not belong to a plain field.
    """
    begin = body.rfind(b"\n", 0, start) + 1
    lines = BytesIO(body)  # copies nothing, as a slice would
    lines.seek(begin)
    found = _by_piece(lines.readlines(end - begin), n, field=_LINE, glue=b"")
    if found is None and b"\n" not in body[start : body.find(CLOSE, start)]:
        found = _by_piece(_tags(body[start:end]), n, field=_TAG, glue=b"<")
    return (found and _verified(found, [], n)) or _by_object(body[start:end], n)


def _tags(listed: bytes) -> list[bytes]:
    """Return the text cut at each `<`, without the `<`.

    The last object gets the same white space behind it as the others.
    """
    end = listed.find(CLOSE) + len(CLOSE)
    gap = _GAP.match(listed, end)
    return (listed + (gap[0] if gap else b"")).split(b"<")[1:]


def _by_piece(
    pieces: list[bytes], n: int, *, field: re.Pattern[bytes], glue: bytes
) -> dict[bytes, _Pieces] | None:
    """Return the pieces of each field, or None if the objects differ in their fields."""
    size, left_over = divmod(len(pieces), n)
    like = pieces[:size]
    if left_over or not _is_plain(glue + glue.join(like)):
        return None
    found: dict[bytes, _Pieces] = {}
    for place, piece in enumerate(like):
        column, match = pieces[place::size], field.fullmatch(piece)
        if match and match[2] in _KNOWN and match[2] not in found:
            before, behind = match[1], match[4]
            if match[2] == b"ETag":
                quote = next((each for each in _QUOTES if match[3].startswith(each)), b"")
                before, behind = before + quote, quote + behind
            found[match[2]] = _Pieces(column, before, behind, glue)
        elif (
            _distinct(column) != {piece} or b"RestoreInfo" in piece or (match and match[2] in found)
        ):
            return None
    return found


def _is_plain(unit: bytes) -> bool:
    """Whether this is one object with flat fields only."""
    return len(unit) <= _LONGEST and bool(_UNIT.fullmatch(unit)) and _is_text(unit)


def _is_text(text: bytes) -> bool:
    return not _NO_TEXT.search(text)


def _by_object(listed: bytes, n: int) -> Columns | None:
    """Cut objects with differing fields, if they look as OSS lists them."""
    rows = _OBJECT.findall(listed)
    if len(rows) != n or sum(len(row[0]) for row in rows) != len(listed):
        return None
    _, *fields, restore = map(list, zip(*rows, strict=True))
    found = {name: _Pieces(column) for name, column in zip(_IN_ORDER, fields, strict=True)}
    return _verified(found, restore, n) if _is_text(b"".join(restore)) else None


def _verified(found: dict[bytes, _Pieces], restore: list[bytes], n: int) -> Columns | None:
    """Return the pieces as columns, or None if a value does not fit its field."""
    if not found.keys() >= _NEEDED:
        return None
    prefix = _shared_prefix(found[b"Key"])
    keys = _values(found[b"Key"]._replace(before=found[b"Key"].before + prefix))
    etags, sizes_bytes = _values(found[b"ETag"]), _numbers(found[b"Size"])
    if keys is None or etags is None or sizes_bytes is None:
        return None
    modified = found[b"LastModified"]
    modified_at = parse_instants(
        b"".join(modified.pieces), n, before=modified.before, behind=modified.behind
    )
    types, classes = (
        _low_cardinality(found.get(name, _Pieces([b""] * n))) for name in _LOW_CARDINALITY
    )
    if not (modified_at and types and classes):
        return None
    return Columns(keys, prefix, etags, sizes_bytes, modified_at, types, classes, restore)


def _shared_prefix(keys: _Pieces) -> bytes:
    """Return the common folder of the first and last key, up to a `/`.

    All keys between them share it if they are in order.
    """
    begin = len(keys.before)
    first, last = keys.pieces[0][begin:], keys.pieces[-1][begin:]
    n_shared = next(
        (n for n, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), 0
    )
    slash = first.rfind(_SLASH, 0, n_shared)
    return first[: slash + len(_SLASH)] if slash >= 0 else b""


def _values(field: _Pieces) -> bytes | None:
    """Return the values, one a line.

    Returns:
        None if a value holds other than plain bytes, or differs in the text around it. Proof: each
        text between two values becomes one line end, and no other byte is left that is not plain.
    """
    pieces, before, behind, glue = field
    joined = glue.join(pieces)
    end = len(joined) - len(behind)
    if not (len(before) <= end and joined.startswith(before) and joined.endswith(behind)):
        return None
    values = joined[len(before) : end].replace(behind + glue + before, b"\n")
    return values if values.translate(None, _PLAIN) == b"\n" * (len(pieces) - 1) else None


def _numbers(field: _Pieces) -> bytes | None:
    """Return the sizes, one a line; None if one is not a size, or differs in the text around it."""
    pieces, before, behind, glue = field
    between = behind + glue + before
    end = next(
        (each for each in behind + glue if between.count(each) == 1 and each not in _DIGITS), None
    )
    if end is None or not _are_short(field):
        return None
    others = bytes(set(between) - {end} - set(_DIGITS))
    joined = glue.join(pieces)
    values = joined.translate(bytes.maketrans(bytes((end,)), b"\n"), others).strip(b"\n")
    is_all = before + values.replace(b"\n", between) + behind == joined
    return values if is_all and not values.translate(None, _DIGITS + b"\n") else None


def _distinct(pieces: list[bytes]) -> set[bytes]:
    """Return each piece once. A few counts are quicker than a set of all pieces."""
    found: set[bytes] = set()
    n_left = len(pieces)
    for _ in range(_MOST_COUNTED):
        piece = next((each for each in pieces if each not in found), None)
        if piece is None:
            break
        found.add(piece)
        n_left -= pieces.count(piece)
        if not n_left:
            return found
    return set(pieces)


def _low_cardinality(field: _Pieces) -> LowCardinality | None:
    pieces, before, behind, _ = field
    distinct = _distinct(pieces)
    values: dict[bytes, str] = {}
    for piece in distinct if len(distinct) <= _MOST_VALUES else ():
        value = piece[len(before) : len(piece) - len(behind)]
        if before + value + behind == piece and not value.translate(None, _PLAIN):
            values[piece] = value.decode()
    if len(values) != len(distinct):
        return None
    return LowCardinality(len(pieces), pieces if len(values) > 1 else [], values)


def _are_short(field: _Pieces) -> bool:
    """Whether each value has at least one digit, and at most as many as a size."""
    lengths, around = set(map(len, field.pieces)), len(field.before) + len(field.behind)
    return min(lengths) > around and max(lengths) <= around + MOST_DIGITS

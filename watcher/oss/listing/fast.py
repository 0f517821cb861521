"""Reads a ListObjectsV2 answer as columns, without a Python object for each listed object.

The fast path accounts for each byte from the first `<Contents>` to the last `</Contents>`, and
parses the text around them as XML. `watcher.oss.listing.xml` reads every other answer: same
result, slower.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

from watcher.model import Objects, ObjectType, Page
from watcher.oss.listing.columns import CLOSE, OPEN, Columns, cut_columns
from watcher.oss.listing.xml import TYPES, Envelope, envelope_from, parse, read_envelope

if TYPE_CHECKING:
    from collections.abc import Callable

_BETWEEN = b"\0"  # between two keys: a listing holds it in escaped form only
# Quoted-printable has the same escapes with "=", and Python decodes it in C.
_AS_QUOTED_PRINTABLE = bytes.maketrans(b"%\n", b"=" + _BETWEEN)
_HERE = b"<Contents/>"  # stands for all objects
_PLAIN_ENVELOPE = re.compile(
    rb"""(?:<\?xml version="1\.0" encoding="(?i:utf-8)"\?>)?[ \n]*"""
    rb"""<ListBucketResult(?: xmlns="https?://[a-z\d.-]+")?>"""
    rb"""(?:[ \n]*(?:<((?!Contents|CommonPrefixes)[A-Za-z]+)>[ -%'-;=?-~]*</\1>|<Contents/>))*"""
    rb"""[ \n]*</ListBucketResult>[ \n]*"""
)
_FIELD = re.compile(r"<(\w+)>([^<>]*)</")
_ENCODING = re.compile(rb"""<\?xml[^>]*encoding=["'](?!utf-8["'])""", re.IGNORECASE)


def read_page(body: bytes, *, at: int) -> Page:
    """Return the page that `body` holds, answered at `at` (milliseconds since the epoch).

    Raises:
        ValueError, LookupError or xml.etree.ElementTree.ParseError: the body is not a whole,
        well-formed listing.
    """
    return _read_plain(body, at) or parse(body, at=at)


def listed_span(body: bytes) -> tuple[int, int]:
    """Return where the listed objects begin and end; two equal places without objects."""
    start, end = body.find(OPEN), body.rfind(CLOSE)
    return (start, end + len(CLOSE)) if 0 <= start < end else (len(body), len(body))


def envelope_of(body: bytes, start: int, end: int) -> Envelope | None:
    """Return the text around the objects from `start` to `end`; None if it is not plain."""
    around = body[:start] + _HERE * (start < end) + body[end:]
    if _PLAIN_ENVELOPE.fullmatch(around) and around.count(_HERE) == (start < end):
        return _plain_envelope(around)
    if b"<!" in around or _ENCODING.match(around):
        return None
    try:
        root = ET.fromstring(around)  # noqa: S314 (it has no declarations)
        envelope = read_envelope(root)
    except (ET.ParseError, ValueError, LookupError):
        return None
    space = root.tag.removesuffix("ListBucketResult")
    is_plain = len(root.findall(f"{space}Contents")) == (start < end) and not root.findall(
        f"{space}CommonPrefixes"
    )
    return envelope if is_plain and envelope.is_url_encoded else None


def _plain_envelope(around: bytes) -> Envelope | None:
    fields = dict(reversed(_FIELD.findall(around.decode())))  # the first of a name wins
    try:
        envelope = envelope_from(fields.get)
    except (ValueError, LookupError):
        return None
    return envelope if envelope.is_url_encoded else None


def _read_plain(body: bytes, at: int) -> Page | None:
    start, end = listed_span(body)
    envelope = envelope_of(body, start, end) if start < end else None
    if envelope is None or not envelope.key_count:
        return None
    found = cut_columns(body, start, end, envelope.key_count)
    decoded = _keys(found, envelope.key_count) if found else None
    if found is None or decoded is None:
        return None
    keys, lines = decoded
    objects = Objects(len(keys), _reader(keys, found), _lines(lines, found), _distinct(found))
    return Page(
        objects=objects,
        at=at,
        last_key=keys[-1],
        token=envelope.next_token,
        is_last=envelope.is_last,
    )


def _keys(found: Columns, n: int) -> tuple[list[str], str | None] | None:
    """Return the exact keys as a list, and as one text with a key a line.

    Returns:
        None instead of the text if a key holds a line end. None for all if a key is not UTF-8 or
        not well escaped.
    """
    try:
        prefix = _unescaped(found.prefix)
        exact = _unescaped(found.keys)
        if exact.count(_BETWEEN) != n - 1:  # a key holds an escaped NUL
            raw_keys = found.keys.split(b"\n")
            return [(prefix + unquote_to_bytes(raw)).decode() for raw in raw_keys], None
        if b"\n" in exact or b"\n" in prefix:
            joined = prefix + exact.replace(_BETWEEN, _BETWEEN + prefix)
            return joined.decode().split(_BETWEEN.decode()), None
        lines = (prefix + exact.replace(_BETWEEN, b"\n" + prefix)).decode()
        return lines.split("\n"), lines
    except ValueError:
        return None


def _unescaped(text: bytes) -> bytes:
    """Return the text without escapes, with `_BETWEEN` for each line end.

    Raises:
        ValueError: a `%` does not begin an escape.
    """
    if b"=" in text:
        text = text.replace(b"=", b"%3D")
    exact = a2b_qp(text.translate(_AS_QUOTED_PRINTABLE))
    # A false escape leaves a "=", unless it is cut off at the end. An escape of three bytes
    # becomes one byte.
    if text.endswith(b"%") or (b"=" in exact and len(text) - len(exact) != 2 * text.count(b"%")):
        raise ValueError("not an escape")
    return exact


def _reader(keys: list[str], found: Columns) -> Callable[[str], list[Any]]:
    """Return a function that reads a column, by its name in `ObjectInfo`."""

    def restore(ongoing: bytes) -> list[bool]:
        if not found.restore:
            return [False] * len(keys)
        mark = b'ongoing-request="%b"' % ongoing
        return [mark in info.replace(b"&quot;", b'"') for info in found.restore]

    readers: dict[str, Callable[[], list[Any]]] = {
        "key": lambda: keys,
        "etag": lambda: found.etags.decode().split("\n"),
        "size_bytes": lambda: list(map(int, found.sizes_bytes.split(b"\n"))),
        "modified_at": found.modified_at,
        "type": lambda: found.types.meaning(_as_type),
        "storage_class": lambda: found.storage_classes.meaning(_as_class),
        "restored": lambda: restore(b"false"),
        "restoring": lambda: restore(b"true"),
    }
    return lambda name: readers[name]()


def _as_type(kind: str) -> ObjectType:
    return TYPES.get(kind, ObjectType.NORMAL)


def _as_class(name: str) -> str:
    return name or "Standard"


def _distinct(found: Columns) -> Callable[[str], frozenset[Any] | None]:
    """Return a function that reads the different values of a column; None if they are many."""
    nowhere = None if found.restore else frozenset((False,))
    columns: dict[str, Callable[[], frozenset[Any] | None]] = {
        "type": lambda: frozenset(map(_as_type, found.types.values.values())),
        "storage_class": lambda: frozenset(map(_as_class, found.storage_classes.values.values())),
        "restored": lambda: nowhere,
        "restoring": lambda: nowhere,
    }
    return lambda name: columns[name]() if name in columns else None


def _lines(keys: str | None, found: Columns) -> Callable[[str], str | None]:
    """Return a function that reads a column as text, one value a line; None if it has no text."""
    columns: dict[str, Callable[[], str | None]] = {
        "key": lambda: keys,
        "etag": found.etags.decode,
        "size_bytes": found.sizes_bytes.decode,
    }
    return lambda name: columns[name]() if name in columns else None

"""Reads a ListObjectsV2 answer as a page of exact keys, element by element.

oss2's own parser fails on a page with one key that is not UTF-8, and spends most of its time on
dates. This parser reads the same XML. Source: OSS ListObjectsV2 reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

from watcher.model import ObjectInfo, Objects, ObjectType, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TYPES = {str(kind): kind for kind in ObjectType}
MOST_DIGITS = 18  # of a size; OSS's largest object has 14
_ROOT = "ListBucketResult"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The fields of an answer outside its objects."""

    is_last: bool
    is_url_encoded: bool
    token: str  # of the next page, still encoded; "" for none
    key_count: int | None  # objects and common prefixes; None = not stated

    @property
    def next_token(self) -> str:
        """The continuation token of the next page; "" for none."""
        return unquote_to_bytes(self.token).decode() if self.is_url_encoded else ""


def parse(body: bytes, *, at: int) -> Page:
    """Return the page that `body` holds, answered at `at` (milliseconds since the epoch).

    Raises:
        ValueError, LookupError or xml.etree.ElementTree.ParseError: the body is not a whole,
        well-formed listing.
    """
    root = ET.fromstring(body)  # noqa: S314 (no DTD is read: expat refuses entity bombs since 2.4.1)
    envelope, space = read_envelope(root), _namespace(root)
    nodes = root.findall(f"{space}Contents")
    n_prefixes = len(root.findall(f"{space}CommonPrefixes"))
    if envelope.key_count not in {None, len(nodes) + n_prefixes}:
        raise ValueError("KeyCount differs from the number of listed objects")
    objects: list[ObjectInfo] = []
    not_utf8: list[bytes] = []
    token_needed = True  # False after a key that can be a `start-after`
    for node in nodes:
        fields = {child.tag.removeprefix(space): child.text or "" for child in node}
        raw_key = (
            unquote_to_bytes(fields["Key"]) if envelope.is_url_encoded else fields["Key"].encode()
        )
        try:
            objects.append(_object(raw_key.decode(), fields))
            token_needed = False
        except UnicodeDecodeError:
            not_utf8.append(raw_key)
            token_needed = True
    token = envelope.next_token
    return Page(
        objects=Objects.of(objects),
        at=at,
        last_key=objects[-1].key if objects else "",
        next_token=token if token_needed else "",
        token=token,
        is_last=envelope.is_last,
        not_utf8=tuple(not_utf8),
    )


def read_envelope(root: ET.Element) -> Envelope:
    """Return the envelope of a parsed answer.

    Raises:
        ValueError or KeyError: the answer is not a listing.
    """
    space = _namespace(root)
    return envelope_from(lambda name: root.findtext(f"{space}{name}"))


def envelope_from(field: Callable[[str], str | None]) -> Envelope:
    """Return the envelope of an answer. `field` returns the text of an element, by its name.

    Raises:
        ValueError or KeyError: the answer is not a listing.
    """

    def text(name: str) -> str:
        return field(name) or ""

    key_count = text("KeyCount").strip()
    return Envelope(
        {"true": False, "false": True}[text("IsTruncated").strip().lower()],
        text("EncodingType") == "url",
        text("NextContinuationToken"),
        _size(key_count) if key_count else None,
    )


def answered_at(headers: Mapping[str, str]) -> int:
    """Return the answer's `Date`: OSS's clock, in milliseconds since the epoch.

    Raises:
        KeyError or ValueError: the answer has no valid `Date`.
    """
    return _date(headers["Date"])


@lru_cache(16)  # many answers share a second
def _date(text: str) -> int:
    return int(parsedate_to_datetime(text).timestamp() * 1000)


def milliseconds(text: str) -> int:
    """Return an instant of a listing, in milliseconds since the epoch.

    Raises:
        ValueError: the text is not an instant.
    """
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _namespace(root: ET.Element) -> str:
    space = root.tag.removesuffix(_ROOT)
    if root.tag == space:
        raise ValueError("not a ListBucketResult")
    return space


def _object(key: str, fields: Mapping[str, str]) -> ObjectInfo:
    restore = fields.get("RestoreInfo", "")
    return ObjectInfo(
        key,
        fields["ETag"].strip('"'),
        _size(fields["Size"]),
        milliseconds(fields["LastModified"]),
        TYPES.get(fields.get("Type", ""), ObjectType.NORMAL),
        fields.get("StorageClass") or "Standard",
        'ongoing-request="false"' in restore,
        'ongoing-request="true"' in restore,
    )


def _size(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        raise ValueError("not a size")
    return int(text)

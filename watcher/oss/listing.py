"""One ListObjectsV2 answer as a page of exact keys.

oss2's own parser gives up on a page that holds one key which is not UTF-8, and spends most of its time on dates;
this one reads the same XML.  Source: OSS ListObjectsV2 reference.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

from watcher.model import ObjectInfo, ObjectType, Page

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES = {str(kind): kind for kind in ObjectType}
_ROOT = "ListBucketResult"
_MOST_DIGITS = 18  # of a size; OSS's largest object has 14


def parse(body: bytes, headers: Mapping[str, str]) -> Page:
    """Return the page that `body` holds.

    Raises:
        ValueError or xml.etree.ElementTree.ParseError: the body is not a whole, well-formed listing.
    """
    root = ET.fromstring(body)  # noqa: S314 (no DTD is read: expat refuses entity bombs since 2.4.1)
    space = root.tag.removesuffix(_ROOT)
    if root.tag == space:
        raise ValueError("not a ListBucketResult")
    url_encoded = root.findtext(f"{space}EncodingType") == "url"
    objects: list[ObjectInfo] = []
    not_utf8 = 0
    token_needed = True  # until a key is listed that can be a `start-after`
    for node in root.iterfind(f"{space}Contents"):
        fields = {child.tag.removeprefix(space): child.text or "" for child in node}
        raw_key = fields["Key"]
        try:
            key = unquote_to_bytes(raw_key).decode() if url_encoded else raw_key
        except UnicodeDecodeError:
            not_utf8 += 1
            token_needed = True
            continue
        token_needed = False
        objects.append(
            ObjectInfo(
                key,
                fields["ETag"].strip('"'),
                _size(fields["Size"]),
                _milliseconds(fields["LastModified"]),
                _TYPES.get(fields.get("Type", ""), ObjectType.NORMAL),
                fields.get("StorageClass") or "Standard",
                'ongoing-request="false"' in fields.get("RestoreInfo", ""),
            )
        )
    truncated = {"true": True, "false": False}[(root.findtext(f"{space}IsTruncated") or "").strip().lower()]
    token = root.findtext(f"{space}NextContinuationToken") or ""
    return Page(
        objects=tuple(objects),
        at=answered_at(headers),
        last_key=objects[-1].key if objects else "",
        next_token=unquote_to_bytes(token).decode() if token_needed and url_encoded else "",
        is_last=not truncated,
        not_utf8=not_utf8,
    )


def answered_at(headers: Mapping[str, str]) -> int:
    """Return the answer's `Date`: OSS's clock, in milliseconds since the epoch."""
    return int(parsedate_to_datetime(headers["Date"]).timestamp() * 1000)


def _size(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise ValueError("not a size")
    return int(text)


def _milliseconds(text: str) -> int:
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)

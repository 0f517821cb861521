"""One row of an inventory file as an object.

Source: OSS user guide, "Bucket inventory": keys are URL-encoded ("/" too), dates are
`2025-04-14T07-06-00Z`.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from watcher.model import ObjectInfo, ObjectType
from watcher.oss.manifest import NEEDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.oss.manifest import Manifest

_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)[-:](\d\d)[-:](\d\d)(\.\d{1,6})?Z", re.ASCII)
_SIZE: Final = re.compile(r"\d{1,18}", re.ASCII)
_NO_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_TYPES: Final = {kind.lower(): kind for kind in ObjectType}
_LONGEST_TEXT: Final = 100  # characters of a field that is refused
_FLAGS: Final = {"true": True, "false": False}


class Skipped(StrEnum):
    """Why a row is skipped."""

    OUTSIDE = "outside"  # the watch's prefix
    OLD_VERSION = "old_version"
    DELETE_MARKER = "delete_marker"


class RowReader:
    """Reads the rows of one inventory as objects."""

    def __init__(self, manifest: Manifest, *, prefix: str) -> None:
        self._columns = list(manifest.columns)
        self._source = manifest.source_bucket
        self._prefix = prefix.encode()
        self._needed = [at for name in NEEDED if (at := manifest.place_of(name)) is not None]
        self._bucket = manifest.place_of("Bucket")
        self._class = manifest.place_of("StorageClass")
        self._type = manifest.place_of("ObjectType")
        self._latest = manifest.place_of("IsLatest")
        self._marker = manifest.place_of("IsDeleteMarker")

    def is_header(self, row: Sequence[str]) -> bool:
        """Return whether a row holds the column names. No object looks like that."""
        return [cell.strip().lower() for cell in row] == [name.lower() for name in self._columns]

    def read(self, row: Sequence[str]) -> ObjectInfo | Skipped | bytes:
        """Return the object, or why the row is skipped, or a key that is not UTF-8.

        A "+" is a plus. Without the column StorageClass or ObjectType an object counts as
        Standard or Normal. No inventory says whether an archived object is restored.

        Raises:
            ValueError: the row does not fit this inventory. The text says why.
        """
        if len(row) != len(self._columns):
            raise ValueError(f"{len(row)} fields instead of {len(self._columns)}")
        if self._bucket is not None and row[self._bucket] != self._source:
            raise ValueError("an object of another bucket")
        at_key, at_size, at_date, at_etag = self._needed
        raw_key = _decoded(row[at_key])
        if not raw_key.startswith(self._prefix):
            return Skipped.OUTSIDE
        if self._marker is not None and _flag(row[self._marker]):
            return Skipped.DELETE_MARKER
        if self._latest is not None and not _flag(row[self._latest]):
            return Skipped.OLD_VERSION
        try:
            key = raw_key.decode()
        except UnicodeDecodeError:
            return raw_key
        return ObjectInfo(
            key,
            _etag(row[at_etag]),
            _size(row[at_size]),
            _milliseconds(row[at_date]),
            ObjectType.NORMAL
            if self._type is None
            else _TYPES.get(row[self._type].lower(), ObjectType.NORMAL),
            "Standard" if self._class is None else row[self._class] or "Standard",
        )


def _decoded(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if not raw or _NO_ESCAPE.search(raw):
        raise ValueError(f"{text[:_LONGEST_TEXT]!r} is no URL-encoded key")
    return unquote_to_bytes(raw)


def _flag(text: str) -> bool:
    if (found := _FLAGS.get(text.lower())) is None:
        raise ValueError(f"{text[:_LONGEST_TEXT]!r} is neither true nor false")
    return found


def _etag(text: str) -> str:
    if not (found := text.strip('"')):
        raise ValueError("no ETag")
    return found


def _size(text: str) -> int:
    if not _SIZE.fullmatch(text):
        raise ValueError(f"{text[:_LONGEST_TEXT]!r} is no size")
    return int(text)


def _milliseconds(text: str) -> int:
    if (found := _DATE.fullmatch(text)) is None:
        raise ValueError(f"{text[:_LONGEST_TEXT]!r} is no date")
    day, hour, minute, second, fraction = found.groups(default="")
    at = datetime.fromisoformat(f"{day}T{hour}:{minute}:{second}+00:00")
    return int(at.timestamp()) * 1000 + int((fraction or ".0")[1:4].ljust(3, "0"))

"""The manifest of a bucket inventory: its bucket, moment, columns and files.

Source: OSS user guide, "Bucket inventory". `fileSchema` holds the order of the columns.
`creationTimestamp` is when OSS began to scan, in seconds.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from watcher.errors import CloudError, UsageError
from watcher.model.decoding import WrongEncodingError, decoded

if TYPE_CHECKING:
    from watcher.oss.object_reader import ObjectReader

NEEDED: Final = ("Key", "Size", "LastModifiedDate", "ETag")
OPTIONAL: Final = ("StorageClass", "ObjectType")
_MOST_BYTES: Final = 64 * 1024 * 1024
_MD5: Final = re.compile(r"[0-9A-Fa-f]{32}")
_SECONDS: Final = re.compile(r"[0-9]{1,11}")
_CURE: Final = (
    "Export a full inventory of the watched bucket as CSV, with the fields Size, "
    "LastModifiedDate, ETag, StorageClass and ObjectType, and name its manifest.json."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryFile:
    """One data file of an inventory."""

    key: str
    size_bytes: int  # compressed
    md5: str  # of the compressed bytes, hexadecimal, lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of a manifest.json."""

    name: str  # oss://BUCKET/KEY
    made_at: int  # milliseconds since the epoch: objects written later may be missing
    read_at: int  # milliseconds since the epoch, OSS's clock
    source_bucket: str
    columns: tuple[str, ...]
    files: tuple[InventoryFile, ...]

    @property
    def age_ms(self) -> int:
        """Age of the inventory when its manifest was read, by OSS's clock."""
        return self.read_at - self.made_at

    @property
    def size_bytes(self) -> int:
        """Size of all files, compressed."""
        return sum(file.size_bytes for file in self.files)

    @property
    def missing(self) -> tuple[str, ...]:
        """Missing optional columns. Archived objects or symlinks then look like normal objects."""
        return tuple(name for name in OPTIONAL if self.place_of(name) is None)

    def place_of(self, column: str) -> int | None:
        """Return the index of a column, or None. Letter case is ignored (CRC64, Crc64)."""
        names = [name.lower() for name in self.columns]
        return names.index(column.lower()) if column.lower() in names else None


def read_manifest(reader: ObjectReader, key: str, *, source_bucket: str) -> Manifest:
    """Return the manifest under `key`, checked against a `manifest.checksum` beside it.

    Raises:
        UsageError: there is no such object, or it is not the manifest of a CSV inventory of
            `source_bucket` with the needed columns.
        CloudError: the manifest could not be read, or does not match its checksum.
    """
    name = f"oss://{reader.bucket}/{key}"
    try:
        body, read_at = _whole(reader, key)
    except CloudError as error:
        if error.code != "NoSuchKey":
            raise
        raise UsageError(f"there is no {name}", hint=error.hint) from None
    _check(reader, key, body)
    try:
        fields = json.loads(decoded(body))
    except WrongEncodingError as error:
        raise UsageError(f"{name} is not JSON: it {error}", hint=_CURE) from None
    except (ValueError, RecursionError):
        raise UsageError(f"{name} is not JSON", hint=_CURE) from None
    if not isinstance(fields, dict):
        raise UsageError(f"{name} is not a manifest", hint=_CURE)
    found = _manifest(name, read_at, fields)
    if found.source_bucket != source_bucket:
        raise UsageError(
            f"{name} is an inventory of bucket {found.source_bucket}, not of {source_bucket}",
            hint=_CURE,
        )
    return found


def _whole(reader: ObjectReader, key: str) -> tuple[bytes, int]:
    with reader.open(key) as body:
        if body.size_bytes > _MOST_BYTES:
            raise UsageError(f"{body.name} is too large for a manifest", hint=_CURE)
        chunks = []
        while chunk := body.read(_MOST_BYTES):
            chunks.append(chunk)
        return b"".join(chunks), body.at


def _check(reader: ObjectReader, key: str, body: bytes) -> None:
    folder, slash, _ = key.rpartition("/")
    try:
        checksum, _ = _whole(reader, f"{folder}{slash}manifest.checksum")
    except CloudError as error:
        if error.code == "NoSuchKey":
            return
        raise
    if checksum.strip().lower() != hashlib.md5(body, usedforsecurity=False).hexdigest().encode():
        raise CloudError(
            f"oss://{reader.bucket}/{key} does not match the manifest.checksum beside it",
            hint="Wait until the inventory is written, or name another inventory.",
        )


def _manifest(name: str, read_at: int, fields: dict[str, Any]) -> Manifest:
    if "startTimestamp" in fields:
        raise UsageError(
            f"{name} belongs to an incremental inventory, which lists changes only", hint=_CURE
        )
    file_format = str(fields.get("fileFormat", ""))
    if file_format.upper() != "CSV":
        raise UsageError(
            f"{name} belongs to an inventory in the format {file_format or 'unknown'}",
            hint=_CURE,
        )
    columns = tuple(column.strip() for column in str(fields.get("fileSchema", "")).split(","))
    listed = fields.get("files")
    seconds, source = str(fields.get("creationTimestamp", "")), fields.get("sourceBucket")
    if not (_SECONDS.fullmatch(seconds) and isinstance(source, str) and isinstance(listed, list)):
        raise UsageError(f"{name} lacks creationTimestamp, sourceBucket or files", hint=_CURE)
    found = Manifest(
        name=name,
        made_at=int(seconds) * 1000,
        read_at=read_at,
        source_bucket=source,
        columns=columns,
        files=tuple(_file(name, number, each) for number, each in enumerate(listed, 1)),
    )
    if missing := [column for column in NEEDED if found.place_of(column) is None]:
        raise UsageError(f"{name} has no column {', '.join(missing)}", hint=_CURE)
    return found


def _file(name: str, number: int, entry: object) -> InventoryFile:
    match entry:
        case {"key": str(key), "size": int(size), "MD5checksum": str(md5)} if (
            size >= 0 and _MD5.fullmatch(md5)
        ):
            return InventoryFile(key=key, size_bytes=size, md5=md5.lower())
        case _:
            raise UsageError(f"{name}: file {number} has no key, size or MD5checksum", hint=_CURE)

"""What OSS allows: names, keys, classes, sizes of a page, and positions of an append."""

from __future__ import annotations

import re
from typing import Final

from watcher.model import MAX_KEY_BYTES
from watcher.sandbox.oss.answers import OssRefused, invalid_argument
from watcher.sandbox.text import key_text, whole_number

STORAGE_CLASSES: Final = ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")
_BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


def check_bucket_name(name: str) -> None:
    """Refuse a name that no bucket can have."""
    if not _BUCKET_NAME.fullmatch(name):
        raise OssRefused(
            400, "InvalidBucketName", "The specified bucket is not valid.", BucketName=name
        )


def check_key(key: bytes) -> None:
    """Refuse a key that OSS does not allow."""
    if not 1 <= len(key) <= MAX_KEY_BYTES or key[:1] in {b"/", b"\\"}:
        raise OssRefused(
            400, "InvalidObjectName", "The specified object is not valid.", Key=key_text(key)
        )


def check_storage_class(name: str) -> None:
    """Refuse a storage class that OSS does not have."""
    if name not in STORAGE_CLASSES:
        raise OssRefused(400, "InvalidArgument", "The specified storage class is not valid.")


def check_position(position: int, length: int) -> None:
    """Refuse to append at another position than the end."""
    if position != length:
        raise OssRefused(
            409,
            "PositionNotEqualToLength",
            "Position is not equal to file length",
            headers={"x-oss-next-append-position": str(length)},
        )


def page_size(name: str, text: str, *, most: int) -> int:
    """Return how many entries a page may have, as a parameter says it.

    Raises:
        OssRefused: it is no number from 1 to `most`.
    """
    size = whole_number(text)
    if size is None or not 1 <= size <= most:
        raise invalid_argument(name, text, f"must be an integer between 1 and {most}")
    return size


def bucket_not_empty(name: str) -> OssRefused:
    """Return the refusal to delete a bucket."""
    message = "The bucket you tried to delete is not empty."
    return OssRefused(409, "BucketNotEmpty", message, BucketName=name)

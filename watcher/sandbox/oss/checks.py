"""What OSS allows as a key and as a storage class."""

from __future__ import annotations

from typing import Final

from watcher.model import MAX_KEY_BYTES
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.text import key_text

STORAGE_CLASSES: Final = ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")


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

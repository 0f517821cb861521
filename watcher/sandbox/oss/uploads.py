"""Unfinished multipart uploads; moto keeps their parts."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.checks import check_key
from watcher.sandbox.oss.objects import etag_of
from watcher.sandbox.text import key_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from watcher.sandbox.oss.index import StoredObject
    from watcher.sandbox.oss.objects import ObjectStore, StoredBucket

MIN_PART_BYTES: Final = 100 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """One upload."""

    key: bytes
    headers: Mapping[str, str]
    storage_class: str
    parts: Any  # moto's FakeMultipart


class Uploads:
    """All multipart uploads of one sandbox. Every method is atomic."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._uploads: dict[str, _Upload] = {}
        self._lock = threading.RLock()

    def begin(
        self, key: bytes, *, headers: Mapping[str, str], storage_class: str = "Standard"
    ) -> str:
        """Begin an upload, and return its ID."""
        from moto.s3.models import FakeMultipart

        check_key(key)
        with self._lock:
            parts = FakeMultipart(
                key_text(key),
                {},  # type: ignore[arg-type]
                account_id=self._store.account,
                region_name="us-east-1",
            )
            self._uploads[parts.id] = _Upload(
                key=key, headers=headers, storage_class=storage_class, parts=parts
            )
            return parts.id

    def put_part(self, upload_id: str, number: int, body: bytes) -> str:
        """Store one part, and return its ETag."""
        with self._lock:
            return _etag(self._find(upload_id).parts.set_part(number, body))

    def parts(self, upload_id: str) -> tuple[tuple[int, str, int], ...]:
        """Return number, ETag and size in bytes of each part so far."""
        with self._lock:
            stored = self._find(upload_id).parts.parts
            return tuple(
                (number, _etag(stored[number]), stored[number].size) for number in sorted(stored)
            )

    def complete(
        self, bucket: StoredBucket, upload_id: str, wanted: Sequence[tuple[int, str]]
    ) -> StoredObject:
        """Create an object from the parts.

        Raises:
            OssRefused: a part is missing, out of order or too small, or has another ETag.
        """
        with self._lock:
            upload = self._find(upload_id)
            self._check_parts(upload_id, wanted)
            body = b"".join(upload.parts.parts[number].value for number, _ in wanted)
            digests = bytes.fromhex("".join(etag for _, etag in wanted))
            stored = self._store.put(
                bucket,
                upload.key,
                body,
                etag=f"{etag_of(digests)}-{len(wanted)}",
                type="Multipart",
                storage_class=upload.storage_class,
                headers=upload.headers,
            )
            self.abort(upload_id)
            return stored

    def abort(self, upload_id: str) -> None:
        """Forget an upload and its parts."""
        with self._lock:
            self._find(upload_id).parts.dispose()
            del self._uploads[upload_id]

    def _find(self, upload_id: str) -> _Upload:
        if upload_id in self._uploads:
            return self._uploads[upload_id]
        raise OssRefused(
            404, "NoSuchUpload", "The specified upload does not exist.", UploadId=upload_id
        )

    def _check_parts(self, upload_id: str, wanted: Sequence[tuple[int, str]]) -> None:
        """Refuse parts that are not ascending, not known or, but for the last, too small."""
        numbers = [number for number, _ in wanted]
        if not numbers or numbers != sorted(set(numbers)):
            raise OssRefused(
                400, "InvalidPartOrder", "The list of parts was not in ascending order."
            )
        known = {number: (etag, size) for number, etag, size in self.parts(upload_id)}
        if any(known.get(number, ("", 0))[0] != etag for number, etag in wanted):
            raise OssRefused(
                400, "InvalidPart", "One or more of the specified parts could not be found."
            )
        if any(known[number][1] < MIN_PART_BYTES for number in numbers[:-1]):
            raise OssRefused(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size.",
            )


def _etag(part: Any) -> str:
    return str(part.etag).strip('"').upper()

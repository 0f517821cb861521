"""Unfinished multipart uploads and their parts."""

from __future__ import annotations

import itertools
import secrets
import threading
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from watcher.sandbox.bodies import Body, crc64_joined, etag_of
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.checks import bucket_not_empty, check_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from watcher.sandbox.clock import SandboxClock
    from watcher.sandbox.oss.index import ObjectFacts, StoredObject
    from watcher.sandbox.oss.objects import ObjectStore, StoredBucket

MAX_PARTS: Final = 10_000
MIN_PART_BYTES: Final = 100 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part as it was last uploaded."""

    number: int
    body: Body
    modified_at: int  # milliseconds since the epoch

    @property
    def etag(self) -> str:
        """The ETag, in upper case and without quotes."""
        return self.body.digest.etag


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One upload."""

    upload_id: str
    bucket: str
    key: bytes
    begun_at: int  # milliseconds since the epoch
    facts: ObjectFacts  # of the object that it becomes
    parts: dict[int, Part] = field(default_factory=dict)

    @property
    def place(self) -> tuple[bytes, str]:
        """Its place in the order of the bucket's uploads."""
        return self.key, self.upload_id


class Uploads:
    """All multipart uploads of one sandbox. Every method is atomic.

    An upload is found by its ID together with its bucket and its key.
    """

    def __init__(self, store: ObjectStore, clock: SandboxClock) -> None:
        self._store = store
        self._clock = clock
        self._uploads: dict[str, Upload] = {}
        self._numbers = itertools.count()
        self._lock = threading.RLock()

    def begin(self, bucket: StoredBucket, key: bytes, facts: ObjectFacts) -> Upload:
        """Begin an upload. Among those of one key, the ID of a later one is greater."""
        check_key(key)
        with self._lock:
            begun = Upload(
                upload_id=f"{next(self._numbers):012X}{secrets.token_hex(10).upper()}",
                bucket=bucket.name,
                key=key,
                begun_at=self._clock.now_ms(),
                facts=facts,
            )
            self._uploads[begun.upload_id] = begun
            return begun

    def put_part(
        self, bucket: StoredBucket, key: bytes, upload_id: str, number: int, body: Body
    ) -> Part:
        """Store one part; it replaces one of the same number."""
        with self._lock:
            upload = self.find(bucket, key, upload_id)
            part = Part(number=number, body=body, modified_at=self._clock.now_ms())
            upload.parts[number] = part
            return part

    def parts(
        self, bucket: StoredBucket, key: bytes, upload_id: str, *, after: int = 0
    ) -> tuple[Part, ...]:
        """Return the parts so far whose number is greater than `after`, by number."""
        with self._lock:
            parts = self.find(bucket, key, upload_id).parts
            return tuple(parts[number] for number in sorted(parts) if number > after)

    def complete(
        self, bucket: StoredBucket, key: bytes, upload_id: str, wanted: Sequence[tuple[int, str]]
    ) -> StoredObject:
        """Create an object from parts, each given by its number and its ETag.

        Raises:
            OssRefused: a part is missing, out of order or too small, or has another ETag.
        """
        with self._lock:
            upload = self.find(bucket, key, upload_id)
            parts = _checked(upload.parts, wanted)
            crc64 = 0
            for part in parts:
                crc64 = crc64_joined(crc64, part.body.digest)
            stored = self._store.put(
                bucket,
                upload.key,
                Body.joined(part.body for part in parts),
                upload.facts,
                etag=f"{etag_of(b''.join(part.body.digest.md5 for part in parts))}-{len(parts)}",
                crc64=crc64,
            )
            del self._uploads[upload_id]
            return stored

    def abort(self, bucket: StoredBucket, key: bytes, upload_id: str) -> None:
        """Forget an upload and its parts."""
        with self._lock:
            del self._uploads[self.find(bucket, key, upload_id).upload_id]

    def find(self, bucket: StoredBucket, key: bytes, upload_id: str) -> Upload:
        """Return an upload.

        Raises:
            OssRefused: no upload of this key has that ID.
        """
        with self._lock:
            found = self._uploads.get(upload_id)
        if found is not None and (found.bucket, found.key) == (bucket.name, key):
            return found
        raise OssRefused(
            404,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, "
            "or the upload may have been aborted or completed.",
            UploadId=upload_id,
        )

    def of_bucket(self, bucket: StoredBucket, *, after: tuple[bytes, str]) -> tuple[Upload, ...]:
        """Return the uploads of a bucket that stand behind a key and an ID, in order."""
        with self._lock:
            mine = [each for each in self._uploads.values() if each.bucket == bucket.name]
        mine.sort(key=lambda each: each.place)
        return tuple(mine[bisect_right(mine, after, key=lambda each: each.place) :])

    def check_none(self, bucket: StoredBucket) -> None:
        """Refuse to delete a bucket that has uploads.

        Raises:
            OssRefused: it has.
        """
        if self.of_bucket(bucket, after=(b"", "")):
            raise bucket_not_empty(bucket.name)


def _checked(known: Mapping[int, Part], wanted: Sequence[tuple[int, str]]) -> list[Part]:
    """Return the parts. Refuse those that are not ascending, not known, or too small."""
    numbers = [number for number, _ in wanted]
    if numbers != sorted(set(numbers)):
        raise OssRefused(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
    if any(number not in known or known[number].etag != etag for number, etag in wanted):
        raise OssRefused(
            400,
            "InvalidPart",
            "One or more of the specified parts could not be found or the specified entity tag "
            "might not have matched the part's entity tag.",
        )
    if any(len(known[number].body) < MIN_PART_BYTES for number in numbers[:-1]):
        raise OssRefused(
            400,
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size.",
        )
    return [known[number] for number in numbers]

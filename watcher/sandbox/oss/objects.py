"""Buckets and objects: the bodies in moto's S3 store, all other facts in our own index."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from watcher.sandbox.bodies import BodyFile, crc64_joined, etag_of
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.checks import (
    bucket_not_empty,
    check_bucket_name,
    check_key,
    check_position,
    check_storage_class,
)
from watcher.sandbox.oss.index import PLAIN, KeyIndex, ObjectFacts, StoredObject
from watcher.sandbox.oss.shelves import Shelves
from watcher.sandbox.text import key_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from watcher.sandbox.bodies import Body
    from watcher.sandbox.clock import SandboxClock
    from watcher.sandbox.oss.index import Listing, Wanted
    from watcher.sandbox.oss.restore import Restore


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFacts:
    """The properties that a bucket is created with."""

    storage_class: str = "Standard"  # of objects that name none
    redundancy: str = "LRS"  # LRS | ZRS
    acl: str = "private"  # private | public-read | public-read-write


PRIVATE: Final = BucketFacts()


@dataclass(slots=True, kw_only=True)
class StoredBucket:
    """One bucket."""

    name: str
    region: str
    created_at: int  # milliseconds since the epoch
    shelf: str  # where its bodies are
    facts: BucketFacts = PRIVATE
    index: KeyIndex = field(default_factory=KeyIndex)


class ObjectStore:
    """All buckets of one sandbox. Every method is atomic."""

    def __init__(self, clock: SandboxClock) -> None:
        self.bodies = BodyFile()
        self._clock = clock
        self._shelves = Shelves()
        self._buckets: dict[str, StoredBucket] = {}
        self._lock = threading.RLock()

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Let no other thread come between several calls of this store."""
        with self._lock:
            yield

    def create_bucket(self, name: str, region: str, facts: BucketFacts = PRIVATE) -> StoredBucket:
        """Create a bucket; one that exists keeps all but its access control.

        Raises:
            OssRefused: the name is no bucket name.
        """
        check_bucket_name(name)
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = StoredBucket(
                    name=name,
                    region=region,
                    created_at=self._clock.now_ms(),
                    shelf=self._shelves.add(name),
                    facts=facts,
                )
            elif facts.acl != self._buckets[name].facts.acl:
                self.set_acl(self._buckets[name], facts.acl)
            return self._buckets[name]

    def bucket(self, name: str) -> StoredBucket:
        """Return a bucket.

        Raises:
            OssRefused: no bucket has that name, or can have it.
        """
        with self._lock:
            if name in self._buckets:
                return self._buckets[name]
        check_bucket_name(name)
        raise _no_such_bucket(name)

    def buckets(self) -> tuple[StoredBucket, ...]:
        """Return all buckets by name."""
        with self._lock:
            return tuple(self._buckets[name] for name in sorted(self._buckets))

    def set_acl(self, bucket: StoredBucket, acl: str) -> None:
        """Set who may read and write a bucket."""
        with self._lock:
            bucket.facts = replace(bucket.facts, acl=acl)

    def drop_bucket(self, name: str) -> None:
        """Delete an empty bucket.

        Raises:
            OssRefused: the bucket does not exist, or is not empty.
        """
        with self._lock:
            bucket = self.bucket(name)
            if len(bucket.index):
                raise bucket_not_empty(name)
            self._shelves.remove(bucket.shelf)
            del self._buckets[name]

    def put(
        self,
        bucket: StoredBucket,
        key: bytes,
        body: Body,
        facts: ObjectFacts = PLAIN,
        *,
        modified_at: int | None = None,
        etag: str = "",
        crc64: int | None = None,
    ) -> StoredObject:
        """Store an object; it replaces one of the same key.

        Without `etag` and `crc64` the checksums of the body serve.

        Raises:
            OssRefused: the key or the storage class is not valid, or the bucket was deleted.
        """
        check_key(key)
        check_storage_class(facts.storage_class)
        with self._lock:
            if self._buckets.get(bucket.name) is not bucket:
                raise _no_such_bucket(bucket.name)
            at = self._clock.now_ms() if modified_at is None else modified_at
            self._shelves.put(bucket.shelf, key, body)
            stored = StoredObject(
                key=key,
                etag=etag or body.digest.etag,
                crc64=body.digest.crc64 if crc64 is None else crc64,
                size_bytes=len(body),
                modified_at=at // 1000 * 1000,
                type=facts.type,
                storage_class=facts.storage_class,
                restore=facts.restore,
                headers=facts.headers,
                symlink_target=facts.symlink_target,
            )
            bucket.index.put(stored)
            return stored

    def fill(
        self, bucket: StoredBucket, keys: Iterable[bytes], body: Body, *, modified_at: int | None
    ) -> None:
        """Store many objects that share one body.

        Each takes some hundred bytes of memory; in moto it would take thousands.
        """
        with self._lock:
            at = self._clock.now_ms() if modified_at is None else modified_at
            digest = body.digest
            shared = f"/{digest.etag}".encode()  # no key of OSS begins with a slash
            self._shelves.put(bucket.shelf, shared, body)
            for key in keys:
                check_key(key)
                bucket.index.put(
                    StoredObject(
                        key=key,
                        etag=digest.etag,
                        crc64=digest.crc64,
                        size_bytes=len(body),
                        modified_at=at // 1000 * 1000,
                        shared_body=shared,
                    )
                )

    def keys(self, bucket: StoredBucket) -> tuple[bytes, ...]:
        """Return all keys in byte order."""
        with self._lock:
            return bucket.index.keys()

    def page(self, bucket: StoredBucket, wanted: Wanted) -> Listing:
        """Return one page of a listing."""
        with self._lock:
            return bucket.index.page(wanted)

    def find(self, bucket: StoredBucket, key: bytes) -> StoredObject | None:
        """Return what is known of an object, or None if it does not exist."""
        with self._lock:
            return bucket.index.get(key)

    def get(self, bucket: StoredBucket, key: bytes) -> StoredObject:
        """Return what is known of an object.

        Raises:
            OssRefused: it is not there.
        """
        if (found := self.find(bucket, key)) is not None:
            return found
        raise OssRefused(404, "NoSuchKey", "The specified key does not exist.", Key=key_text(key))

    def body(self, bucket: StoredBucket, key: bytes) -> Body:
        """Return an object's bytes.

        Raises:
            OssRefused: it is not there.
        """
        with self._lock:
            found = self.get(bucket, key)
            return self._shelves.get(bucket.shelf, found.shared_body or key)

    def append(
        self,
        bucket: StoredBucket,
        key: bytes,
        body: Body,
        facts: ObjectFacts,
        *,
        position: int,
    ) -> StoredObject:
        """Append to an appendable object, which position 0 creates with these facts.

        Raises:
            OssRefused: the object is not appendable, or has another length.
        """
        with self._lock:
            found = bucket.index.get(key)
            if found is None:
                check_position(position, 0)
                return self.put(bucket, key, body, facts)
            if found.type != "Appendable":
                raise OssRefused(409, "ObjectNotAppendable", "The object is not appendable")
            check_position(position, found.size_bytes)
            before = self.body(bucket, key)
            return self.put(
                bucket,
                key,
                self.bodies.appended(before, body),
                found,
                etag=etag_of(bytes.fromhex(found.etag) + body.digest.md5),
                crc64=crc64_joined(found.crc64, body.digest),
            )

    def restore(
        self,
        bucket: StoredBucket,
        key: bytes,
        change: Callable[[Restore | None], Restore | None],
    ) -> Restore | None:
        """Change the restore of an object, and return the one before.

        Raises:
            OssRefused: the object is not there, or `change` refuses.
        """
        with self._lock:
            found = self.get(bucket, key)
            bucket.index.put(replace(found, restore=change(found.restore)))
            return found.restore

    def describe(
        self, bucket: StoredBucket, key: bytes, *, headers: Mapping[str, str], storage_class: str
    ) -> StoredObject:
        """Replace the headers and the class of an object, and keep its bytes.

        Raises:
            OssRefused: the object is not there, or the class is not valid.
        """
        check_storage_class(storage_class)
        with self._lock:
            found = self.get(bucket, key)
            same = storage_class == found.storage_class
            stored = replace(
                found,
                headers=headers,
                storage_class=storage_class,
                restore=found.restore if same else None,
                modified_at=self._clock.now_ms() // 1000 * 1000,
            )
            bucket.index.put(stored)
            return stored

    def delete(self, bucket: StoredBucket, key: bytes) -> None:
        """Delete an object, if it exists."""
        with self._lock:
            found = bucket.index.get(key)
            if found is not None and not found.shared_body:
                self._shelves.delete(bucket.shelf, key)
            bucket.index.drop(key)

    def close(self) -> None:
        """Give the memory and the disk space back."""
        with self._lock:
            self._shelves.close()
            self.bodies.close()


def _no_such_bucket(name: str) -> OssRefused:
    return OssRefused(404, "NoSuchBucket", "The specified bucket does not exist.", BucketName=name)

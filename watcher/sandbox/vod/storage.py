"""Where VOD keeps files: in a bucket of its own, and in those that were added to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watcher.sandbox.vod.answers import VodRefused

if TYPE_CHECKING:
    from watcher.sandbox.oss.objects import ObjectStore

OWN_BUCKET: Final = "outin-vod-sandbox"
"""The bucket of VOD itself, which exists from its first use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a file belongs."""

    bucket: str
    key: str
    url: str


class Storage:
    """The storage addresses of VOD in one region."""

    def __init__(self, store: ObjectStore, region: str) -> None:
        self.added: set[str] = set()  # the buckets that were added
        self._store = store
        self._region = region

    def has(self, bucket: str, region: str) -> bool:
        """Return whether a bucket was added, and is in the region of VOD."""
        return (
            bucket in self.added
            and region == self._region
            and any((each.name, each.region) == (bucket, region) for each in self._store.buckets())
        )

    def place_at(self, location: str, key: str) -> Place:
        """Return the place of a key at a storage address; "" is VOD's own.

        Raises:
            VodRefused: VOD has no such address.
        """
        bucket = self._bucket_at(location)
        # VOD makes such keys itself, and none of them has a character to encode.
        return Place(bucket=bucket, key=key, url=f"http://{self._location_of(bucket)}/{key}")

    def _bucket_at(self, location: str) -> str:
        if location in {"", self._location_of(OWN_BUCKET)}:
            return self._store.create_bucket(OWN_BUCKET, self._region).name
        bucket = location.partition(".")[0]
        if location != self._location_of(bucket) or not self.has(bucket, self._region):
            raise VodRefused(404, "InvalidStorage.NotFound", "The StorageLocation does not exist.")
        return bucket

    def _location_of(self, bucket: str) -> str:
        return f"{bucket}.oss-{self._region}.aliyuncs.com"

"""RegisterMedia: which object has which media ID."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from watcher.sandbox.text import key_bytes, key_text, percent_encoded
from watcher.sandbox.vod.answers import VodRefused, not_valid
from watcher.sandbox.vod.echo import SPELLINGS
from watcher.sandbox.vod.extensions import OF_VIDEOS
from watcher.sandbox.vod.file_url import FILE_URL, with_http
from watcher.sandbox.vod.items import items_of
from watcher.sandbox.vod.media import Media, Status, status_of_new

if TYPE_CHECKING:
    from watcher.sandbox.oss.index import StoredObject
    from watcher.sandbox.oss.objects import ObjectStore
    from watcher.sandbox.vod.calls import Call
    from watcher.sandbox.vod.items import Item
    from watcher.sandbox.vod.media import MediaTable
    from watcher.sandbox.vod.options import VodOptions
    from watcher.sandbox.vod.storage import Storage


class Registry:
    """The rules by which VOD registers objects."""

    def __init__(
        self,
        store: ObjectStore,
        storage: Storage,
        table: MediaTable,
        options: VodOptions,
        region: str,
    ) -> None:
        self.refused: set[tuple[str, str]] = set()
        self._store = store
        self._storage = storage
        self._table = table
        self._options = options
        self._region = region
        self._lock = threading.Lock()

    def register(self, call: Call) -> dict[str, object]:
        """Register the valid items; return VOD's lists of registered and failed ones.

        Raises:
            VodRefused: the whole call is refused and has no effect.
        """
        items, deviation = items_of(call.parameters.get("RegisterMetadatas", "")), call.deviation
        bucket = self._bucket_of(items)
        registered: list[dict[str, object]] = []
        failed: list[str] = []
        with self._lock:
            for place, item in enumerate(items):
                deviates = deviation.applies_to(place, item.file_url)
                stored = None if deviates and deviation.refused else self._accepted(bucket, item)
                fields = stored and self._register_object(
                    bucket, stored, item, call, encoded=place % 2 == 0
                )
                if deviates and deviation.omitted:
                    continue
                url = ""
                if deviates and deviation.spelling:
                    url = self._spelled(bucket, item, deviation.spelling)
                if fields:
                    registered.append({**fields, "FileURL": url} if url else fields)
                else:
                    failed.append(url or with_http(item.file_url))
        # No document promises an order, or a form of URL. So no client may rely on either.
        return {"RegisteredMediaList": registered[::-1], "FailedFileURLs": failed[::-1]}

    def _bucket_of(self, items: tuple[Item, ...]) -> str:
        """Return the bucket that all items name, and that was added to VOD."""
        places = set()
        for item in items:
            if (found := FILE_URL.fullmatch(item.file_url)) is None:
                raise not_valid("FileURL")
            places.add((found["bucket"], found["region"]))
        if len(places) > 1:
            raise VodRefused(
                400, "InvalidParameter", "The storage locations of all files must be the same."
            )
        bucket, region = places.pop()
        if not self._storage.has(bucket, region):
            # Of the real answer only the message is known, so this code is the most general one.
            raise VodRefused(
                400, "InvalidParameter", "The storageLocation must be registered on VOD."
            )
        return bucket

    def _accepted(self, bucket: str, item: Item) -> StoredObject | None:
        """Return the object that a URL names, or None if VOD does not accept it."""
        stored = self._object_of(bucket, item)
        if stored is None:
            return None
        text = key_text(stored.key)
        _, dot, extension = text.rpartition("/")[2].rpartition(".")
        accepted = dot and extension.lower() in OF_VIDEOS and (bucket, text) not in self.refused
        return stored if accepted else None

    def _object_of(self, bucket: str, item: Item) -> StoredObject | None:
        """Return the object that a URL names, encoded or raw; None if there is no such object."""
        found = FILE_URL.fullmatch(item.file_url)
        assert found is not None  # noqa: S101 - `_bucket_of` has checked it
        for key in (unquote_to_bytes(found["key"]), found["key"].encode()):
            stored = self._store.find(self._store.bucket(bucket), key)
            if stored is not None:
                return stored
        return None

    def _spelled(self, bucket: str, item: Item, spelling: str) -> str:
        """Return the URL of an item in another spelling; as it was sent if there is no object."""
        stored = self._object_of(bucket, item)
        if stored is None:
            return item.file_url
        return SPELLINGS[spelling](bucket, self._region, key_text(stored.key))

    def _register_object(
        self, bucket: str, stored: StoredObject, item: Item, call: Call, *, encoded: bool
    ) -> dict[str, object]:
        key = key_text(stored.key)
        known = self._table.registered.get((bucket, key))
        media = known or self._new_media(bucket, stored, item, call)
        if not call.deviation.dry_run:
            media.times_asked += 1
            self._table.register(media)
        path = percent_encoded(key, keep="/") if encoded else key
        url = f"http://{bucket}.oss-{self._region}.aliyuncs.com/{path}"
        return {"FileURL": url, "MediaId": media.media_id, "NewRegister": known is None}

    def _new_media(self, bucket: str, stored: StoredObject, item: Item, call: Call) -> Media:
        key = key_text(stored.key)
        template = call.parameters.get("TemplateGroupId", "")
        workflow = call.parameters.get("WorkflowId", "")
        status = status_of_new(template, workflow)
        ends_at = call.at + timedelta(seconds=self._options.transcoding_s)
        return Media(
            media_id=hashlib.md5(key_bytes(f"{bucket}/{key}"), usedforsecurity=False).hexdigest(),
            bucket=bucket,
            key=key,
            file_url=item.file_url,
            title=item.title,
            size_bytes=stored.size_bytes,
            storage_class=stored.storage_class,
            created_at=call.at,
            modified_at=call.at,
            status=status,
            transcoded_at=ends_at if status is Status.TRANSCODING else None,
            description=item.description,
            tags=item.tags,
            cate_id=item.cate_id,
            cover_url=item.cover_url,
            template_group_id=template,
            workflow_id=workflow,
            user_data=call.parameters.get("UserData", ""),
        )

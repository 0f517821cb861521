"""RegisterMedia: which object has which media ID."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_to_bytes

from watcher.sandbox.text import key_bytes, key_text, percent_encoded
from watcher.sandbox.vod.answers import VodRefused
from watcher.sandbox.vod.echo import SPELLINGS
from watcher.sandbox.vod.items import items_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox.oss.objects import ObjectStore
    from watcher.sandbox.vod.items import Item

_FILE_URL: Final = re.compile(
    r"https?://(?P<bucket>[a-z0-9][a-z0-9-]{1,61}[a-z0-9])"
    r"\.oss-(?P<region>[a-z0-9-]+)\.aliyuncs\.com/(?P<key>.+)",
    re.DOTALL,
)
_VIDEO: Final = """
    mp4 ts 3gp mpg mpeg mpe dat vob asf avi wmv flv f4v rm rmvb mov mkv m3u8 dv gif m2t m4v mj2
    mjpeg mts ogg qt swf webm
"""
_AUDIO: Final = "mp3 wma wav aac ra m4a flac ape ac3 amr caf acm"
EXTENSIONS: Final = frozenset((_VIDEO + _AUDIO).split())


@dataclass(slots=True, kw_only=True)
class RegisteredMedia:
    """The facts of one media, all from the first call; later calls only add to the count."""

    media_id: str
    file_url: str
    title: str
    description: str
    tags: str
    cate_id: int
    cover_url: str
    template_group_id: str
    workflow_id: str
    user_data: str
    times_asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """How a fault changes a call for some of its items.

    These are the items of `keys`, or else the first `first` ones.
    """

    keys: frozenset[str] = frozenset()
    first: int = 0
    refused: bool = False  # they do not take effect
    omitted: bool = False  # they are in neither list
    dry_run: bool = False  # no item of the whole call takes effect
    spelling: str = ""  # how the answer spells their URLs; one of `echo.SPELLINGS`

    def applies_to(self, place: int, file_url: str) -> bool:
        """Return whether the item at this place and with this URL is one of them."""
        if self.keys:
            return not self.keys.isdisjoint(named_object(file_url)[1])
        return place < self.first


class Registry:
    """Media by (bucket, key), and the rules by which VOD registers objects."""

    def __init__(self, store: ObjectStore, region: str) -> None:
        self.media: dict[tuple[str, str], RegisteredMedia] = {}
        self.buckets: set[str] = set()
        self.refused: set[tuple[str, str]] = set()
        self._store = store
        self._region = region
        self._lock = threading.Lock()

    def register(
        self, given: Mapping[str, str], deviation: Deviation = Deviation()
    ) -> dict[str, object]:
        """Register the valid items; return VOD's lists of registered and failed ones.

        Raises:
            VodRefused: the whole call is refused and has no effect.
        """
        items = items_of(given.get("RegisterMetadatas", ""))
        bucket = self._bucket_of(items)
        registered: list[dict[str, object]] = []
        failed: list[str] = []
        with self._lock:
            for place, item in enumerate(items):
                deviates = deviation.applies_to(place, item.file_url)
                key = None if deviates and deviation.refused else self._key_of(bucket, item)
                fields = key and self._register_object(
                    bucket, key, item, given, encoded=place % 2 == 0, kept=not deviation.dry_run
                )
                if deviates and deviation.omitted:
                    continue
                url = ""
                if deviates and deviation.spelling:
                    url = self._spelled(bucket, item, deviation.spelling)
                if fields:
                    registered.append({**fields, "FileURL": url} if url else fields)
                else:
                    failed.append(url or _with_http(item.file_url))
        # No document promises an order, or a form of URL. So no client may rely on either.
        return {"RegisteredMediaList": registered[::-1], "FailedFileURLs": failed[::-1]}

    def _bucket_of(self, items: tuple[Item, ...]) -> str:
        """Return the bucket that all items name, and that was added to VOD."""
        places = set()
        for item in items:
            if (found := _FILE_URL.fullmatch(item.file_url)) is None:
                raise VodRefused(
                    400, "InvalidParameter", "The specified parameter FileURL is not valid."
                )
            places.add((found["bucket"], found["region"]))
        if len(places) > 1:
            raise VodRefused(
                400, "InvalidParameter", "The storage locations of all files must be the same."
            )
        bucket, region = places.pop()
        if bucket not in self.buckets or region != self._region or not self._is_here(bucket):
            # Of the real answer only the message is known, so this code is the most general one.
            raise VodRefused(
                400, "InvalidParameter", "The storageLocation must be registered on VOD."
            )
        return bucket

    def _is_here(self, bucket: str) -> bool:
        return any(
            each.name == bucket and each.region == self._region for each in self._store.buckets()
        )

    def _key_of(self, bucket: str, item: Item) -> str | None:
        """Return the key that a URL names, encoded or raw; None if VOD does not accept it."""
        text = self._object_of(bucket, item)
        if text is None:
            return None
        _, dot, extension = text.rpartition("/")[2].rpartition(".")
        accepted = dot and extension.lower() in EXTENSIONS and (bucket, text) not in self.refused
        return text if accepted else None

    def _object_of(self, bucket: str, item: Item) -> str | None:
        """Return the key of the object that a URL names; None if there is no such object."""
        found = _FILE_URL.fullmatch(item.file_url)
        assert found is not None  # noqa: S101 - `_bucket_of` has checked it
        for key in (unquote_to_bytes(found["key"]), found["key"].encode()):
            if self._store.find(self._store.bucket(bucket), key) is not None:
                return key_text(key)
        return None

    def _spelled(self, bucket: str, item: Item, spelling: str) -> str:
        """Return the URL of an item in another spelling; as it was sent if there is no object."""
        key = self._object_of(bucket, item)
        return item.file_url if key is None else SPELLINGS[spelling](bucket, self._region, key)

    def _register_object(
        self,
        bucket: str,
        key: str,
        item: Item,
        given: Mapping[str, str],
        *,
        encoded: bool,
        kept: bool,
    ) -> dict[str, object]:
        known = self.media.get((bucket, key))
        media = known or RegisteredMedia(
            media_id=hashlib.md5(key_bytes(f"{bucket}/{key}"), usedforsecurity=False).hexdigest(),
            file_url=item.file_url,
            title=item.title,
            description=item.description,
            tags=item.tags,
            cate_id=item.cate_id,
            cover_url=item.cover_url,
            template_group_id=given.get("TemplateGroupId", ""),
            workflow_id=given.get("WorkflowId", ""),
            user_data=given.get("UserData", ""),
        )
        if kept:
            media.times_asked += 1
            self.media[bucket, key] = media
        path = percent_encoded(key, keep="/") if encoded else key
        url = f"http://{bucket}.oss-{self._region}.aliyuncs.com/{path}"
        return {"FileURL": url, "MediaId": media.media_id, "NewRegister": known is None}


def named_object(file_url: str) -> tuple[str, frozenset[str]]:
    """Return the bucket and the possible keys of a file URL; "" and no key if it names none."""
    if (found := _FILE_URL.fullmatch(file_url)) is None:
        return "", frozenset()
    return found["bucket"], frozenset(
        {found["key"], unquote(found["key"], errors="surrogateescape")}
    )


def _with_http(file_url: str) -> str:
    return f"http://{file_url.partition('://')[2]}"

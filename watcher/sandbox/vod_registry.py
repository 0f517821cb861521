"""RegisterMedia: which object is which media, once and for all."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, unquote_to_bytes

from watcher.sandbox.vod_answers import VodRefused
from watcher.sandbox.vod_echo import SPELLINGS
from watcher.sandbox.vod_items import items_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox.objects import ObjectStore
    from watcher.sandbox.vod_items import Item

_FILE_URL: Final = re.compile(
    r"https?://(?P<bucket>[a-z0-9][a-z0-9-]{1,61}[a-z0-9])\.oss-(?P<region>[a-z0-9-]+)\.aliyuncs\.com/(?P<key>.+)",
    re.DOTALL,
)
_VIDEO: Final = """
    mp4 ts 3gp mpg mpeg mpe dat vob asf avi wmv flv f4v rm rmvb mov mkv m3u8 dv gif m2t m4v mj2 mjpeg mts ogg qt
    swf webm
"""
_AUDIO: Final = "mp3 wma wav aac ra m4a flac ape ac3 amr caf acm"
EXTENSIONS: Final = frozenset((_VIDEO + _AUDIO).split())


@dataclass(slots=True, kw_only=True)
class RegisteredMedia:
    """What VOD knows of one object: what the first call said.  Later calls change nothing but the count."""

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
    """How one call departs from the rule for some of its items: those of `keys`, or else the first `first`."""

    keys: frozenset[str] = frozenset()
    first: int = 0
    refused: bool = False  # they do not take effect
    omitted: bool = False  # they are in neither list
    rehearsed: bool = False  # nothing of the whole call takes effect, whatever it says
    spelling: str = ""  # how the answer spells their URLs; one of `vod_echo.SPELLINGS`

    def concerns(self, place: int, file_url: str) -> bool:
        """Return whether the item at a place, which asks for this URL, is one of them."""
        return not self.keys.isdisjoint(meant_by(file_url)[1]) if self.keys else place < self.first


class Registry:
    """Media by (bucket, key), and what decides whether an object becomes one."""

    def __init__(self, store: ObjectStore, region: str) -> None:
        self.media: dict[tuple[str, str], RegisteredMedia] = {}
        self.buckets: set[str] = set()
        self.refused: set[tuple[str, str]] = set()
        self._store = store
        self._region = region
        self._lock = threading.Lock()

    def register(self, given: Mapping[str, str], deviation: Deviation = Deviation()) -> dict[str, object]:
        """Register the items that can be, and name the others; a call that is not valid does nothing.

        Raises:
            VodRefused: the whole call is refused.
        """
        items = items_of(given.get("RegisterMetadatas", ""))
        bucket = self._bucket_of(items)
        registered: list[dict[str, object]] = []
        failed: list[str] = []
        with self._lock:
            for place, item in enumerate(items):
                concerned = deviation.concerns(place, item.file_url)
                key = None if concerned and deviation.refused else self._key_of(bucket, item)
                settled = key and self._settle(
                    bucket, key, item, given, encoded=place % 2 == 0, kept=not deviation.rehearsed
                )
                if concerned and deviation.omitted:
                    continue
                url = self._spelled(bucket, item, deviation.spelling) if concerned and deviation.spelling else ""
                if settled:
                    registered.append({**settled, "FileURL": url} if url else settled)
                else:
                    failed.append(url or _echo(item.file_url, "http"))
        # Documents promise no order, and none of the forms a URL can have: neither may be relied upon.
        return {"RegisteredMediaList": registered[::-1], "FailedFileURLs": failed[::-1]}

    def _bucket_of(self, items: tuple[Item, ...]) -> str:
        """Return the one bucket of all items, which VOD must know."""
        places = set()
        for item in items:
            if (found := _FILE_URL.fullmatch(item.file_url)) is None:
                raise VodRefused(400, "InvalidParameter", "The specified parameter FileURL is not valid.")
            places.add((found["bucket"], found["region"]))
        if len(places) > 1:
            raise VodRefused(400, "InvalidParameter", "The storage locations of all files must be the same.")
        bucket, region = places.pop()
        if bucket not in self.buckets or region != self._region or not self._is_here(bucket):
            # Only the sentence is known of the real answer, so the code says as little as it can.
            raise VodRefused(400, "InvalidParameter", "The storageLocation must be registered on VOD.")
        return bucket

    def _is_here(self, bucket: str) -> bool:
        return any(each.name == bucket and each.region == self._region for each in self._store.buckets())

    def _key_of(self, bucket: str, item: Item) -> str | None:
        """Return the key that a URL means, percent-encoded or raw, or None if VOD will not take it."""
        text = self._object_of(bucket, item)
        if text is None:
            return None
        _, dot, extension = text.rpartition("/")[2].rpartition(".")
        return text if dot and extension.lower() in EXTENSIONS and (bucket, text) not in self.refused else None

    def _object_of(self, bucket: str, item: Item) -> str | None:
        """Return the key of the object that a URL means, or None if there is none."""
        found = _FILE_URL.fullmatch(item.file_url)
        assert found is not None  # noqa: S101 - `_bucket_of` has seen to it
        for key in (unquote_to_bytes(found["key"]), found["key"].encode()):
            if self._store.find(self._store.bucket(bucket), key) is not None:
                return key.decode("utf-8", "surrogateescape")
        return None

    def _spelled(self, bucket: str, item: Item, spelling: str) -> str:
        """Return the URL of an item in one of `SPELLINGS`; as it was sent if there is no such object."""
        key = self._object_of(bucket, item)
        return item.file_url if key is None else SPELLINGS[spelling](bucket, self._region, key)

    def _settle(
        self, bucket: str, key: str, item: Item, given: Mapping[str, str], *, encoded: bool, kept: bool
    ) -> dict[str, object]:
        known = self.media.get((bucket, key))
        media = known or RegisteredMedia(
            media_id=hashlib.md5(
                f"{bucket}/{key}".encode("utf-8", "surrogateescape"), usedforsecurity=False
            ).hexdigest(),
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
        path = quote(key, safe="/-_.~", errors="surrogateescape") if encoded else key
        url = f"http://{bucket}.oss-{self._region}.aliyuncs.com/{path}"
        return {"FileURL": url, "MediaId": media.media_id, "NewRegister": known is None}


def meant_by(file_url: str) -> tuple[str, frozenset[str]]:
    """Return the bucket that a URL names and the keys it may mean, or none if it is no object's."""
    if (found := _FILE_URL.fullmatch(file_url)) is None:
        return "", frozenset()
    return found["bucket"], frozenset({found["key"], unquote(found["key"], errors="surrogateescape")})


def _echo(file_url: str, scheme: str) -> str:
    return f"{scheme}://{file_url.partition('://')[2]}"

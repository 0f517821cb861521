"""GetVideoInfos and BatchGetMediaInfos: the facts of media, asked for by ID."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.sandbox.text import utc_second
from watcher.sandbox.vod.answers import VodRefused, not_valid
from watcher.sandbox.vod.media import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from watcher.sandbox.vod.calls import Call
    from watcher.sandbox.vod.media import Media, MediaTable
    from watcher.sandbox.vod.options import VodOptions

MAX_IDS: Final = 20
_SOURCE_STATUS: Final = {
    Status.UPLOADING: "Uploading",
    Status.UPLOAD_FAIL: "UploadFail",
}
"""The status of the source file; of all others it is Normal."""


class MediaInfos:
    """Answers for the media of one table."""

    def __init__(self, table: MediaTable, options: VodOptions, region: str) -> None:
        self._table = table
        self._options = options
        self._region = region

    def get_video_infos(self, call: Call) -> dict[str, object]:
        """Return the facts of videos, and the IDs that no video has.

        Raises:
            VodRefused: the IDs are not valid, or no video was found and the options refuse that.
        """
        found, unknown_ids, unknown_references = self._find(call, "VideoIds")
        if not found and self._options.refuses_unknown_videos:
            raise VodRefused(404, "InvalidVideo.NotFound", "The video does not exist.")
        return {
            "NonExistVideoIds": unknown_ids,
            "NonExistReferenceIds": unknown_references,
            "VideoList": [
                {"VideoId": media.media_id, **self._facts(media, call.at), "Size": media.size_bytes}
                for media in found
            ],
        }

    def batch_get_media_infos(self, call: Call) -> dict[str, object]:
        """Return the facts of media and of their source files, and the IDs that none has.

        Raises:
            VodRefused: the IDs are not valid.
        """
        found, unknown_ids, unknown_references = self._find(call, "MediaIds")
        return {
            "NonExistMediaIds": unknown_ids,
            "NonExistReferenceIds": unknown_references,
            "ForbiddenMediaIds": [],
            "MediaInfos": [
                {
                    "MediaId": media.media_id,
                    "MediaInfo": {"MediaId": media.media_id, **self._facts(media, call.at)},
                    "MezzanineInfo": _source_facts(media, call.at),
                    "PlayInfoList": [],
                }
                for media in found
            ],
        }

    def _find(self, call: Call, ids: str) -> tuple[list[Media], list[str], list[str]]:
        """Return the media, each once, the unknown IDs and the unknown reference IDs."""
        if not call.parameters.get(ids) and not call.parameters.get("ReferenceIds"):
            message = (
                f'The input parameter "{ids}" that is mandatory for processing this request is '
                "not supplied."
            )
            raise VodRefused(400, "MissingParameter", message)
        found: dict[str, Media] = {}
        unknown_ids = _collect(call, ids, self._table.find_video, found)
        unknown_references = _collect(call, "ReferenceIds", self._table.find_reference, found)
        # No document promises an order, so no client may rely on one.
        return list(found.values())[::-1], unknown_ids, unknown_references

    def _facts(self, media: Media, now: datetime) -> dict[str, object]:
        texts = {
            "ReferenceId": media.reference_id,
            "Description": media.description,
            "Tags": media.tags,
            "CoverURL": media.cover_url,
            "TemplateGroupId": media.template_group_id,
            "UserData": media.user_data,
        }
        return {
            "Title": media.title,
            "Status": media.status_at(now).value,
            "CreationTime": utc_second(media.created_at),
            "ModificationTime": utc_second(media.modified_at),
            "CateId": media.cate_id,
            "StorageLocation": f"{media.bucket}.oss-{self._region}.aliyuncs.com",
            "StorageClass": media.storage_class,
            "AppId": media.app_id,
            "DownloadSwitch": "off",
            "Snapshots": [],
            **{name: text for name, text in texts.items() if text},
        }


def _source_facts(media: Media, now: datetime) -> dict[str, object]:
    return {
        "MediaId": media.media_id,
        "FileName": media.key,
        "FileURL": media.file_url,
        "Size": media.size_bytes,
        "Status": _SOURCE_STATUS.get(media.status_at(now), "Normal"),
        "CreationTime": utc_second(media.created_at),
        "VideoStreamList": [],
        "AudioStreamList": [],
    }


def _collect(
    call: Call, name: str, find: Callable[[str], Media | None], found: dict[str, Media]
) -> list[str]:
    """Add the media that a parameter names to `found`, and return the IDs that none has."""
    text = call.parameters.get(name, "")
    if not text:
        return []
    ids = text.split(",")
    if len(ids) > MAX_IDS or not all(ids):
        raise not_valid(name)
    unknown = []
    for each in dict.fromkeys(ids):
        if (media := find(each)) is None:
            unknown.append(each)
        else:
            found[media.media_id] = media
    return unknown

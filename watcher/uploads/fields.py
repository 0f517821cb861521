"""The fields that a caller may give for a medium. An empty one is not sent.

Sources: CreateUploadVideo, CreateUploadImage, CreateUploadAttachedMedia, UploadMediaByURL and
RegisterMedia references.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence


class UploadFields(TypedDict, total=False):
    """Of a medium of any kind."""

    title: str  # without emoji; cut to 128 bytes
    description: str  # without emoji; cut to 1024 bytes
    tags: Sequence[str]  # at most 16, each of at most 32 bytes
    storage_location: str  # a bucket of VOD; "" = the default one
    user_data: str  # a JSON object: callback and your own data
    app_id: str  # "" = app-1000000


class VideoFields(UploadFields, total=False):
    """Of a video or an audio file."""

    cate_id: int  # category; 0 = none
    cover_url: str  # at most 1024 bytes
    file_size_bytes: int
    reference_id: str  # your own ID, unique in the account: 6 to 64 of A-Z a-z 0-9 _ -
    template_group_id: str  # "" = the default group; VOD_NO_TRANSCODE = no transcoding
    workflow_id: str  # wins over template_group_id


class ImageFields(UploadFields, total=False):
    """Of an image."""

    cate_id: int  # category; 0 = none
    original_file_name: str


class AttachedFields(UploadFields, total=False):
    """Of an auxiliary media asset."""

    cate_ids: Sequence[int]  # at most 5 categories
    file_name: str
    file_size_bytes: int


@dataclass(frozen=True, slots=True)
class MediaUrl:
    """A file that VOD is to fetch, as UploadMediaByURL takes it."""

    url: str  # http(s), as it is; it is escaped here, once
    _: KW_ONLY
    title: str = ""  # "" = from the URL; cut to 128 bytes
    description: str = ""  # cut to 1024 bytes
    tags: Sequence[str] = ()  # at most 16, each of at most 32 bytes
    cate_id: int = 0  # category; 0 = none
    cover_url: str = ""  # at most 1024 bytes
    file_size_bytes: int = 0  # 0 = unknown; at most 20 GB
    file_extension: str = ""  # without the dot; wins over the URL's, which may have none
    template_group_id: str = ""  # wins over that of the call
    workflow_id: str = ""  # wins over template_group_id


@dataclass(frozen=True, slots=True)
class MediaFile:
    """An object of a bucket that is added to VOD, as RegisterMedia takes it."""

    file_url: str  # https://BUCKET.oss-REGION.aliyuncs.com/KEY; at most 1024 bytes
    _: KW_ONLY
    title: str = ""  # "" = from the URL; cut to 128 bytes
    description: str = ""  # cut to 1024 bytes
    tags: Sequence[str] = ()  # at most 16, each of at most 32 bytes
    cate_id: int = 0  # category; 0 = none
    cover_url: str = ""  # at most 1024 bytes

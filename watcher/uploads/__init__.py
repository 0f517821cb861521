"""The other six operations of VOD, and RegisterMedia for programs: what goes in, what comes out.

fields, checks    what a caller may say, and what is refused before any call
parameters        what was said, as the parameters of each operation
results           what comes back; credential decodes an upload credential
"""

from watcher.uploads.credential import UploadCredential
from watcher.uploads.fields import AttachedFields, ImageFields, MediaFile, MediaUrl, VideoFields
from watcher.uploads.results import (
    AttachedUpload,
    ImageUpload,
    RegisteredMedia,
    Registration,
    UrlUpload,
    UrlUploadInfo,
    UrlUploadInfos,
    UrlUploads,
    VideoUpload,
)

__all__ = [
    "AttachedFields",
    "AttachedUpload",
    "ImageFields",
    "ImageUpload",
    "MediaFile",
    "MediaUrl",
    "RegisteredMedia",
    "Registration",
    "UploadCredential",
    "UrlUpload",
    "UrlUploadInfo",
    "UrlUploadInfos",
    "UrlUploads",
    "VideoFields",
    "VideoUpload",
]

"""CreateUpload* and RefreshUploadVideo: media whose files are still to be uploaded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from watcher.sandbox.text import key_text
from watcher.sandbox.vod.answers import VodRefused, not_valid
from watcher.sandbox.vod.extensions import (
    OF_ATTACHED_MEDIA,
    OF_IMAGES,
    OF_VIDEOS,
    extension_of,
)
from watcher.sandbox.vod.media import Kind
from watcher.sandbox.vod.sources import new_media, take_source
from watcher.sandbox.vod.upload_parameters import (
    check_categories,
    check_reference_id,
    description_in,
    required,
    treatment_in,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox.clock import SandboxClock
    from watcher.sandbox.oss.objects import ObjectStore
    from watcher.sandbox.vod.calls import Call
    from watcher.sandbox.vod.credentials import UploadCredentials
    from watcher.sandbox.vod.media import Media, MediaTable
    from watcher.sandbox.vod.options import VodOptions
    from watcher.sandbox.vod.storage import Storage
    from watcher.sandbox.vod.upload_parameters import Description, Treatment

_IMAGE_TYPES: Final = ("default", "cover")


class Uploads:
    """The rules by which VOD takes files."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        storage: Storage,
        table: MediaTable,
        credentials: UploadCredentials,
        options: VodOptions,
        clock: SandboxClock,
    ) -> None:
        self._store = store
        self._storage = storage
        self._table = table
        self._credentials = credentials
        self._options = options
        self._clock = clock
        self._lock = threading.Lock()

    def create_video(self, call: Call) -> dict[str, object]:
        """Create a video or an audio, and return where its file may be uploaded.

        Raises:
            VodRefused: a parameter is not valid, or another video has the caller's own ID.
        """
        given, reference_id = call.parameters, call.parameters.get("ReferenceId", "")
        extension = _video_extension(required(given, "FileName"))
        required(given, "Title")
        unit = self._options.unit
        about = description_in(given, unit=unit, unit_of_tags=unit)
        check_reference_id(reference_id)
        media = self._new(
            call,
            Kind.VIDEO,
            f"sv/{call.new_id()[:16]}/{call.new_id()}.{extension}",
            about,
            treatment_in(given, self._options),
        )
        media.reference_id = reference_id
        media.size_bytes = whole_number(given, "FileSize")
        with self._lock:
            known = self._table.find_reference(reference_id) if reference_id else None
            if known is None:
                self._keep(media, call)
        if known is not None and not self._options.answers_used_reference_ids:
            raise not_valid("ReferenceId")
        return self._video_fields(known or media, call)

    def refresh_video(self, call: Call) -> dict[str, object]:
        """Return the address of a video again, with a new credential.

        Raises:
            VodRefused: there is no such video.
        """
        reference_id = call.parameters.get("ReferenceId", "")
        if reference_id and not call.parameters.get("VideoId"):
            found = self._table.find_reference(reference_id)
        else:
            found = self._table.find_video(required(call.parameters, "VideoId"))
        if found is None:
            raise VodRefused(404, "InvalidVideo.NotFound", "The video not exist.")
        return self._video_fields(found, call)

    def create_image(self, call: Call) -> dict[str, object]:
        """Create an image, and return where its file may be uploaded.

        Raises:
            VodRefused: a parameter is not valid.
        """
        given, unit = call.parameters, self._options.unit
        image_type = required(given, "ImageType")
        if image_type not in _IMAGE_TYPES:
            raise not_valid("ImageType")
        extension = _extension(given, "ImageExt", "OriginalFileName") or "png"
        if extension not in OF_IMAGES:
            raise not_valid("ImageExt")
        media = self._new(
            call,
            Kind.IMAGE,
            f"image/{image_type}/{call.new_id().upper()}.{extension}",
            description_in(given, unit=unit, unit_of_tags=unit),
            treatment_in(given, self._options),
        )
        self._keep(media, call)
        return {
            "ImageId": media.media_id,
            "ImageURL": media.file_url,
            "FileURL": media.file_url,
            **self._credentials.fields_for(media, call.at),
        }

    def create_attached_media(self, call: Call) -> dict[str, object]:
        """Create an attached media, and return where its file may be uploaded.

        Raises:
            VodRefused: a parameter is not valid.
        """
        given = call.parameters
        business_type = required(given, "BusinessType")
        if business_type not in OF_ATTACHED_MEDIA:
            raise not_valid("BusinessType")
        extension = _extension(given, "MediaExt", "FileName")
        if extension not in OF_ATTACHED_MEDIA[business_type]:
            raise not_valid("MediaExt")
        check_categories(given.get("CateIds", ""))
        media = self._new(
            call,
            Kind.ATTACHED,
            f"attached/{business_type}/{call.new_id().upper()}.{extension}",
            description_in(given, unit_of_tags=self._options.unit),
            treatment_in(given, self._options),
        )
        media.size_bytes = whole_number(given, "FileSize")
        self._keep(media, call)
        return {
            "MediaId": media.media_id,
            "MediaURL": media.file_url,
            "FileURL": media.file_url,
            **self._credentials.fields_for(media, call.at),
        }

    def object_uploaded(self, bucket: str, key: bytes) -> None:
        """Give a media the file that was uploaded to its address; other objects mean nothing."""
        if media := self._table.uploads.get((bucket, key_text(key))):
            stored = self._store.find(self._store.bucket(bucket), key)
            if stored is not None:
                take_source(media, stored, self._options, at=self._clock.now())

    def _new(
        self, call: Call, kind: Kind, key: str, about: Description, treatment: Treatment
    ) -> Media:
        place = self._storage.place_at(call.parameters.get("StorageLocation", ""), key)
        return new_media(call.new_id(), kind, place, about, treatment, at=call.at)

    def _keep(self, media: Media, call: Call) -> None:
        if not call.deviation.dry_run:
            self._table.upload(media)

    def _video_fields(self, media: Media, call: Call) -> dict[str, object]:
        return {"VideoId": media.media_id, **self._credentials.fields_for(media, call.at)}


def _video_extension(file_name: str) -> str:
    extension = extension_of(file_name)
    if extension not in OF_VIDEOS:
        raise VodRefused(
            400, "InvalidFileName.Extension", "The specified FileName's extension is illegal."
        )
    return extension


def _extension(parameters: Mapping[str, str], name: str, name_of_file: str) -> str:
    """Return the extension that a call names, or else that of its file name; "" = none."""
    given = parameters.get(name, "").lower()
    return given or extension_of(parameters.get(name_of_file, ""))

"""All media of VOD, whether registered or uploaded, and the status of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Status(StrEnum):
    """The status of a video."""

    UPLOADING = "Uploading"
    UPLOAD_FAIL = "UploadFail"
    UPLOAD_SUCC = "UploadSucc"
    TRANSCODING = "Transcoding"
    TRANSCODE_FAIL = "TranscodeFail"
    CHECKING = "Checking"
    BLOCKED = "Blocked"
    NORMAL = "Normal"
    PRODUCE_FAIL = "ProduceFail"


@dataclass(slots=True, kw_only=True)
class Media:
    """The facts of one media. Those of a registered one are all from the first call.

    Later calls only add to its count.
    """

    media_id: str
    bucket: str
    key: str
    file_url: str
    title: str
    size_bytes: int
    storage_class: str  # of the object
    created_at: datetime  # UTC, by the services' clock, as are the others
    modified_at: datetime
    status: Status
    transcoded_at: datetime | None = None  # when Transcoding becomes Normal; None = not by itself
    reference_id: str = ""  # the caller's own ID; "" = none
    description: str = ""
    tags: str = ""
    cate_id: int = 0
    cover_url: str = ""
    template_group_id: str = ""
    workflow_id: str = ""
    user_data: str = ""
    times_asked: int = 0

    def status_at(self, now: datetime) -> Status:
        """Return the status at an instant, which may be after a transcoding."""
        if self.transcoded_at is None or now < self.transcoded_at:
            return self.status
        return Status.NORMAL

    def set_status(self, status: Status, now: datetime) -> None:
        """Set the status, which stays from now on."""
        self.status = status
        self.transcoded_at = None
        self.modified_at = now


class MediaTable:
    """Media by ID, by the caller's own ID, and the registered ones by object."""

    def __init__(self) -> None:
        self.registered: dict[tuple[str, str], Media] = {}  # by bucket and decoded key
        self._by_id: dict[str, Media] = {}
        self._by_reference: dict[str, Media] = {}

    def add(self, media: Media) -> None:
        """Add a media that has no object yet, or one of VOD's own."""
        self._by_id[media.media_id] = media
        if media.reference_id:
            self._by_reference[media.reference_id] = media

    def register(self, media: Media) -> None:
        """Add a media whose object may be registered again."""
        self.add(media)
        self.registered[media.bucket, media.key] = media

    def find(self, media_id: str) -> Media | None:
        """Return the media with an ID, or None."""
        return self._by_id.get(media_id)

    def find_reference(self, reference_id: str) -> Media | None:
        """Return the media with an ID that the caller gave, or None."""
        return self._by_reference.get(reference_id)

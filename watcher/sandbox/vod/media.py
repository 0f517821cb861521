"""All media of VOD, whether registered or uploaded, and the status of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime


NO_TRANSCODE: Final = "VOD_NO_TRANSCODE"  # in place of a template group
DEFAULT_APP: Final = "app-1000000"


class Kind(StrEnum):
    """The kind of a media, as its upload says it."""

    VIDEO = "video"  # or audio
    IMAGE = "image"
    ATTACHED = "attached"


class Status(StrEnum):
    """The status of a media; an image or an attached media has only some of them."""

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
    kind: Kind = Kind.VIDEO
    app_id: str = DEFAULT_APP
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

    def source_arrived(
        self, size_bytes: int, at: datetime, status: Status, transcoding_s: float
    ) -> None:
        """Take the file that was uploaded, or one in its place; the status follows it."""
        self.set_status(status, at)
        self.size_bytes = size_bytes
        if status is Status.TRANSCODING:
            self.transcoded_at = at + timedelta(seconds=transcoding_s)


def status_of_new(template_group_id: str, workflow_id: str) -> Status:
    """Return the status of a video once its file is there; a workflow wins over a template."""
    if not workflow_id and template_group_id == NO_TRANSCODE:
        return Status.NORMAL
    return Status.TRANSCODING if workflow_id or template_group_id else Status.UPLOAD_SUCC


class MediaTable:
    """Media by ID, by the caller's own ID, and by object."""

    def __init__(self) -> None:
        self.registered: dict[tuple[str, str], Media] = {}  # by bucket and decoded key
        self.uploads: dict[tuple[str, str], Media] = {}  # likewise, those that VOD gave an address
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

    def upload(self, media: Media) -> None:
        """Add a media whose object may be uploaded."""
        self.add(media)
        self.uploads[media.bucket, media.key] = media

    def find(self, media_id: str) -> Media | None:
        """Return the media with an ID, or None."""
        return self._by_id.get(media_id)

    def find_video(self, media_id: str) -> Media | None:
        """Return the video with an ID, or None."""
        found = self.find(media_id)
        return found if found and found.kind is Kind.VIDEO else None

    def find_reference(self, reference_id: str) -> Media | None:
        """Return the media with an ID that the caller gave, or None."""
        return self._by_reference.get(reference_id)

"""Jobs of UploadMediaByURL and their statuses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from watcher.sandbox.text import utc_second

if TYPE_CHECKING:
    from datetime import datetime

    from watcher.sandbox.bodies import Body
    from watcher.sandbox.vod.media import Media
    from watcher.sandbox.vod.pull_requests import PullItem
    from watcher.sandbox.vod.storage import Place


class PullStatus(StrEnum):
    """The status of a job."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    DOWNLOADING = "DOWNLOADING"
    DOWNLOAD_SUCCESS = "DOWNLOAD_SUCCESS"
    DOWNLOAD_FAIL = "DOWNLOAD_FAIL"
    UPLOADING = "UPLOADING"
    UPLOAD_SUCCESS = "UPLOAD_SUCCESS"
    UPLOAD_FAIL = "UPLOAD_FAIL"
    SUCCESS = "SUCCESS"


STEPS: Final = (
    PullStatus.PENDING,
    PullStatus.PROCESSING,
    PullStatus.DOWNLOADING,
    PullStatus.DOWNLOAD_SUCCESS,
    PullStatus.UPLOADING,
    PullStatus.UPLOAD_SUCCESS,
    PullStatus.SUCCESS,
)
"""The statuses of a job that succeeds."""
SUCCEEDED: Final = "200"  # in the place of an error code


class PullFailed(Exception):
    """A file cannot be pulled."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


@dataclass(slots=True, kw_only=True)
class PullJob:
    """One URL that is pulled."""

    job_id: str
    media_id: str  # of the media that it becomes
    item: PullItem
    place: Place
    location: str  # the storage address, as the caller named it
    size_bytes: int  # of the file; until it was downloaded, as the caller gave it
    created_at: datetime  # UTC, by the services' clock, as is the end
    step: int = 0  # of `STEPS`
    status: PullStatus = PullStatus.PENDING
    body: Body | None = None  # between the download and the upload
    media: Media | None = None  # once the upload began
    ended_at: datetime | None = None
    error_code: str = ""
    error_message: str = ""

    def end(self, status: PullStatus, at: datetime, code: str, message: str = "") -> None:
        """Set the last status."""
        self.status, self.ended_at = status, at
        self.error_code, self.error_message = code, message

    def facts(self, shown_url: str) -> dict[str, object]:
        """Return what GetURLUploadInfos answers about the job."""
        facts: dict[str, object] = {
            "JobId": self.job_id,
            "UploadURL": shown_url,
            "FileSize": str(self.size_bytes),
            "Status": self.status.value,
            "CreationTime": utc_second(self.created_at),
        }
        if self.media is not None:
            facts["MediaId"] = self.media_id
        if self.item.treatment.user_data:
            facts["UserData"] = self.item.treatment.user_data
        if self.ended_at is not None:
            facts |= {
                "CompleteTime": utc_second(self.ended_at),
                "ErrorCode": self.error_code,
                "ErrorMessage": self.error_message,
            }
        return facts

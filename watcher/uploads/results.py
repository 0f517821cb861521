"""The answers of VOD as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from watcher.uploads.credential import decode

if TYPE_CHECKING:
    from datetime import datetime

    from watcher.uploads.credential import UploadCredential

_ENDED: Final = frozenset(("SUCCESS", "DOWNLOAD_FAIL", "UPLOAD_FAIL"))
_FAILED: Final = frozenset(("DOWNLOAD_FAIL", "UPLOAD_FAIL"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An address and a credential for one upload, valid for 3000 s as a rule.

    Web and mobile SDKs of VOD take `upload_address` and `upload_auth` as they are. Both are secret:
    a repr hides them.
    """

    upload_address: str = field(repr=False)  # Base64
    upload_auth: str = field(repr=False)  # Base64
    request_id: str

    def decoded(self) -> UploadCredential:
        """Return the address and the credential as an OSS client needs them.

        Raises:
            Unanswered: VOD's answer holds something else.
        """
        return decode(self.upload_address, self.upload_auth)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoUpload(Upload):
    """The answer of CreateUploadVideo and RefreshUploadVideo."""

    video_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUpload(Upload):
    """The answer of CreateUploadImage. Its credential cannot be refreshed: ask for another."""

    image_id: str
    image_url: str  # "" if VOD does not say it
    file_url: str  # in OSS, without a signature; "" if VOD does not say it


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedUpload(Upload):
    """The answer of CreateUploadAttachedMedia. Its credential cannot be refreshed either."""

    media_id: str
    media_url: str = field(repr=False)  # may hold an auth_key; "" if VOD does not say it
    file_url: str  # in OSS, without a signature; "" if VOD does not say it


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlUpload:
    """A job of UploadMediaByURL."""

    job_id: str
    source_url: str  # as VOD writes it
    url: str  # as the caller gave it; "" if VOD names another one


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlUploads:
    """The answer of UploadMediaByURL."""

    jobs: tuple[UrlUpload, ...]  # in the order of the URLs
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlUploadInfo:
    """How far a job of UploadMediaByURL is.

    `status` is PENDING, PROCESSING, DOWNLOADING, DOWNLOAD_SUCCESS, DOWNLOAD_FAIL, UPLOADING,
    UPLOAD_SUCCESS, UPLOAD_FAIL or SUCCESS, or a word that VOD has not documented.
    """

    job_id: str
    upload_url: str  # as VOD writes it
    status: str
    media_id: str  # "" = none yet
    file_size_bytes: int | None  # None = not known
    created_at: datetime | None  # an instant with a time zone
    completed_at: datetime | None  # None = not yet
    error_code: str  # "200" of a job that succeeded
    error_message: str
    user_data: str

    @property
    def has_ended(self) -> bool:
        """Whether the status is one that documented jobs end with."""
        return self.status in _ENDED

    @property
    def has_failed(self) -> bool:
        """Whether VOD could not fetch or keep the file."""
        return self.status in _FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlUploadInfos:
    """The answer of GetURLUploadInfos."""

    jobs: tuple[UrlUploadInfo, ...]
    not_found: tuple[str, ...]  # job IDs or URLs that VOD does not know, as they were given
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredMedia:
    """A file that VOD knows. It may not be playable yet: transcoding has only been accepted."""

    file_url: str  # as it was sent
    media_id: str
    new_register: bool  # False: VOD knew it before


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The answer of RegisterMedia. Each file is in one of the three tuples."""

    registered: tuple[RegisteredMedia, ...]
    failed_file_urls: tuple[str, ...]  # VOD refused them; it gives no reason
    unmentioned_file_urls: tuple[str, ...]  # the answer is not about them: ask for each alone
    request_id: str

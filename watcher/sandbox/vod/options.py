"""How the local VOD behaves where the documents leave it open, and how long its work takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watcher.sandbox.vod.texts import Unit


@dataclass(slots=True, kw_only=True)
class VodOptions:
    """Options that may be set at any time. All times are of the services' clock."""

    transcoding_s: float = 60.0  # from the registration or the upload to Normal
    # Whether GetVideoInfos is refused if it finds no video: the error is documented, not its cause.
    refuses_unknown_videos: bool = True
    credential_s: float = 3000.0  # how long the credential of an upload is valid
    # The template group of an upload that names none. `VOD_NO_TRANSCODE` is one that does nothing.
    default_template_group: str = "default"
    template_groups: frozenset[str] | None = None  # those that exist; None = every one
    # Whether a used ReferenceId gets the video that has it. Else CreateUploadVideo is refused.
    answers_used_reference_ids: bool = False
    # How titles, descriptions and tags are counted where the documents say characters, and their
    # error says bytes.
    unit: Unit = "bytes"
    pull_step_s: float = 5.0  # how long a job of UploadMediaByURL stays in each status
    max_pull_bytes: int = 20 * 1024**3  # of the file of one such job
    # The code for a SessionId that was used within ten minutes: only the refusal is documented.
    used_session_code: str = "InvalidParameter"
    # Whether the URLs in the answers about jobs are decoded. Else they are as they were sent.
    decodes_job_urls: bool = True
    # Whether GetURLUploadInfos lists what it does not find as JSON in a text. Else as a list.
    non_exists_as_text: bool = False

"""CreateUploadAttachedMedia: an address and a credential for an auxiliary media asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aliyunsdkvod.request.v20170321.CreateUploadAttachedMediaRequest import (
    CreateUploadAttachedMediaRequest,
)

from watcher.uploads.results import AttachedUpload
from watcher.vod.error_codes import UnknownOutcome
from watcher.vod.single_call import needed, text, unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.vod.single_call import SingleCalls

_HINT: Final = "VOD may hold an asset without a file now. Repeating the call creates another one."


def create_upload_attached_media(
    calls: SingleCalls, parameters: Mapping[str, str | int]
) -> AttachedUpload:
    """Return the answer.

    Raises:
        CloudError: there is none, or it is a refusal.
    """
    try:
        answer = calls.ask(CreateUploadAttachedMediaRequest(), parameters)
        media_id, address, auth = needed(answer, "MediaId", "UploadAddress", "UploadAuth")
    except UnknownOutcome as unknown:
        raise unanswered(unknown, _HINT) from None
    return AttachedUpload(
        media_id=media_id,
        media_url=text(answer, "MediaURL"),
        file_url=text(answer, "FileURL"),
        upload_address=address,
        upload_auth=auth,
        request_id=text(answer, "RequestId"),
    )

"""CreateUploadVideo: an address and a credential for a video or an audio file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aliyunsdkvod.request.v20170321.CreateUploadVideoRequest import CreateUploadVideoRequest

from watcher.uploads.results import VideoUpload
from watcher.vod.error_codes import UnknownOutcome
from watcher.vod.single_call import needed, text, unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.vod.single_call import SingleCalls

_HINT: Final = (
    "VOD may hold a medium without a file now. Repeating the call creates another one. With a "
    "reference_id, look for the medium first."
)


def create_upload_video(calls: SingleCalls, parameters: Mapping[str, str | int]) -> VideoUpload:
    """Return the answer.

    Raises:
        CloudError: there is none, or it is a refusal.
    """
    try:
        answer = calls.ask(CreateUploadVideoRequest(), parameters)
        video_id, address, auth = needed(answer, "VideoId", "UploadAddress", "UploadAuth")
    except UnknownOutcome as unknown:
        raise unanswered(unknown, _HINT) from None
    return VideoUpload(
        video_id=video_id,
        upload_address=address,
        upload_auth=auth,
        request_id=text(answer, "RequestId"),
    )

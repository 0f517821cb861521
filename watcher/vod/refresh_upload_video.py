"""RefreshUploadVideo: another credential for the address of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aliyunsdkvod.request.v20170321.RefreshUploadVideoRequest import RefreshUploadVideoRequest

from watcher.uploads.results import VideoUpload
from watcher.vod.error_codes import UnknownOutcome
from watcher.vod.single_call import needed, text, unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.vod.single_call import SingleCalls

_HINT: Final = "Repeat the call: it changes nothing of the medium."


def refresh_upload_video(calls: SingleCalls, parameters: Mapping[str, str | int]) -> VideoUpload:
    """Return the answer.

    Raises:
        CloudError: there is none, or it is a refusal.
    """
    try:
        answer = calls.ask(RefreshUploadVideoRequest(), parameters)
        address, auth = needed(answer, "UploadAddress", "UploadAuth")
    except UnknownOutcome as unknown:
        raise unanswered(unknown, _HINT) from None
    return VideoUpload(
        video_id=text(answer, "VideoId") or str(parameters.get("VideoId", "")),
        upload_address=address,
        upload_auth=auth,
        request_id=text(answer, "RequestId"),
    )

"""CreateUploadImage: an address and a credential for an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aliyunsdkvod.request.v20170321.CreateUploadImageRequest import CreateUploadImageRequest

from watcher.uploads.results import ImageUpload
from watcher.vod.error_codes import IMAGE_WRAPPER, UnknownOutcome
from watcher.vod.single_call import needed, text, unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.vod.single_call import SingleCalls

_HINT: Final = "VOD may hold an image without a file now. Repeating the call creates another one."


def create_upload_image(calls: SingleCalls, parameters: Mapping[str, str | int]) -> ImageUpload:
    """Return the answer.

    Raises:
        CloudError: there is none, or it is a refusal.
    """
    try:
        answer = _bare(calls.ask(CreateUploadImageRequest(), parameters))
        image_id, address, auth = needed(answer, "ImageId", "UploadAddress", "UploadAuth")
    except UnknownOutcome as unknown:
        raise unanswered(unknown, _HINT) from None
    return ImageUpload(
        image_id=image_id,
        image_url=text(answer, "ImageURL"),
        file_url=text(answer, "FileURL"),
        upload_address=address,
        upload_auth=auth,
        request_id=text(answer, "RequestId"),
    )


def _bare(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer without the wrapper that the reference shows, and the SDK does not."""
    inner = answer.get(IMAGE_WRAPPER)
    return {**answer, **inner} if isinstance(inner, dict) else answer

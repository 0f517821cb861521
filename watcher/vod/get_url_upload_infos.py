"""GetURLUploadInfos: how far jobs of UploadMediaByURL are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aliyunsdkvod.request.v20170321.GetURLUploadInfosRequest import GetURLUploadInfosRequest

from watcher.errors import Unavailable
from watcher.uploads.credential import instant
from watcher.uploads.results import UrlUploadInfo, UrlUploadInfos
from watcher.vod.error_codes import UnknownOutcome
from watcher.vod.single_call import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.vod.single_call import SingleCalls


def get_url_upload_infos(
    calls: SingleCalls, parameters: Mapping[str, str | int], given: Mapping[str, str]
) -> UrlUploadInfos:
    """Return the answer; `given` is {ID or URL as it was sent: as the caller gave it}.

    Raises:
        CloudError: there is none, or it is a refusal.
    """
    try:
        answer = calls.ask(GetURLUploadInfosRequest(), parameters)
    except UnknownOutcome as unknown:
        raise Unavailable(
            str(unknown), hint="Repeat the call.", request_id=unknown.request_id
        ) from None
    listed = answer.get("URLUploadInfoList")
    items = listed if isinstance(listed, list) else []
    return UrlUploadInfos(
        jobs=tuple(_info(each) for each in items if isinstance(each, dict)),
        not_found=tuple(given.get(each, each) for each in _texts(answer.get("NonExists"))),
        request_id=text(answer, "RequestId"),
    )


def _info(item: dict[str, Any]) -> UrlUploadInfo:
    size = text(item, "FileSize")
    return UrlUploadInfo(
        job_id=text(item, "JobId"),
        upload_url=text(item, "UploadURL"),
        status=text(item, "Status"),
        media_id=text(item, "MediaId"),
        file_size_bytes=int(size) if size.isascii() and size.isdecimal() else None,
        created_at=instant(text(item, "CreationTime")),
        completed_at=instant(text(item, "CompleteTime")),
        error_code=text(item, "ErrorCode"),
        error_message=text(item, "ErrorMessage"),
        user_data=text(item, "UserData"),
    )


def _texts(value: object) -> tuple[str, ...]:
    """Return the texts of an array, which may come as JSON in a text."""
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = [value] if value else []
        value = found
    return tuple(str(each) for each in value) if isinstance(value, list) else ()

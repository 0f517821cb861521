"""Whatever VOD answers, `watcher.Vod` returns a value or raises one of its errors."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.canned_vod import UPLOAD, CannedVod
from watcher.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
ITEMS = st.lists(
    ANYTHING
    | st.dictionaries(
        st.sampled_from(
            ["JobId", "SourceURL", "UploadURL", "Status", "FileSize", "CreationTime", "FileURL",
             "MediaId", "NewRegister", "ErrorCode"]
        ),
        ANYTHING,
        max_size=6,
    ),
    max_size=4,
)  # fmt: skip
FIELDS = (
    *("RequestId", "VideoId", "ImageId", "MediaId", "UploadAddress", "UploadAuth", "ImageURL"),
    *("CreateUploadImageResponse", "UploadJobs", "URLUploadInfoList", "NonExists"),
    *("RegisteredMediaList", "FailedFileURLs", "Code", "Message"),
)
ANSWERS = st.dictionaries(st.sampled_from(FIELDS), ANYTHING | ITEMS, max_size=8)


@pytest.fixture(scope="module")
def canned() -> Iterator[CannedVod]:
    with CannedVod() as server:
        yield server


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=ANSWERS, has_keys=st.booleans(), status=st.sampled_from([200, 400, 403, 404, 503]))
def test_no_answer_is_a_bug(
    canned: CannedVod, answer: dict[str, Any], *, has_keys: bool, status: int
) -> None:
    said = {**answer, **UPLOAD} if has_keys else answer
    canned.status = status
    with canned.client() as vod:
        calls: dict[str, Callable[[], object]] = {
            "CreateUploadVideo": lambda: vod.create_upload_video("a.mp4"),
            "RefreshUploadVideo": lambda: vod.refresh_upload_video("v-1"),
            "CreateUploadImage": vod.create_upload_image,
            "CreateUploadAttachedMedia": lambda: vod.create_upload_attached_media(
                "subtitle", "srt"
            ),
            "UploadMediaByURL": lambda: vod.upload_media_by_url(["http://h/a.mp4"]),
            "GetURLUploadInfos": lambda: vod.get_url_upload_infos(job_ids=["j-1"]),
            "RegisterMedia": lambda: vod.register_media(["https://b-1.h/a.mp4"]),
        }
        canned.answers = dict.fromkeys(calls, said)
        for call in calls.values():
            with suppress(CloudError):
                assert repr(call())

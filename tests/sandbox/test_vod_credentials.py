"""The credentials of uploads: what they may do, how long, and how they are refreshed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import oss2
import pytest

from tests.support.acs3 import acs3_call
from tests.support.vod_uploads import (
    CREATE,
    VIDEO,
    ask,
    created,
    decoded,
    key_in,
    put,
    refusal,
    upload_client,
    video_status,
)
from tests.support.workspace import BUCKET
from watcher.sandbox.vod.service import ACTIONS
from watcher.sandbox.vod.storage import OWN_BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

ALL = pytest.mark.parametrize("action", CREATE)


def test_a_credential_expires_when_it_says(sandbox: Sandbox) -> None:
    sandbox.clock_offset_s = 500
    sandbox.vod.options.credential_s = 600
    auth = decoded(created(sandbox)["UploadAuth"])
    expires_at = datetime.strptime(auth["ExpireUTCTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert auth["Expiration"] == "600"
    assert 590 < (expires_at - sandbox.clock.now()).total_seconds() <= 600


@ALL
def test_a_credential_is_for_its_object_alone(sandbox: Sandbox, action: str) -> None:
    answer, other = created(sandbox, action), created(sandbox, action)
    assert key_in(answer) != key_in(other)
    for bucket, key in (("", key_in(other)), ("", f"{key_in(answer)}x"), (BUCKET, key_in(answer))):
        with pytest.raises(oss2.exceptions.AccessDenied):
            upload_client(answer, bucket).put_object(key, b"x")
    with pytest.raises(oss2.exceptions.AccessDenied):
        upload_client(answer).list_objects_v2()
    assert sandbox.oss.keys(OWN_BUCKET) == sandbox.oss.keys(BUCKET) == ()


def test_the_credential_of_a_playlist_is_for_its_slices_too(sandbox: Sandbox) -> None:
    answer, other = (created(sandbox, FileName="a.m3u8") for _ in range(2))
    prefix, foreign = (decoded(each["UploadAddress"])["ObjectPrefix"] for each in (answer, other))
    assert key_in(answer).startswith(prefix)
    upload_client(answer).put_object(f"{prefix}slice-1.ts", b"x")
    assert video_status(sandbox, answer["VideoId"]) == "Uploading"
    with pytest.raises(oss2.exceptions.AccessDenied):
        upload_client(answer).put_object(f"{foreign}slice-1.ts", b"x")
    put(answer)
    assert video_status(sandbox, answer["VideoId"]) == "Transcoding"


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_a_credential_calls_no_vod(sandbox: Sandbox, action: str) -> None:
    auth = decoded(created(sandbox)["UploadAuth"])
    issued = sandbox.account.identify(
        auth["AccessKeyId"], auth["SecurityToken"], sandbox.clock.now()
    )
    answer = acs3_call(sandbox, action, VIDEO, signer=issued)
    assert (answer.status_code, answer.json()["Code"]) == (403, "Forbidden.RAM")


def test_an_expired_credential_is_healed_by_a_refresh(sandbox: Sandbox) -> None:
    sandbox.vod.options.credential_s = 300
    answer = created(sandbox)
    bucket, key = upload_client(answer), key_in(answer)
    upload = bucket.init_multipart_upload(key).upload_id
    first = bucket.upload_part(key, upload, 1, b"x" * 102_400)
    sandbox.clock_offset_s = 301
    with pytest.raises(oss2.exceptions.ServerError) as expired:
        bucket.upload_part(key, upload, 2, b"y")
    assert (expired.value.status, expired.value.code) == (403, "SecurityTokenExpired")
    fresh = ask(sandbox, "RefreshUploadVideo", VideoId=answer["VideoId"])
    assert set(fresh) == {"RequestId", "VideoId", "UploadAddress", "UploadAuth"}
    assert (fresh["VideoId"], fresh["UploadAddress"]) == (
        answer["VideoId"], answer["UploadAddress"],
    )  # fmt: skip
    bucket = upload_client(fresh)
    second = bucket.upload_part(key, upload, 2, b"y")
    parts = [oss2.models.PartInfo(1, first.etag), oss2.models.PartInfo(2, second.etag)]
    bucket.complete_multipart_upload(key, upload, parts)
    assert video_status(sandbox, answer["VideoId"]) == "Transcoding"


def test_a_refresh_takes_the_callers_own_id_too(sandbox: Sandbox) -> None:
    answer = created(sandbox, ReferenceId="my-own-1")
    assert (
        ask(sandbox, "RefreshUploadVideo", ReferenceId="my-own-1")["VideoId"] == answer["VideoId"]
    )
    other = created(sandbox)
    both = {"VideoId": other["VideoId"], "ReferenceId": "my-own-1"}
    assert ask(sandbox, "RefreshUploadVideo", **both)["VideoId"] == other["VideoId"]


def test_a_refresh_is_for_videos_that_exist(sandbox: Sandbox) -> None:
    image, attached = (
        created(sandbox, "CreateUploadImage"),
        created(sandbox, "CreateUploadAttachedMedia"),
    )
    for given in (
        {"VideoId": "unknown"},
        {"ReferenceId": "unknown"},
        {"VideoId": image["ImageId"]},
        {"VideoId": attached["MediaId"]},
    ):
        found = refusal(sandbox, "RefreshUploadVideo", **given)
        assert found == (404, "InvalidVideo.NotFound")
    assert refusal(sandbox, "RefreshUploadVideo") == (400, "MissingVideoId")

"""The real SDKs create media in the local VOD, and upload their files with what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import oss2
import pytest

from tests.support.acs3 import acs3_call
from tests.support.vod_uploads import (
    ATTACHED,
    CREATE,
    ID,
    IMAGE,
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
from watcher.sandbox.vod.media import Status
from watcher.sandbox.vod.storage import OWN_BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox
    from watcher.sandbox.vod.media import Media

ALL = pytest.mark.parametrize("action", CREATE)


def media_of(sandbox: Sandbox, action: str, answer: Any) -> Media:
    media = sandbox.vod.table.find(answer[ID[action]])
    assert media
    return media


def multipart(bucket: oss2.Bucket, key: str) -> None:
    upload = bucket.init_multipart_upload(key).upload_id
    parts = [
        oss2.models.PartInfo(number, bucket.upload_part(key, upload, number, body).etag)
        for number, body in enumerate((b"x" * 102_400, b"y"), 1)
    ]
    assert len(bucket.list_parts(key, upload).parts) == 2
    bucket.complete_multipart_upload(key, upload, parts)


@ALL
def test_an_answer_has_the_documented_fields(sandbox: Sandbox, action: str) -> None:
    urls = {
        "CreateUploadVideo": set(),
        "CreateUploadImage": {"ImageURL", "FileURL"},
        "CreateUploadAttachedMedia": {"MediaURL", "FileURL"},
    }
    answer = created(sandbox, action)
    assert set(answer) == {"RequestId", ID[action], "UploadAddress", "UploadAuth", *urls[action]}
    address, auth = decoded(answer["UploadAddress"]), decoded(answer["UploadAuth"])
    assert set(address) == {"Endpoint", "Bucket", "FileName"}
    assert (address["Endpoint"], address["Bucket"]) == (sandbox.url, OWN_BUCKET)
    for name in urls[action]:
        assert answer[name] == (
            f"http://{OWN_BUCKET}.oss-cn-shanghai.aliyuncs.com/{address['FileName']}"
        )
    assert set(auth) == {
        "AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration", "ExpireUTCTime", "Region",
    }  # fmt: skip
    assert (auth["Expiration"], auth["Region"]) == ("3000", "cn-shanghai")


@ALL
@pytest.mark.parametrize("way", ["PutObject", "multipart"])
def test_an_upload_with_the_credential_gives_the_media_its_file(
    sandbox: Sandbox, action: str, way: str
) -> None:
    sandbox.vod.options.default_template_group = "VOD_NO_TRANSCODE"
    answer = created(sandbox, action)
    media = media_of(sandbox, action, answer)
    assert media.size_bytes == 0
    if way == "PutObject":
        put(answer)
    else:
        multipart(upload_client(answer), key_in(answer))
    assert media.status is Status.NORMAL
    assert media.size_bytes == (5 if way == "PutObject" else 102_401)
    assert len(sandbox.oss.body(OWN_BUCKET, key_in(answer))) == media.size_bytes


def test_an_unfinished_upload_changes_no_status(sandbox: Sandbox) -> None:
    answer = created(sandbox)
    bucket, key = upload_client(answer), key_in(answer)
    upload = bucket.init_multipart_upload(key).upload_id
    bucket.upload_part(key, upload, 1, b"x")
    assert video_status(sandbox, answer["VideoId"]) == "Uploading"
    bucket.abort_multipart_upload(key, upload)
    assert video_status(sandbox, answer["VideoId"]) == "Uploading"


@pytest.mark.parametrize(
    ("given", "default", "at_once", "later"),
    [
        ({}, "default", "Transcoding", "Normal"),
        ({}, "VOD_NO_TRANSCODE", "Normal", "Normal"),
        ({}, "", "UploadSucc", "UploadSucc"),
        ({"TemplateGroupId": "VOD_NO_TRANSCODE"}, "default", "Normal", "Normal"),
        ({"TemplateGroupId": "group"}, "VOD_NO_TRANSCODE", "Transcoding", "Normal"),
        ({"WorkflowId": "flow"}, "VOD_NO_TRANSCODE", "Transcoding", "Normal"),
    ],
)
def test_a_status_after_the_upload_follows_from_the_template_and_the_clock(
    sandbox: Sandbox, given: dict[str, str], default: str, at_once: str, later: str
) -> None:
    sandbox.vod.options.default_template_group = default
    answer = created(sandbox, **given)
    sandbox.clock_offset_s = 100
    put(answer)
    assert video_status(sandbox, answer["VideoId"]) == at_once
    sandbox.clock_offset_s = 161
    assert video_status(sandbox, answer["VideoId"]) == later


def test_a_source_that_is_replaced_is_transcoded_again(sandbox: Sandbox) -> None:
    answer = created(sandbox)
    put(answer)
    sandbox.clock_offset_s = 500
    assert video_status(sandbox, answer["VideoId"]) == "Normal"
    fresh = ask(sandbox, "RefreshUploadVideo", VideoId=answer["VideoId"])
    upload_client(fresh).init_multipart_upload(key_in(fresh))
    assert video_status(sandbox, answer["VideoId"]) == "Normal"
    put(fresh, b"longer file")
    (one,) = ask(sandbox, "GetVideoInfos", VideoIds=answer["VideoId"])["VideoList"]
    assert (one["Status"], one["Size"]) == ("Transcoding", 11)


def test_two_calls_create_two_media(sandbox: Sandbox) -> None:
    one, other = created(sandbox), created(sandbox)
    assert one["VideoId"] != other["VideoId"]
    assert one["UploadAddress"] != other["UploadAddress"]


def test_a_used_reference_id_is_refused_or_answered_with_its_video(sandbox: Sandbox) -> None:
    first = created(sandbox, ReferenceId="my-own-1")
    again = {**VIDEO, "ReferenceId": "my-own-1", "Title": "other"}
    assert refusal(sandbox, "CreateUploadVideo", **again) == (400, "InvalidParameter")
    sandbox.vod.options.answers_used_reference_ids = True
    second = ask(sandbox, "CreateUploadVideo", **again)
    assert second["VideoId"] == first["VideoId"]
    assert second["UploadAddress"] == first["UploadAddress"]
    (one,) = ask(sandbox, "GetVideoInfos", ReferenceIds="my-own-1")["VideoList"]
    assert (one["VideoId"], one["Title"]) == (first["VideoId"], "title")


def test_the_facts_of_a_video_are_those_of_its_call(sandbox: Sandbox) -> None:
    given: dict[str, Any] = {
        "Description": "d", "Tags": "a,b", "CateId": 7, "CoverURL": "http://c/1.jpg",
        "UserData": '{"Extend": {"a": 1}}', "FileSize": 99, "AppId": "app-1", "WorkflowId": "flow",
        "TemplateGroupId": "group", "ReferenceId": "my-own-1", "FileName": "C:\\x\\视频 🎬.MP4",
    }  # fmt: skip
    answer = created(sandbox, **given)
    assert key_in(answer).endswith(".mp4")
    (one,) = ask(sandbox, "GetVideoInfos", VideoIds=answer["VideoId"])["VideoList"]
    for name, value in {**given, "Title": "title", "Status": "Uploading"}.items():
        if name not in {"FileSize", "FileName", "WorkflowId"}:
            assert one[name] == value
    assert one["Size"] == 99
    assert one["StorageLocation"] == f"{OWN_BUCKET}.oss-cn-shanghai.aliyuncs.com"


def test_the_storage_class_of_a_video_is_that_of_its_file(sandbox: Sandbox) -> None:
    answer = created(sandbox)
    upload_client(answer).put_object(key_in(answer), b"x", {"x-oss-storage-class": "IA"})
    (one,) = ask(sandbox, "GetVideoInfos", VideoIds=answer["VideoId"])["VideoList"]
    assert one["StorageClass"] == "IA"


def test_images_and_attached_media_are_no_videos(sandbox: Sandbox) -> None:
    image = created(sandbox, "CreateUploadImage")
    assert refusal(sandbox, "GetVideoInfos", VideoIds=image["ImageId"])[1] == (
        "InvalidVideo.NotFound"
    )


def test_a_file_goes_to_the_storage_location_that_a_call_names(sandbox: Sandbox) -> None:
    location = f"{BUCKET}.oss-cn-shanghai.aliyuncs.com"
    answer = created(sandbox, StorageLocation=location)
    assert OWN_BUCKET not in sandbox.oss.buckets()
    put(answer)
    assert sandbox.oss.body(BUCKET, key_in(answer)) == b"12345"
    own = created(sandbox, StorageLocation=f"{OWN_BUCKET}.oss-cn-shanghai.aliyuncs.com")
    assert decoded(own["UploadAddress"])["Bucket"] == OWN_BUCKET


@ALL
def test_only_a_storage_location_of_vod_may_be_named(sandbox: Sandbox, action: str) -> None:
    sandbox.oss.create_bucket("not-added", add_to_vod=False)
    sandbox.oss.create_bucket("far-away", "cn-beijing")
    for location in (
        "not-added.oss-cn-shanghai.aliyuncs.com",
        "far-away.oss-cn-beijing.aliyuncs.com",
        "far-away.oss-cn-shanghai.aliyuncs.com",
        "unknown.oss-cn-shanghai.aliyuncs.com",
        BUCKET,
        "nonsense",
    ):
        found = refusal(sandbox, action, **CREATE[action], StorageLocation=location)
        assert found == (404, "InvalidStorage.NotFound")


@ALL
def test_a_call_by_acs3_is_answered_alike(sandbox: Sandbox, action: str) -> None:
    by_acs3 = acs3_call(sandbox, action, CREATE[action]).json()
    assert set(by_acs3) == set(created(sandbox, action))
    put(by_acs3)
    assert media_of(sandbox, action, by_acs3).size_bytes == 5


def test_the_kinds_of_images_and_attached_media_are_in_their_keys(sandbox: Sandbox) -> None:
    keys = [
        key_in(ask(sandbox, "CreateUploadImage", ImageType="cover", OriginalFileName="a.HEIC")),
        key_in(ask(sandbox, "CreateUploadImage", **IMAGE)),
        key_in(ask(sandbox, "CreateUploadImage", **IMAGE, ImageExt="webp", OriginalFileName="a")),
        key_in(ask(sandbox, "CreateUploadAttachedMedia", **ATTACHED, FileName="a.srt")),
        key_in(
            ask(sandbox, "CreateUploadAttachedMedia", BusinessType="subtitle", FileName="a.srt")
        ),
    ]
    assert [(key.rpartition("/")[0], key.rpartition(".")[2]) for key in keys] == [
        ("image/cover", "heic"), ("image/default", "png"), ("image/default", "webp"),
        ("attached/watermark", "png"), ("attached/subtitle", "srt"),
    ]  # fmt: skip

"""`watcher.Vod` over HTTP: the parameters of each operation, and its answer as a value."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.support.canned_vod import IMAGE, UPLOAD, UPLOAD_SECRETS, CannedVod
from watcher.uploads import MediaFile, MediaUrl, UploadCredential

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher import Vod

WRAPPER = "CreateUploadImageResponse"
HOST = "https://b-1.oss-cn-shanghai.aliyuncs.com"
ODD = "https://example.com/a,b c/视频+%2C.mp4?token=x&y=1"


@pytest.fixture
def canned() -> Iterator[CannedVod]:
    with CannedVod() as server:
        yield server


@pytest.fixture
def vod(canned: CannedVod) -> Iterator[Vod]:
    with canned.client() as client:
        yield client


def test_a_video_is_created_as_in_the_vendor_s_sample(canned: CannedVod, vod: Vod) -> None:
    made = vod.create_upload_video(
        "/opt/video/sample/video_file.mp4",
        title="Video Title",
        description="Video Description",
        cover_url="http://example.com/700.png",
        tags=["tag1", "tag2"],
        cate_id=7,
        file_size_bytes=1024,
        reference_id="my-own-id_1",
    )
    assert canned.calls[-1]["Action"] == "CreateUploadVideo"
    assert canned.last == {
        "FileName": "/opt/video/sample/video_file.mp4",
        "Title": "Video Title",
        "Description": "Video Description",
        "CoverURL": "http://example.com/700.png",
        "Tags": "tag1,tag2",
        "CateId": "7",
        "FileSize": "1024",
        "ReferenceId": "my-own-id_1",
    }
    assert (made.video_id, made.request_id) == ("v-1", "R-1")
    assert made.upload_auth == UPLOAD["UploadAuth"]


def test_a_credential_is_decoded_on_demand(vod: Vod) -> None:
    assert vod.create_upload_video("a.mp4").decoded() == UploadCredential(
        endpoint="https://oss-cn-shanghai.aliyuncs.com",
        bucket="outin-1",
        object_key="sv/a.mp4",
        region="cn-shanghai",
        access_key_id=UPLOAD_SECRETS[0],
        access_key_secret=UPLOAD_SECRETS[1],
        security_token=UPLOAD_SECRETS[2],
        lifetime_s=3000,
        expires_at=datetime(2026, 11, 25, 8, tzinfo=UTC),
    )


def test_no_repr_shows_a_secret(vod: Vod) -> None:
    made = [
        vod.create_upload_video("a.mp4"),
        vod.create_upload_image(),
        vod.create_upload_attached_media("watermark", "gif"),
    ]
    shown = repr([vod, *made, *(each.decoded() for each in made)])
    hidden = (*UPLOAD_SECRETS, UPLOAD["UploadAuth"], UPLOAD["UploadAddress"], "k-1")
    assert [secret for secret in hidden if secret in shown] == []


def test_a_credential_is_refreshed_by_either_id(canned: CannedVod, vod: Vod) -> None:
    assert vod.refresh_upload_video("v-1").video_id == "v-1"
    assert canned.last == {"VideoId": "v-1"}
    vod.refresh_upload_video(reference_id="my-own-id")
    assert canned.last == {"ReferenceId": "my-own-id"}


@pytest.mark.parametrize(
    "answer",
    [IMAGE, {WRAPPER: IMAGE}, {"RequestId": "R-1", WRAPPER: IMAGE}],
    ids=["bare", "wrapped", "half wrapped"],
)
def test_an_image_is_created_whether_the_answer_is_wrapped_or_not(
    canned: CannedVod, vod: Vod, answer: dict[str, Any]
) -> None:
    canned.answers["CreateUploadImage"] = answer
    made = vod.create_upload_image("cover", "jpg", title="t")
    assert canned.last == {"ImageType": "cover", "ImageExt": "jpg", "Title": "t"}
    assert (made.image_id, made.image_url) == ("i-1", "http://i/1.jpg")
    assert (made.file_url, made.request_id) == ("http://o/1.jpg", "R-1")


def test_an_asset_is_created_as_in_the_vendor_s_sample(canned: CannedVod, vod: Vod) -> None:
    made = vod.create_upload_attached_media(
        "watermark", "gif", title="this is a sample", cate_ids=[1, 2], file_size_bytes=9
    )
    assert canned.last == {
        "BusinessType": "watermark",
        "MediaExt": "gif",
        "Title": "this is a sample",
        "CateIds": "1,2",
        "FileSize": "9",
    }
    assert (made.media_id, made.file_url) == ("m-1", "http://o/1.gif")
    assert made.media_url == "http://c/1.gif?auth_key=k-1"


def test_urls_are_escaped_once_and_alike_in_both_places(canned: CannedVod, vod: Vod) -> None:
    escaped = quote(ODD, safe="")
    jobs = [{"JobId": "j-1", "SourceURL": escaped}, {"JobId": "j-2", "SourceURL": "other"}]
    canned.answers["UploadMediaByURL"] = {"RequestId": "R-2", "UploadJobs": jobs}
    done = vod.upload_media_by_url(
        [ODD, MediaUrl("http://example.com/b", title="B", file_extension="flv", cate_id=3)],
        session_id="s-1",
        template_group_id="VOD_NO_TRANSCODE",
    )
    sent, second = canned.last, quote("http://example.com/b", safe="")
    assert sent["UploadURLs"].split(",") == [escaped, second]
    assert json.loads(sent["UploadMetadatas"]) == [
        {"SourceURL": escaped, "Title": "视频+,"},
        {"SourceURL": second, "Title": "B", "CateId": "3", "FileExtension": "flv"},
    ]
    assert (sent["SessionId"], sent["TemplateGroupId"]) == ("s-1", "VOD_NO_TRANSCODE")
    assert [(job.job_id, job.url) for job in done.jobs] == [("j-1", ODD), ("j-2", "")]


def test_twenty_long_urls_go_in_the_form_body(canned: CannedVod, vod: Vod) -> None:
    urls = [f"https://example.com/{'x' * 900}/{n}.mp4" for n in range(20)]
    jobs = [{"JobId": f"j-{n}", "SourceURL": url} for n, url in enumerate(urls)]
    canned.answers["UploadMediaByURL"] = {"RequestId": "R-2", "UploadJobs": jobs}
    assert [job.url for job in vod.upload_media_by_url(urls).jobs] == urls
    assert canned.in_body[-1] == {"UploadURLs", "UploadMetadatas"}


JOB = {
    "JobId": "j-1",
    "UploadURL": "http://example.com/a.mp4",
    "MediaId": "m-1",
    "FileSize": "1024",
    "Status": "SUCCESS",
    "CreationTime": "2026-11-25T08:00:00Z",
    "CompleteTime": "2026-11-25T09:00:00Z",
    "ErrorCode": "200",
    "ErrorMessage": "",
    "UserData": "{}",
}


def test_jobs_are_asked_for_by_their_ids(canned: CannedVod, vod: Vod) -> None:
    answer = {"RequestId": "R-3", "URLUploadInfoList": [JOB], "NonExists": ["j-2"]}
    canned.answers["GetURLUploadInfos"] = answer
    found = vod.get_url_upload_infos(job_ids=["j-1", "j-2", "j-1"])
    assert canned.last == {"JobIds": "j-1,j-2"}
    assert (found.not_found, found.request_id) == (("j-2",), "R-3")
    (job,) = found.jobs
    assert (job.job_id, job.media_id, job.status) == ("j-1", "m-1", "SUCCESS")
    assert job.created_at == datetime(2026, 11, 25, 8, tzinfo=UTC)
    assert job.completed_at == datetime(2026, 11, 25, 9, tzinfo=UTC)
    assert (job.file_size_bytes, job.error_code) == (1024, "200")


def test_jobs_are_asked_for_by_urls_escaped_as_at_submission(canned: CannedVod, vod: Vod) -> None:
    canned.answers["GetURLUploadInfos"] = {"RequestId": "R-3"}
    vod.get_url_upload_infos(media_urls=[ODD])
    assert canned.last == {"UploadURLs": quote(ODD, safe="")}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (["a", "b"], ("a", "b")),
        ('["a", "b"]', ("a", "b")),
        ("a", ("a",)),
        ("", ()),
        ([], ()),
        (None, ()),
        ("{}", ()),
    ],
)
def test_unknown_jobs_come_as_an_array_or_as_json(
    canned: CannedVod, vod: Vod, said: object, read: tuple[str, ...]
) -> None:
    canned.answers["GetURLUploadInfos"] = {"RequestId": "R-3", "NonExists": said}
    assert vod.get_url_upload_infos(job_ids=["a", "b"]).not_found == read


@pytest.mark.parametrize(
    ("status", "end"),
    [
        ("PENDING", ""),
        ("UPLOAD_SUCCESS", ""),
        ("SUCCESS", "good"),
        ("DOWNLOAD_FAIL", "bad"),
        ("UPLOAD_FAIL", "bad"),
        ("CANCELLED_BY_SOMEBODY", ""),
    ],
)
def test_every_status_is_shown_as_it_is(canned: CannedVod, vod: Vod, status: str, end: str) -> None:
    canned.answers["GetURLUploadInfos"] = {
        "RequestId": "R-3",
        "URLUploadInfoList": [{"JobId": "j-1", "Status": status, "CreationTime": "yesterday"}],
    }
    (job,) = vod.get_url_upload_infos(job_ids=["j-1"]).jobs
    assert (job.status, job.has_ended, job.has_failed) == (status, bool(end), end == "bad")
    assert (job.created_at, job.completed_at, job.file_size_bytes) == (None, None, None)


def test_each_file_of_a_registration_is_in_one_list(canned: CannedVod, vod: Vod) -> None:
    urls = [f"{HOST}/{name}.mp4" for name in ("new", "known", "bad", "forgotten")]
    canned.answers["RegisterMedia"] = {
        "RequestId": "R-4",
        "RegisteredMediaList": [
            {"FileURL": urls[0].replace("https", "http"), "MediaId": "m-0", "NewRegister": True},
            {"FileURL": urls[1], "MediaId": "m-1", "NewRegister": False},
        ],
        "FailedFileURLs": [urls[2]],
    }
    first = MediaFile(urls[0], title="RegisterMedia sample Title", tags=["a", "b"])
    done = vod.register_media([first, *urls[1:]], user_data='{"Extend": {"id": "7"}}')
    assert json.loads(canned.last["RegisterMetadatas"])[:2] == [
        {"FileURL": urls[0], "Title": "RegisterMedia sample Title", "Tags": "a,b"},
        {"FileURL": urls[1], "Title": "known"},
    ]
    assert canned.last["UserData"] == '{"Extend": {"id": "7"}}'
    registered = [(each.file_url, each.media_id, each.new_register) for each in done.registered]
    assert registered == [(urls[0], "m-0", True), (urls[1], "m-1", False)]
    assert (done.failed_file_urls, done.unmentioned_file_urls) == ((urls[2],), (urls[3],))
    assert done.request_id == "R-4"

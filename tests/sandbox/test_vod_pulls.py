"""The real SDK makes the local VOD pull files by URL, from the sandbox itself."""

from __future__ import annotations

from typing import Any

import oss2
import pytest

from tests.support.vod_pulls import (
    ENOUGH_S,
    PUBLIC,
    add_public_file,
    encoded,
    ended,
    infos,
    submit,
    url_of,
)
from tests.support.vod_uploads import ask, refusal, video_status
from tests.support.workspace import BUCKET
from watcher.sandbox import Sandbox
from watcher.sandbox.faults import Fault, Faults
from watcher.sandbox.vod.storage import OWN_BUCKET

LOCATION = f"{BUCKET}.oss-cn-shanghai.aliyuncs.com"
WAY = (
    "PENDING", "PROCESSING", "DOWNLOADING", "DOWNLOAD_SUCCESS", "UPLOADING", "UPLOAD_SUCCESS",
    "SUCCESS",
)  # fmt: skip


@pytest.fixture
def public(sandbox: Sandbox) -> Sandbox:
    """A sandbox with a file that anyone may read."""
    add_public_file(sandbox)
    return sandbox


def test_a_job_moves_through_its_statuses_by_the_clock(public: Sandbox) -> None:
    public.vod.options.pull_step_s = 60
    (job_id,) = submit(public, url_of(public))
    seen = []
    for step in range(7):
        public.clock_offset_s = step * 60 + 5
        (info,) = infos(public, job_id)
        seen.append(info["Status"])
        assert ("MediaId" in info) == (step >= WAY.index("UPLOADING"))
        assert ("CompleteTime" in info) == ("ErrorCode" in info) == (step == len(WAY) - 1)
        if info["Status"] == "UPLOADING":
            assert video_status(public, info["MediaId"]) == "Uploading"
        if info["Status"] == "UPLOAD_SUCCESS":
            assert video_status(public, info["MediaId"]) == "Transcoding"
    assert tuple(seen) == WAY
    public.clock_offset_s = 421
    assert video_status(public, info["MediaId"]) == "Normal"


def test_a_job_that_succeeded_has_its_file_and_its_facts(public: Sandbox) -> None:
    info = ended(public, url_of(public), UserData='{"Extend": "x"}')
    created_at, completed_at = info.pop("CreationTime"), info.pop("CompleteTime")
    assert created_at < completed_at
    assert info == {
        "JobId": info["JobId"], "UploadURL": url_of(public), "MediaId": info["MediaId"],
        "FileSize": "5", "Status": "SUCCESS", "ErrorCode": "200", "ErrorMessage": "",
        "UserData": '{"Extend": "x"}',
    }  # fmt: skip
    assert info["JobId"] != info["MediaId"]
    media = public.vod.table.find(info["MediaId"])
    assert media
    assert (media.bucket, media.size_bytes, media.title) == (OWN_BUCKET, 5, "a.mp4")
    assert public.oss.body(OWN_BUCKET, media.key) == b"12345"


def test_a_presigned_url_is_pulled_until_it_expires(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4", b"12345")
    auth = oss2.Auth(sandbox.access_key_id, sandbox.access_key_secret)
    bucket = oss2.Bucket(auth, sandbox.url, BUCKET)
    fresh, short = (bucket.sign_url("GET", "a.mp4", seconds) for seconds in (600, 10))
    jobs = submit(sandbox, fresh, short)
    sandbox.clock_offset_s = ENOUGH_S
    good, late = infos(sandbox, *jobs)
    assert (good["Status"], good["FileSize"]) == ("SUCCESS", "5")
    assert (late["Status"], late["ErrorCode"]) == ("DOWNLOAD_FAIL", "URLInvalidError")
    assert "403 AccessDenied" in late["ErrorMessage"]


@pytest.mark.parametrize(
    "host",
    [f"{PUBLIC}.oss-cn-shanghai.aliyuncs.com", f"{PUBLIC}.oss-cn-shanghai-internal.aliyuncs.com"],
)
def test_the_real_host_names_of_oss_stand_for_the_sandbox(public: Sandbox, host: str) -> None:
    assert ended(public, f"https://{host}/a.mp4")["Status"] == "SUCCESS"


def test_a_virtual_host_of_the_sandbox_is_the_sandbox(public: Sandbox) -> None:
    assert ended(public, f"http://{PUBLIC}.localhost:{public.port}/a.mp4")["Status"] == "SUCCESS"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/public-bucket/a.mp4",
        "http://127.0.0.1:9/a.mp4",
        "http://{own}.example.com/a.mp4",
        "http://user@{own}/a.mp4",
        "http://{own}/public-bucket/missing.mp4",
        "http://{own}/missing-bucket/a.mp4",
        "http://{own}/private-bucket/a.mp4",
        "http://public-bucket.oss-cn-beijing.aliyuncs.com/a.mp4",
        "http://public-bucket.oss-accelerate.aliyuncs.com/missing.mp4",
    ],
)
def test_nothing_else_is_downloaded(public: Sandbox, url: str) -> None:
    public.oss.create_bucket("private-bucket")
    public.oss.put("private-bucket", "a.mp4")
    info = ended(public, url.replace("{own}", public.host))
    assert (info["Status"], info["ErrorCode"]) == ("DOWNLOAD_FAIL", "URLInvalidError")
    assert info["ErrorMessage"]
    assert "MediaId" not in info
    assert not public.vod.table.uploads


def test_a_file_that_is_too_large_is_not_pulled(public: Sandbox) -> None:
    assert public.vod.options.max_pull_bytes == 20 * 1024**3
    public.vod.options.max_pull_bytes = 5
    assert ended(public, url_of(public))["Status"] == "SUCCESS"
    public.vod.options.max_pull_bytes = 4
    info = ended(public, url_of(public))
    assert (info["Status"], info["ErrorCode"]) == ("DOWNLOAD_FAIL", "FileSizeExceeded")


def test_a_storage_location_that_is_gone_fails_the_upload(public: Sandbox) -> None:
    public.vod.options.pull_step_s = 60
    (job_id,) = submit(public, url_of(public), StorageLocation=LOCATION)
    public.clock_offset_s = 4 * 60 + 5
    (info,) = infos(public, job_id)
    assert info["Status"] == "UPLOADING"
    public.vod.remove_bucket(BUCKET)
    public.clock_offset_s = 5 * 60 + 5
    (info,) = infos(public, job_id)
    assert (info["Status"], info["ErrorCode"]) == ("UPLOAD_FAIL", "InvalidStorage.NotFound")
    assert video_status(public, info["MediaId"]) == "UploadFail"


def test_a_file_goes_to_the_storage_location_that_a_call_names(public: Sandbox) -> None:
    info = ended(public, url_of(public), StorageLocation=LOCATION)
    media = public.vod.table.find(info["MediaId"])
    assert media
    assert public.oss.keys(BUCKET) == (media.key.encode(),)
    found = refusal(
        public, "UploadMediaByURL", UploadURLs=encoded(url_of(public)), StorageLocation="x"
    )
    assert found == (404, "InvalidStorage.NotFound")


def test_characters_that_no_url_has_are_encoded_by_the_downloader(public: Sandbox) -> None:
    public.oss.put(PUBLIC, "视频 1.mp4", b"the one")
    assert ended(public, f"{public.url}/{PUBLIC}/视频 1.mp4")["FileSize"] == "7"


def test_every_submission_is_a_new_job_and_a_new_media(public: Sandbox) -> None:
    url = url_of(public)
    twice = submit(public, url, url)[::2]
    public.clock_offset_s = ENOUGH_S
    first = ended(public, url)
    answer = ask(public, "GetURLUploadInfos", UploadURLs=encoded(url))
    assert len(twice) == 2
    assert len({each["JobId"] for each in answer["URLUploadInfoList"]}) == 3
    assert len({each["MediaId"] for each in answer["URLUploadInfoList"]}) == 3
    assert len({key for _, key in public.vod.table.uploads}) == 3
    assert answer["NonExists"] == []
    assert answer["URLUploadInfoList"][0]["JobId"] == first["JobId"]  # the newest


@pytest.mark.parametrize(
    ("region", "offered"),
    [
        ("cn-shanghai", True), ("cn-beijing", True), ("cn-shenzhen", True),
        ("ap-southeast-1", True), ("us-west-1", True), ("eu-central-1", False),
        ("ap-northeast-1", False),
    ],
)  # fmt: skip
def test_not_every_region_pulls(region: str, *, offered: bool) -> None:
    with Sandbox(region=region) as local:
        add_public_file(local)
        if offered:
            assert ended(local, url_of(local))["Status"] == "SUCCESS"
        else:
            found = refusal(local, "UploadMediaByURL", UploadURLs=encoded(url_of(local)))
            assert found == (404, "InvalidApi.NotFound")


@pytest.mark.parametrize(("effect", "jobs"), [("before", 1), ("none", 0)])
def test_an_answer_that_is_lost_leaves_one_job_or_none(
    public: Sandbox, effect: Any, jobs: int
) -> None:
    public.hook = Faults(Fault(kind="truncated", operation="UploadMediaByURL", effect=effect))
    given = {"UploadURLs": encoded(url_of(public)), "SessionId": "s"}
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        ask(public, "UploadMediaByURL", **given)
    public.hook = Faults()
    answer = ask(public, "GetURLUploadInfos", UploadURLs=given["UploadURLs"])
    assert len(answer["URLUploadInfoList"]) == jobs
    if jobs:
        assert refusal(public, "UploadMediaByURL", **given) == (400, "InvalidParameter")
    else:
        ask(public, "UploadMediaByURL", **given)

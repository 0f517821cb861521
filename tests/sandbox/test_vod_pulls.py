"""The real SDK makes the local VOD pull files by URL, from the sandbox itself."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import oss2
import pytest

from tests.support.acs3 import acs3_call
from tests.support.vod_uploads import ask, decoded, refusal, video_status
from tests.support.workspace import BUCKET
from watcher.sandbox import Sandbox
from watcher.sandbox.faults import Fault, Faults
from watcher.sandbox.oss.objects import BucketFacts
from watcher.sandbox.vod.storage import OWN_BUCKET

PUBLIC = "public-bucket"
LOCATION = f"{BUCKET}.oss-cn-shanghai.aliyuncs.com"
WAY = (
    "PENDING", "PROCESSING", "DOWNLOADING", "DOWNLOAD_SUCCESS", "UPLOADING", "UPLOAD_SUCCESS",
    "SUCCESS",
)  # fmt: skip
ENOUGH_S = 100  # for every step


@pytest.fixture
def public(sandbox: Sandbox) -> Sandbox:
    """A sandbox with a bucket that anyone may read."""
    sandbox.oss.create_bucket(PUBLIC, facts=BucketFacts(acl="public-read"))
    sandbox.oss.put(PUBLIC, "a.mp4", b"12345")
    return sandbox


def url_of(sandbox: Sandbox, key: str = "a.mp4") -> str:
    return f"{sandbox.url}/{PUBLIC}/{quote(key)}"


def encoded(url: str) -> str:
    return quote(url, safe="")


def submit(sandbox: Sandbox, *urls: str, **more: Any) -> list[str]:
    """Submit URLs, and return the job IDs in their order."""
    sent = ",".join(encoded(url) for url in urls)
    jobs = ask(sandbox, "UploadMediaByURL", UploadURLs=sent, **more)["UploadJobs"]
    assert len(jobs) == len(urls)
    return [str(job["JobId"]) for url in urls for job in jobs if job["SourceURL"] == url]


def infos(sandbox: Sandbox, *job_ids: str) -> list[Any]:
    """Return what VOD answers about jobs, in their order."""
    answer = ask(sandbox, "GetURLUploadInfos", JobIds=",".join(job_ids))
    by_id = {each["JobId"]: each for each in answer["URLUploadInfoList"]}
    return [by_id[job_id] for job_id in job_ids]


def ended(sandbox: Sandbox, url: str, **more: Any) -> Any:
    """Submit one URL, and return what VOD answers about the job in the end."""
    (job_id,) = submit(sandbox, url, **more)
    sandbox.clock_offset_s += ENOUGH_S
    (info,) = infos(sandbox, job_id)
    return info


def metadata(url: str, **more: Any) -> dict[str, Any]:
    return {"SourceURL": encoded(url), "Title": "title", **more}


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
        "http://example.com/a.mp4",
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


@pytest.mark.parametrize(
    "key", ["a,b.mp4", "a b+c.mp4", "视频/第 1 集.mp4", "100%2C.mp4", "a?b#c.mp4"]
)
def test_each_url_is_decoded_once(public: Sandbox, key: str) -> None:
    public.oss.put(PUBLIC, key, b"the one")
    url = url_of(public, key)
    info = ended(public, url)
    assert (info["Status"], info["UploadURL"], info["FileSize"]) == ("SUCCESS", url, "7")


def test_characters_that_no_url_has_are_encoded_by_the_downloader(public: Sandbox) -> None:
    public.oss.put(PUBLIC, "视频 1.mp4", b"the one")
    assert ended(public, f"{public.url}/{PUBLIC}/视频 1.mp4")["FileSize"] == "7"


def test_the_words_about_a_url_are_found_by_the_same_string(public: Sandbox) -> None:
    for key in ("b.mp4", "c.mp4"):
        public.oss.put(PUBLIC, key)
    one, other, third = (url_of(public, key) for key in ("a.mp4", "b.mp4", "c.mp4"))
    given = [
        metadata(one, Description="d", Tags="a,b", CateId="7", WorkflowId="w", FileSize="99"),
        {**metadata(other), "SourceURL": other},  # not as it stands in UploadURLs
        metadata(third, CateId=8, TemplateGroupId="own"),
    ]
    jobs = submit(
        public, one, other, third,
        UploadMetadatas=json.dumps(given), TemplateGroupId="outer",
    )  # fmt: skip
    (first, _, _) = infos(public, *jobs)
    assert first["FileSize"] == "99"
    public.clock_offset_s = ENOUGH_S
    media = [public.vod.table.find(info["MediaId"]) for info in infos(public, *jobs)]
    assert [
        each and (each.title, each.description, each.tags, each.cate_id, each.workflow_id)
        for each in media
    ] == [("title", "d", "a,b", 7, "w"), ("b.mp4", "", "", 0, ""), ("title", "", "", 8, "")]
    assert [each and each.template_group_id for each in media] == ["outer", "outer", "own"]


def test_a_raw_url_in_both_places_is_taken_too(public: Sandbox) -> None:
    url = url_of(public)
    given = json.dumps([{"SourceURL": url, "Title": "raw"}])
    (job,) = ask(public, "UploadMediaByURL", UploadURLs=url, UploadMetadatas=given)["UploadJobs"]
    public.clock_offset_s = ENOUGH_S
    (info,) = infos(public, job["JobId"])
    media = public.vod.table.find(info["MediaId"])
    assert (info["UploadURL"], media and media.title) == (url, "raw")


def test_the_extension_that_a_call_names_wins(public: Sandbox) -> None:
    public.oss.put(PUBLIC, "no-extension")
    url = url_of(public, "no-extension")
    sent = {"UploadURLs": encoded(url)}
    assert refusal(public, "UploadMediaByURL", **sent) == (400, "InvalidParameter.UploadURLs")
    for source, extension in ((url, "mov"), (url_of(public), "flv")):
        given = json.dumps([metadata(source, FileExtension=extension)])
        info = ended(public, source, UploadMetadatas=given)
        media = public.vod.table.find(info["MediaId"])
        assert media
        assert media.key.endswith(f".{extension}")


def test_every_submission_is_a_new_job_and_a_new_media(public: Sandbox) -> None:
    url = url_of(public)
    twice = submit(public, url, url)[::2]
    public.clock_offset_s = ENOUGH_S
    first = ended(public, url)
    answer = ask(public, "GetURLUploadInfos", UploadURLs=encoded(url))
    assert len(twice) == 2
    assert len({each["JobId"] for each in answer["URLUploadInfoList"]}) == 3
    assert len({each["MediaId"] for each in answer["URLUploadInfoList"]}) == 3
    assert answer["NonExists"] == []
    assert answer["URLUploadInfoList"][0]["JobId"] == first["JobId"]  # the newest


def test_at_most_20_urls_are_submitted_in_a_call(public: Sandbox) -> None:
    urls = [url_of(public)] * 20
    assert len(ask(
        public, "UploadMediaByURL", UploadURLs=",".join(map(encoded, urls))
    )["UploadJobs"]) == 20  # fmt: skip
    wrong = [",".join(map(encoded, [*urls, urls[0]])), "nonsense.mp4", "ftp%3A%2F%2Fa%2Fb.mp4",
             encoded(urls[0]) + ",", "http://[/a.mp4", "http:///a.mp4"]  # fmt: skip
    for each in wrong:
        assert refusal(public, "UploadMediaByURL", UploadURLs=each) == (
            400, "InvalidParameter.UploadURLs",
        )  # fmt: skip
    assert refusal(public, "UploadMediaByURL") == (400, "MissingUploadURLs")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Title": "影" * 43}, "LengthExceededMax"),
        ({"Title": ""}, "MissingTitle"),
        ({"Title": "🎬"}, "IllegalCharacters"),
        ({"SourceURL": ""}, "MissingSourceURL"),
        ({"Description": "x" * 1025}, "LengthExceededMax"),
        ({"Tags": ",".join("x" * 17)}, "TagsExceededMax"),
        ({"CateId": "x"}, "InvalidParameter"),
        ({"Tags": ["a"]}, "InvalidParameter"),
        ({"TemplateGroupId": "unknown"}, "InvalidTemplateGroupId.NotFound"),
    ],
)
def test_the_words_about_a_url_have_limits(
    public: Sandbox, fields: dict[str, Any], code: str
) -> None:
    public.vod.options.template_groups = frozenset()
    url = url_of(public)
    given = json.dumps([{**metadata(url), **fields}])
    found = refusal(public, "UploadMediaByURL", UploadURLs=encoded(url), UploadMetadatas=given)
    assert found[1] == code


@pytest.mark.parametrize("text", ["nonsense", "{}", "[1]"])
def test_the_words_about_urls_are_a_list_in_json(public: Sandbox, text: str) -> None:
    found = refusal(
        public, "UploadMediaByURL", UploadURLs=encoded(url_of(public)), UploadMetadatas=text
    )
    assert found == (400, "InvalidParameter")


def test_a_session_id_is_used_once_in_ten_minutes(public: Sandbox) -> None:
    given = {"UploadURLs": encoded(url_of(public)), "SessionId": "x" * 50}
    ask(public, "UploadMediaByURL", **given)
    public.clock_offset_s = 595
    assert refusal(public, "UploadMediaByURL", **given) == (400, "InvalidParameter")
    public.vod.options.used_session_code = "SessionIdRepeated"
    assert refusal(public, "UploadMediaByURL", **given) == (400, "SessionIdRepeated")
    public.clock_offset_s = 601
    ask(public, "UploadMediaByURL", **given)
    for wrong in ("x" * 51, "a b"):
        found = refusal(public, "UploadMediaByURL", **{**given, "SessionId": wrong})
        assert found == (400, "InvalidParameter")


@pytest.mark.parametrize("as_text", [False, True])
def test_jobs_and_urls_that_are_unknown_are_listed(public: Sandbox, *, as_text: bool) -> None:
    public.vod.options.non_exists_as_text = as_text
    (known,) = submit(public, url_of(public))
    unknown = encoded(url_of(public, "视频,.mp4"))
    for given, absent in (
        ({"JobIds": f"a,{known},b,a"}, ["a", "b"]),
        ({"UploadURLs": f"{unknown},{encoded(url_of(public))}"}, [unknown]),
    ):
        answer = ask(public, "GetURLUploadInfos", **given)
        assert [each["JobId"] for each in answer["URLUploadInfoList"]] == [known]
        assert answer["NonExists"] == (json.dumps(absent) if as_text else absent)


def test_jobs_win_over_urls(public: Sandbox) -> None:
    (known,) = submit(public, url_of(public))
    answer = ask(public, "GetURLUploadInfos", JobIds="a", UploadURLs=encoded(url_of(public)))
    assert (answer["URLUploadInfoList"], answer["NonExists"]) == ([], ["a"])
    assert infos(public, known)


@pytest.mark.parametrize("name", ["JobIds", "UploadURLs"])
def test_at_most_ten_are_asked_for_in_a_call(public: Sandbox, name: str) -> None:
    ask(public, "GetURLUploadInfos", **{name: ",".join("abcdefghij")})
    for wrong in (",".join("abcdefghijk"), "a,", ","):
        assert refusal(public, "GetURLUploadInfos", **{name: wrong}) == (400, "InvalidParameter")
    assert refusal(public, "GetURLUploadInfos") == (400, "MissingJobIds")


def test_an_answer_has_at_most_100_records(public: Sandbox) -> None:
    sent = ",".join([encoded(url_of(public))] * 20)
    for _ in range(6):
        ask(public, "UploadMediaByURL", UploadURLs=sent)
    answer = ask(public, "GetURLUploadInfos", UploadURLs=encoded(url_of(public)))
    assert len(answer["URLUploadInfoList"]) == 100


@pytest.mark.parametrize("decoded_urls", [False, True])
def test_urls_are_answered_decoded_or_as_they_were_sent(
    public: Sandbox, *, decoded_urls: bool
) -> None:
    public.vod.options.decodes_job_urls = decoded_urls
    url = url_of(public)
    (job,) = ask(public, "UploadMediaByURL", UploadURLs=encoded(url))["UploadJobs"]
    (info,) = infos(public, job["JobId"])
    assert job["SourceURL"] == info["UploadURL"] == (url if decoded_urls else encoded(url))


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
        local.oss.create_bucket(PUBLIC, facts=BucketFacts(acl="public-read"))
        local.oss.put(PUBLIC, "a.mp4")
        if offered:
            assert ended(local, url_of(local))["Status"] == "SUCCESS"
        else:
            found = refusal(local, "UploadMediaByURL", UploadURLs=encoded(url_of(local)))
            assert found == (404, "InvalidApi.NotFound")


def test_pulls_have_quotas_of_a_second_and_of_a_day(public: Sandbox) -> None:
    given = {"UploadURLs": encoded(url_of(public))}
    public.vod.daily_quotas["UploadMediaByURL"] = 2
    for _ in range(2):
        ask(public, "UploadMediaByURL", **given)
    assert refusal(public, "UploadMediaByURL", **given) == (400, "Throttling.User")
    public.vod.quotas["GetURLUploadInfos"] = 1
    ask(public, "GetURLUploadInfos", **given)
    assert refusal(public, "GetURLUploadInfos", **given) == (400, "Throttling.User")


def test_the_credential_of_an_upload_pulls_nothing(public: Sandbox) -> None:
    answer = ask(public, "CreateUploadVideo", FileName="a.mp4", Title="t")
    auth = decoded(answer["UploadAuth"])
    signer = public.account.identify(auth["AccessKeyId"], auth["SecurityToken"], public.clock.now())
    for action in ("UploadMediaByURL", "GetURLUploadInfos"):
        refused = acs3_call(public, action, {"UploadURLs": "x"}, signer=signer)
        assert (refused.status_code, refused.json()["Code"]) == (403, "Forbidden.RAM")


@pytest.mark.parametrize("carrier", ["query", "form", "json"])
def test_a_call_by_acs3_is_answered_alike(public: Sandbox, carrier: str) -> None:
    given = {"UploadURLs": encoded(url_of(public))}
    (job,) = acs3_call(public, "UploadMediaByURL", given, carrier=carrier).json()["UploadJobs"]
    (info,) = infos(public, job["JobId"])
    assert info["UploadURL"] == url_of(public)


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

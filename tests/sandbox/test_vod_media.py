"""The real SDK asks the local VOD about media, by ID and by the caller's own ID."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkvod.request.v20170321.BatchGetMediaInfosRequest import BatchGetMediaInfosRequest
from aliyunsdkvod.request.v20170321.GetVideoInfosRequest import GetVideoInfosRequest

from tests.support.acs3 import acs3_call
from tests.support.vod_calls import HOST, client, item, register
from tests.support.workspace import BUCKET
from watcher.sandbox import Sandbox
from watcher.sandbox.vod.media import Media, Status

IDS = {GetVideoInfosRequest: "VideoIds", BatchGetMediaInfosRequest: "MediaIds"}
UNKNOWN = {GetVideoInfosRequest: "NonExistVideoIds", BatchGetMediaInfosRequest: "NonExistMediaIds"}
BOTH = pytest.mark.parametrize("request_class", list(IDS))


def ask(sandbox: Sandbox, request_class: type, **given: str) -> Any:
    """Make one call, and return its answer."""
    call = request_class()
    call.set_accept_format("JSON")
    call.set_endpoint(sandbox.host)
    for name, value in given.items():
        call.add_query_param(name, value)
    return json.loads(client(sandbox).do_action_with_exception(call))


def refusal(sandbox: Sandbox, request_class: type, **given: str) -> tuple[int, str]:
    with pytest.raises(ServerException) as refused:
        ask(sandbox, request_class, **given)
    return refused.value.get_http_status(), str(refused.value.get_error_code())


def registered(sandbox: Sandbox, key: str, **more: Any) -> str:
    """Register one object, and return its media ID."""
    sandbox.oss.put(BUCKET, key, b"12345")
    ours = item(key, "the title", Description="d", Tags="a,b", CateId=7, CoverURL="http://c/1.jpg")
    (one,) = register(sandbox, [ours], **more)["RegisteredMediaList"]
    return str(one["MediaId"])


def uploading(sandbox: Sandbox, number: int, reference_id: str = "") -> Media:
    """Add a media that was never registered."""
    now = sandbox.clock.now()
    media = Media(
        media_id=f"{number:032x}", bucket="vod-bucket", key=f"{number}.mp4", file_url="",
        title="t", size_bytes=0, storage_class="Standard", created_at=now, modified_at=now,
        status=Status.UPLOADING, reference_id=reference_id,
    )  # fmt: skip
    sandbox.vod.add_media(media)
    return media


def second(sandbox: Sandbox) -> str:
    """Return the services' time as VOD writes it."""
    return sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def statuses(sandbox: Sandbox, *media_ids: str) -> dict[str, str]:
    found = ask(sandbox, GetVideoInfosRequest, VideoIds=",".join(media_ids))["VideoList"]
    return {each["VideoId"]: each["Status"] for each in found}


def test_get_video_infos_has_the_facts_of_the_first_registration(sandbox: Sandbox) -> None:
    sandbox.clock_offset_s = 500
    before = second(sandbox)
    media_id = registered(sandbox, "视频/1.mp4", UserData="{}", TemplateGroupId="VOD_NO_TRANSCODE")
    answer = ask(sandbox, GetVideoInfosRequest, VideoIds=f"{media_id},unknown,{media_id},unknown")
    assert set(answer) == {"RequestId", "NonExistVideoIds", "NonExistReferenceIds", "VideoList"}
    assert answer["NonExistVideoIds"] == ["unknown"]
    (one,) = answer["VideoList"]
    assert before <= one.pop("CreationTime") == one.pop("ModificationTime") <= second(sandbox)
    assert one == {
        "VideoId": media_id, "Title": "the title", "Description": "d", "Tags": "a,b", "CateId": 7,
        "CoverURL": "http://c/1.jpg", "Status": "Normal", "Size": 5, "UserData": "{}",
        "TemplateGroupId": "VOD_NO_TRANSCODE", "StorageLocation": HOST, "StorageClass": "Standard",
        "AppId": "app-1000000", "DownloadSwitch": "off", "Snapshots": [],
    }  # fmt: skip


def test_batch_get_media_infos_has_the_source_file_too(sandbox: Sandbox) -> None:
    media_id = registered(sandbox, "视频/1.mp4")
    answer = ask(sandbox, BatchGetMediaInfosRequest, MediaIds=f"unknown,{media_id}")
    assert (answer["NonExistMediaIds"], answer["ForbiddenMediaIds"]) == (["unknown"], [])
    (one,) = answer["MediaInfos"]
    assert set(one) == {"MediaId", "MediaInfo", "MezzanineInfo", "PlayInfoList"}
    basic, source = one["MediaInfo"], one["MezzanineInfo"]
    assert one["MediaId"] == basic["MediaId"] == source["MediaId"] == media_id
    assert (basic["Title"], basic["Status"]) == ("the title", "UploadSucc")
    assert (source["FileName"], source["Size"], source["Status"]) == ("视频/1.mp4", 5, "Normal")
    assert source["FileURL"] == sandbox.vod.media[BUCKET, "视频/1.mp4"].file_url


@pytest.mark.parametrize(
    ("given", "at_once", "later"),
    [
        ({}, "UploadSucc", "UploadSucc"),
        ({"TemplateGroupId": "VOD_NO_TRANSCODE"}, "Normal", "Normal"),
        ({"TemplateGroupId": "group"}, "Transcoding", "Normal"),
        ({"WorkflowId": "flow"}, "Transcoding", "Normal"),
        ({"TemplateGroupId": "VOD_NO_TRANSCODE", "WorkflowId": "flow"}, "Transcoding", "Normal"),
    ],
)
def test_a_status_follows_from_the_template_and_the_clock(
    sandbox: Sandbox, given: dict[str, str], at_once: str, later: str
) -> None:
    sandbox.vod.options.transcoding_s = 100
    media_id = registered(sandbox, "1.mp4", **given)
    assert statuses(sandbox, media_id) == {media_id: at_once}
    sandbox.clock_offset_s = 95
    assert statuses(sandbox, media_id) == {media_id: at_once}
    sandbox.clock_offset_s = 101
    assert statuses(sandbox, media_id) == {media_id: later}


@pytest.mark.parametrize("status", ["Blocked", "TranscodeFail", "Transcoding", "Normal"])
def test_a_status_that_a_test_sets_stays(sandbox: Sandbox, status: str) -> None:
    media_id = registered(sandbox, "1.mp4", TemplateGroupId="group")
    sandbox.clock_offset_s = 10
    sandbox.vod.set_status(media_id, status)
    (one,) = ask(sandbox, GetVideoInfosRequest, VideoIds=media_id)["VideoList"]
    assert one["ModificationTime"] > one["CreationTime"]
    sandbox.clock_offset_s = 800
    assert statuses(sandbox, media_id) == {media_id: status}


def test_only_a_status_of_vod_and_a_known_media_may_be_set(sandbox: Sandbox) -> None:
    media_id = registered(sandbox, "1.mp4")
    with pytest.raises(ValueError, match="Broken"):
        sandbox.vod.set_status(media_id, "Broken")
    with pytest.raises(KeyError):
        sandbox.vod.set_status("unknown", "Normal")


@BOTH
def test_media_that_were_never_registered_are_found_by_either_id(
    sandbox: Sandbox, request_class: type
) -> None:
    first, second = uploading(sandbox, 1, "my-own-1"), uploading(sandbox, 2)
    given = {IDS[request_class]: second.media_id, "ReferenceIds": "my-own-1,my-own-2"}
    answer = ask(sandbox, request_class, **given)
    assert answer["NonExistReferenceIds"] == ["my-own-2"]
    listed = str(answer)
    assert (first.media_id in listed, second.media_id in listed) == (True, True)
    assert listed.count("'ReferenceId': 'my-own-1'") == 1
    assert not sandbox.vod.media


def test_the_source_of_an_upload_has_a_status_of_its_own(sandbox: Sandbox) -> None:
    media = uploading(sandbox, 1)
    seen = []
    for status in ("Uploading", "UploadFail", "Blocked"):
        sandbox.vod.set_status(media.media_id, status)
        (one,) = ask(sandbox, BatchGetMediaInfosRequest, MediaIds=media.media_id)["MediaInfos"]
        seen.append((one["MediaInfo"]["Status"], one["MezzanineInfo"]["Status"]))
    assert seen == [("Uploading", "Uploading"), ("UploadFail", "UploadFail"), ("Blocked", "Normal")]


def test_one_media_that_both_ids_name_is_answered_once(sandbox: Sandbox) -> None:
    media = uploading(sandbox, 1, "my-own-1")
    given = {"VideoIds": media.media_id, "ReferenceIds": "my-own-1"}
    assert len(ask(sandbox, GetVideoInfosRequest, **given)["VideoList"]) == 1


@BOTH
def test_a_call_asks_for_at_most_20_ids(sandbox: Sandbox, request_class: type) -> None:
    ids = [uploading(sandbox, number, f"own-{number:02}").media_id for number in range(21)]
    name = IDS[request_class]
    answer = ask(sandbox, request_class, **{name: ",".join(ids[:20])})
    assert all(media_id in str(answer) for media_id in ids[:20])
    wrong = [
        {name: ",".join(ids)},
        {"ReferenceIds": ",".join(f"own-{number:02}" for number in range(21))},
        {name: f"{ids[0]},,{ids[1]}"},
        {name: ","},
    ]
    for given in wrong:
        assert refusal(sandbox, request_class, **given) == (400, "InvalidParameter")
    assert refusal(sandbox, request_class) == (400, "MissingParameter")


def test_videos_that_are_all_unknown_are_refused_or_listed(sandbox: Sandbox) -> None:
    assert refusal(sandbox, GetVideoInfosRequest, VideoIds="a,b") == (404, "InvalidVideo.NotFound")
    sandbox.vod.options.refuses_unknown_videos = False
    answer = ask(sandbox, GetVideoInfosRequest, VideoIds="a,b")
    assert (answer["NonExistVideoIds"], answer["VideoList"]) == (["a", "b"], [])


def test_media_that_are_all_unknown_are_listed(sandbox: Sandbox) -> None:
    answer = ask(sandbox, BatchGetMediaInfosRequest, MediaIds="a,b")
    assert (answer["NonExistMediaIds"], answer["MediaInfos"]) == (["a", "b"], [])


def test_each_operation_has_a_quota_of_its_own(sandbox: Sandbox) -> None:
    media_id = registered(sandbox, "1.mp4")
    sandbox.vod.calls_per_second = 1
    sandbox.vod.quotas["GetVideoInfos"] = 2
    for _ in range(2):
        ask(sandbox, GetVideoInfosRequest, VideoIds=media_id)
    assert refusal(sandbox, GetVideoInfosRequest, VideoIds=media_id) == (400, "Throttling.User")
    ask(sandbox, BatchGetMediaInfosRequest, MediaIds=media_id)
    assert refusal(sandbox, BatchGetMediaInfosRequest, MediaIds=media_id)[1] == "Throttling.User"


@pytest.mark.parametrize(("region", "uploads"), [("cn-shanghai", 80), ("eu-central-1", 40)])
def test_the_documented_quotas_are_there_from_the_start(region: str, uploads: int) -> None:
    with Sandbox(region=region) as local:
        assert local.vod.quotas == {
            "GetVideoInfos": 100, "GetURLUploadInfos": 100, "CreateUploadVideo": uploads,
            "RefreshUploadVideo": uploads, "CreateUploadImage": uploads,
            "CreateUploadAttachedMedia": uploads,
        }  # fmt: skip
        assert local.vod.daily_quotas == {"UploadMediaByURL": 200_000}


def test_the_quotas_of_two_sandboxes_are_apart(sandbox: Sandbox) -> None:
    sandbox.vod.quotas["GetVideoInfos"] = 1
    with type(sandbox)() as other:
        assert other.vod.quotas["GetVideoInfos"] == 100


@pytest.mark.parametrize("carrier", ["query", "form", "json"])
def test_a_call_by_acs3_gets_the_same_answer(sandbox: Sandbox, carrier: str) -> None:
    media_id = registered(sandbox, "1.mp4")
    by_rpc = ask(sandbox, BatchGetMediaInfosRequest, MediaIds=media_id)
    by_acs3 = acs3_call(
        sandbox, "BatchGetMediaInfos", {"MediaIds": media_id}, carrier=carrier
    ).json()
    assert by_rpc.pop("RequestId") != by_acs3.pop("RequestId")
    assert by_rpc == by_acs3


def test_an_answer_in_xml_has_an_element_for_each_media(sandbox: Sandbox) -> None:
    media_id = registered(sandbox, "1.mp4")
    xml = acs3_call(
        sandbox, "GetVideoInfos", {"VideoIds": f"{media_id},unknown", "Format": "XML"}
    ).text
    assert "<GetVideoInfosResponse><RequestId>" in xml
    assert "<NonExistVideoIds>unknown</NonExistVideoIds>" in xml
    assert f"<VideoList><VideoId>{media_id}</VideoId><Title>the title</Title>" in xml
    assert "Snapshots" not in xml

"""The real SDK calls the local VOD over HTTP."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import quote, unquote

import pytest
import requests
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

from tests.support.vod_calls import HOST, client, code_of, item, register
from tests.support.workspace import BUCKET
from watcher.sandbox import Sandbox
from watcher.sandbox.http_server import Answer, HungUp, Request
from watcher.sandbox.vod.rpc import signature, string_to_sign


def test_the_signature_is_that_of_the_published_examples() -> None:
    common = {
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "Signature": "is not signed",
    }
    vod = {
        "AccessKeyId": "testAccessKeyId",
        "Action": "GetVideoPlayAuth",
        "Format": "JSON",
        "SignatureNonce": "8f8a035d-6496-4268-afd4-67c22837e38d",
        "Timestamp": "2017-10-10T12:02:54Z",
        "Version": "2017-03-21",
        "VideoId": "5aed81b74ba84920be578cdfe004af4b",
    }
    ecs = {
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "Format": "XML",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "Timestamp": "2016-02-23T12:46:24Z",
        "Version": "2014-05-26",
    }
    text, other = (string_to_sign("GET", {**common, **example}.items()) for example in (vod, ecs))
    assert signature("testAccessKeySecret", text) == "Ibgh7y8Vp47LBuAsf5Xhi1SvDss="
    assert signature("testsecret", other) == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


@pytest.mark.parametrize("in_body", [False, True])
def test_repeated_calls_for_one_object_make_one_media(
    sandbox: Sandbox,
    in_body: bool,  # noqa: FBT001
) -> None:
    sandbox.oss.put(BUCKET, "视频/第 1 集.mp4")
    ours = item(
        "视频/第 1 集.mp4",
        "第一集",
        Description="d",
        Tags="a,b",
        CateId=7,
        CoverURL="http://c/1.jpg",
    )

    first = register(
        sandbox, [ours], in_body=in_body, TemplateGroupId="group", UserData="{}", WorkflowId="flow"
    )
    second = register(sandbox, [item("视频/第 1 集.mp4", "another")], in_body=in_body)

    (one,), (two,) = first["RegisteredMediaList"], second["RegisteredMediaList"]
    assert (one["NewRegister"], two["NewRegister"]) == (True, False)
    assert one["MediaId"] == two["MediaId"]
    assert len(bytes.fromhex(one["MediaId"])) == 16
    media = sandbox.vod.media[BUCKET, "视频/第 1 集.mp4"]
    assert (media.title, media.description, media.tags, media.cate_id) == ("第一集", "d", "a,b", 7)
    assert (media.template_group_id, media.workflow_id, media.user_data) == ("group", "flow", "{}")
    assert (media.cover_url, media.times_asked) == ("http://c/1.jpg", 2)
    assert [call.items[0]["Title"] for call in sandbox.vod.journal] == ["第一集", "another"]
    assert all((call.body_bytes > 100) is in_body for call in sandbox.vod.journal)


def test_the_answer_has_another_order_and_other_spellings_of_the_urls(sandbox: Sandbox) -> None:
    keys = [f"a b/{n}.mp4" for n in range(4)]
    for key in keys:
        sandbox.oss.put(BUCKET, key)
    echoed = [
        each["FileURL"]
        for each in register(sandbox, [item(key) for key in keys])["RegisteredMediaList"]
    ]
    assert echoed != [item(key)["FileURL"] for key in keys]
    assert [unquote(url) for url in echoed] == [f"http://{HOST}/{key}" for key in reversed(keys)]
    assert {"%20" in url for url in echoed} == {True, False}


@pytest.mark.parametrize(
    "key", ["a b+c.mp4", "%41.mp4", "a#b?c&d.mp4", "[x]{y}'\".mp4", "🎬/\n.mp4"]
)
def test_percent_encoded_and_raw_urls_name_the_same_object(sandbox: Sandbox, key: str) -> None:
    sandbox.oss.put(BUCKET, key)
    for url in (
        f"https://{HOST}/{quote(key)}",
        f"http://{HOST}/{key}",
        f"https://{HOST}/{quote(key, safe='')}",
    ):
        assert register(sandbox, [{"FileURL": url, "Title": "t"}])["FailedFileURLs"] == []
    assert {key: media.times_asked for (_, key), media in sandbox.vod.media.items()} == {key: 3}


def test_refused_files_are_listed_without_a_reason_and_the_others_registered(
    sandbox: Sandbox,
) -> None:
    for key in ("good.mp4", "notes.txt", "mp4", "refused.mp4"):
        sandbox.oss.put(BUCKET, key)
    sandbox.vod.refuse(BUCKET, "refused.mp4")
    keys = ("good.mp4", "notes.txt", "mp4", "missing.mp4", "refused.mp4")
    answer = register(sandbox, [item(key) for key in keys])
    assert {url.rpartition("/")[2] for url in answer["FailedFileURLs"]} == {*keys} - {"good.mp4"}
    assert [(each["FileURL"], each["NewRegister"]) for each in answer["RegisteredMediaList"]] == [
        (f"http://{HOST}/good.mp4", True)
    ]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"Title": "影" * 43}, "LengthExceededMax"),
        ({"Title": ""}, "MissingTitle"),
        ({"FileURL": ""}, "MissingFileURL"),
        ({"FileURL": f"https://{HOST}/{'x' * 1024}.mp4"}, "LengthExceededMax"),
        ({"FileURL": "oss://bucket/a.mp4"}, "InvalidParameter"),
        (
            {"FileURL": "https://other-bucket.oss-cn-shanghai.aliyuncs.com/a.mp4"},
            "InvalidParameter",
        ),
        ({"Description": "x" * 1025}, "LengthExceededMax"),
        ({"CoverURL": "x" * 1025}, "LengthExceededMax"),
        ({"Tags": ",".join("x" * 17)}, "TagsExceededMax"),
        ({"Tags": "x" * 33}, "LengthExceededMax"),
        ({"Title": "film 🎬"}, "IllegalCharacters"),
        ({"Description": "flag 🇨🇳"}, "IllegalCharacters"),
        ({"Tags": "1\ufe0f\u20e3"}, "IllegalCharacters"),
        ({"Title": "two\nlines"}, "IllegalCharacters"),
        ({"CateId": "seven"}, "InvalidParameter"),
    ],
)
def test_one_bad_item_refuses_the_whole_call(
    sandbox: Sandbox, bad: dict[str, Any], code: str
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    assert code_of(sandbox, [item("a.mp4"), {**item("a.mp4"), **bad}]) == code


def test_an_item_just_within_the_limits_is_registered(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    ours = item(
        "a.mp4",
        "影" * 42 + "ab",
        Description="x" * 1024,
        Tags=",".join(["x" * 32] * 16),
        CoverURL="c" * 1024,
    )
    assert register(sandbox, [ours] * 10, in_body=True)["FailedFileURLs"] == []
    assert code_of(sandbox, [ours] * 11, in_body=True) == "InvalidParameter"
    assert code_of(sandbox, []) == "InvalidParameter"


def test_a_bucket_must_have_been_added_to_vod(sandbox: Sandbox) -> None:
    sandbox.vod.remove_bucket(BUCKET)
    sandbox.oss.put(BUCKET, "a.mp4")
    with pytest.raises(
        ServerException, match=r"The storageLocation must be registered on VOD\."
    ) as refused:
        register(sandbox, [item("a.mp4")])
    assert refused.value.get_http_status() == 400
    sandbox.vod.add_bucket(BUCKET)
    assert register(sandbox, [item("a.mp4")])["FailedFileURLs"] == []


def test_a_bucket_must_be_in_the_region_of_vod(sandbox: Sandbox) -> None:
    sandbox.oss.create_bucket("far-away", "cn-beijing")
    sandbox.oss.put("far-away", "a.mp4")
    for region in ("cn-beijing", "cn-shanghai"):
        url = f"https://far-away.oss-{region}.aliyuncs.com/a.mp4"
        assert code_of(sandbox, [{"FileURL": url, "Title": "a"}]) == "InvalidParameter"


def test_only_the_account_may_call_and_only_on_time(sandbox: Sandbox) -> None:
    known = sandbox.credentials
    somebody = AcsClient("somebody", known.access_key_secret, "cn-shanghai")
    assert code_of(sandbox, [], asking=somebody) == "InvalidAccessKeyId.NotFound"
    # The SDK has another code where the service signed the same text: the secret is wrong.
    guess = AcsClient(known.access_key_id, "guess", "cn-shanghai")
    assert code_of(sandbox, [], asking=guess) == "InvalidAccessKeySecret"
    assert sandbox.vod.journal[-1].code == "SignatureDoesNotMatch"
    sandbox.clock_offset_s = 1000
    assert code_of(sandbox, []) == "InvalidTimeStamp.Expired"


def test_a_token_must_be_sent_and_may_expire() -> None:
    with Sandbox(security_token="token") as sandbox:
        sandbox.oss.create_bucket(BUCKET)
        sandbox.oss.put(BUCKET, "a.mp4")
        assert register(sandbox, [item("a.mp4")])["RegisteredMediaList"]
        without = AcsClient(sandbox.access_key_id, sandbox.access_key_secret, "cn-shanghai")
        assert code_of(sandbox, [], asking=without) == "MissingSecurityToken"
        sandbox.account.token_expired = True
        assert code_of(sandbox, []) == "InvalidSecurityToken.Expired"


def test_a_nonce_passes_once_and_errors_are_xml_unless_json_is_asked_for(sandbox: Sandbox) -> None:
    given = [
        *{
            "Action": "NoSuchAction",
            "Version": "2017-03-21",
            "AccessKeyId": sandbox.access_key_id,
        }.items(),
        *{
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": "once",
        }.items(),
        *{
            "SignatureType": "",
            "Timestamp": sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }.items(),
    ]
    given.append(("Signature", signature(sandbox.access_key_secret, string_to_sign("GET", given))))
    answers = [requests.get(sandbox.url, params=given, timeout=9) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [404, 400]
    assert "<Code>InvalidApi.NotFound</Code>" in answers[0].text
    assert "<Code>SignatureNonceUsed</Code>" in answers[1].text


def test_an_unknown_action_is_refused(sandbox: Sandbox) -> None:
    call = CommonRequest(domain=sandbox.host, version="2017-03-21", action_name="Nonsense")
    call.set_accept_format("JSON")
    with pytest.raises(ServerException, match=r"InvalidApi\.NotFound"):
        client(sandbox).do_action_with_exception(call)


def test_no_second_admits_more_calls_than_the_quota(sandbox: Sandbox) -> None:
    sandbox.vod.calls_per_second = 5
    sandbox.oss.put(BUCKET, "a.mp4")

    def ask() -> None:
        for _ in range(5):
            try:
                register(sandbox, [item("a.mp4")])
            except ServerException as error:
                assert error.get_error_code() == "Throttling.User"  # noqa: PT017 (any other fails the count below)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    admitted = sorted(call.at for call in sandbox.vod.journal if call.status == 200)
    throttled = [
        call for call in sandbox.vod.journal if (call.status, call.code) == (400, "Throttling.User")
    ]
    assert len(admitted) + len(throttled) == 20
    assert len(admitted) == sandbox.vod.media[BUCKET, "a.mp4"].times_asked >= 5
    assert all(later - earlier >= 1 for earlier, later in zip(admitted, admitted[5:], strict=False))


def test_a_request_line_above_16_kib_is_refused_by_the_gateway(sandbox: Sandbox) -> None:
    with pytest.raises(ServerException) as refused:
        register(sandbox, [item("影" * 600)] * 4)
    assert refused.value.get_http_status() == 414
    assert sandbox.vod.journal == []


def test_a_hook_answers_before_and_hangs_up_after_the_effect(sandbox: Sandbox) -> None:
    class Hook:
        lost = False

        def before_effect(self, service: str, _: Request) -> Answer | None:
            return Answer(status=503, body=b"{}") if service == "vod" and not self.lost else None

        def after_effect(self, _service: str, _request: Request, answer: Answer) -> Answer:
            if self.lost:
                raise HungUp
            return answer

    sandbox.hook = hook = Hook()
    sandbox.oss.put(BUCKET, "a.mp4")
    with pytest.raises(ServerException):
        register(sandbox, [item("a.mp4")])
    assert sandbox.vod.media == {}
    hook.lost = True
    with pytest.raises(ClientException):
        register(sandbox, [item("a.mp4")])
    assert len(sandbox.vod.media) == 1

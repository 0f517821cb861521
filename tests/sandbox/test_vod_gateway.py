"""Requests of all kinds reach the local VOD, and it answers them as VOD's gateway does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import requests
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

from tests.support.acs3 import acs3_call
from tests.support.vod_calls import code_of, item
from tests.support.workspace import BUCKET
from watcher.sandbox.account import Grant
from watcher.sandbox.vod.rpc import signature, string_to_sign

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


def signed(sandbox: Sandbox, method: str = "GET", **given: str) -> dict[str, str]:
    """Return the parameters of a RegisterMedia call by RPC 1.0; "" leaves one out."""
    common = {
        "Action": "RegisterMedia",
        "Version": "2017-03-21",
        "AccessKeyId": sandbox.access_key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": f"nonce {len(sandbox.vod.journal)}",
        "Timestamp": sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "RegisterMetadatas": json.dumps([item("a & b.mp4", "<t>"), item("no.mp4")]),
    }
    sent = {name: value for name, value in {**common, **given}.items() if value}
    text = string_to_sign(method, sent.items())
    return {**sent, "Signature": signature(sandbox.access_key_secret, text)}


def get(sandbox: Sandbox, host: str = "", path: str = "/", **given: str) -> requests.Response:
    headers = {"Host": host} if host else {}
    parameters = signed(sandbox, **given)
    return requests.get(f"{sandbox.url}{path}", params=parameters, headers=headers, timeout=9)


def parsed(answer: requests.Response) -> ET.Element:
    return ET.fromstring(answer.content)  # noqa: S314 - the sandbox wrote it


def test_without_a_format_an_answer_is_xml_with_a_list_as_repeated_elements(
    sandbox: Sandbox,
) -> None:
    for key in ("a & b.mp4", "c.mp4"):
        sandbox.oss.put(BUCKET, key)
    items = [item("a & b.mp4"), item("no.mp4"), item("c.mp4"), item("never.mp4")]
    answer = get(sandbox, RegisterMetadatas=json.dumps(items))
    assert answer.headers["Content-Type"] == "text/xml;charset=utf-8"
    root = parsed(answer)
    assert root.tag == "RegisterMediaResponse"
    assert [each.tag for each in root] == [
        "RequestId", *["RegisteredMediaList"] * 2, *["FailedFileURLs"] * 2,
    ]  # fmt: skip
    registered = root.findall("RegisteredMediaList")
    ours = sandbox.vod.media[BUCKET, "a & b.mp4"]
    assert [each.tag for each in registered[1]] == ["FileURL", "MediaId", "NewRegister"]
    assert registered[1].findtext("MediaId") == ours.media_id
    assert {each.findtext("NewRegister") for each in registered} == {"true"}
    assert root.findtext("RequestId") == answer.headers["x-acs-request-id"]


def test_xml_holds_a_question_mark_for_what_it_cannot_hold(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a\x01.mp4")
    items = json.dumps([{"FileURL": f"http://{BUCKET}.oss-cn-shanghai.aliyuncs.com/a%01.mp4",
                         "Title": "t"}] * 2)  # fmt: skip
    root = parsed(get(sandbox, RegisterMetadatas=items))
    urls = {str(each.text).rpartition("/")[2] for each in root.iter("FileURL")}
    assert urls == {"a%01.mp4", "a?.mp4"}


@pytest.mark.parametrize("word", ["JSON", "json", "Json"])
def test_json_may_be_asked_for_in_any_case(sandbox: Sandbox, word: str) -> None:
    sandbox.oss.put(BUCKET, "a & b.mp4")
    answer = get(sandbox, Format=word)
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
    assert set(answer.json()) == {"RequestId", "RegisteredMediaList", "FailedFileURLs"}


def test_the_signature_method_may_be_written_as_in_both_documents(sandbox: Sandbox) -> None:
    assert get(sandbox, SignatureMethod="Hmac-SHA1").status_code == 200
    refused = get(sandbox, SignatureMethod="HMAC-SHA256")
    assert (refused.status_code, "InvalidSignatureMethod" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"Action": ""}, 400, "MissingAction"),
        ({"Version": ""}, 400, "MissingVersion"),
        ({"Timestamp": ""}, 400, "MissingTimestamp"),
        ({"AccessKeyId": ""}, 400, "MissingAccessKeyId"),
        ({"Version": "2014-05-26"}, 400, "InvalidVersion"),
        ({"Action": "GetUploadDetails"}, 404, "InvalidApi.NotFound"),
        ({"Action": "DescribeRegions", "Version": "2014-05-26"}, 400, "InvalidVersion"),
    ],
)
@pytest.mark.parametrize("host", ["", "vod.cn-shanghai.aliyuncs.com"])
def test_a_call_that_is_not_quite_one_is_refused_by_vod(
    sandbox: Sandbox, host: str, given: dict[str, str], status: int, code: str
) -> None:
    answer = get(sandbox, host, **given)
    root = parsed(answer)
    assert (answer.status_code, root.findtext("Code")) == (status, code)
    assert root.findtext("HostId") == "vod.cn-shanghai.aliyuncs.com"
    (call,) = sandbox.vod.journal
    assert (call.action, call.status, call.code) == (
        given.get("Action", "RegisterMedia"),
        status,
        code,
    )
    assert not sandbox.oss.journal


@pytest.mark.parametrize(
    ("host", "path", "headers"),
    [
        ("vod.aliyuncs.com", "/", {}),
        ("vod.cn-beijing.aliyuncs.com:80", "/", {}),
        ("VOD-VPC.cn-shanghai.aliyuncs.com", "/", {}),
        ("vod.cn-shanghai.aliyuncs.com", "/media-bucket/a.mp4", {}),
        ("", "/?SignatureNonce=1", {}),
        ("", "/?Version=2017-03-21", {}),
        ("", "/", {"x-acs-version": "2017-03-21"}),
        ("", "/", {"x-acs-action": "RegisterMedia"}),
        ("", "/", {"Authorization": "ACS3-HMAC-SHA256 ", "x-acs-date": "now"}),
    ],
)
def test_vod_is_known_by_its_host_or_by_what_only_vod_has(
    sandbox: Sandbox, host: str, path: str, headers: dict[str, str]
) -> None:
    sent = {**headers, **({"Host": host} if host else {})}
    answer = requests.get(f"{sandbox.url}{path}", headers=sent, timeout=9)
    assert (answer.status_code, sandbox.vod.journal[0].code[:7]) == (400, "Missing")
    assert len(sandbox.vod.journal) == 1
    assert not sandbox.oss.journal


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("", "/"),
        ("", "/?prefix=a&max-keys=1"),
        ("", "/?Expires=1&OSSAccessKeyId=a&Signature=b"),
        ("", "/media-bucket/?Action=RegisterMedia&Version=2017-03-21"),
        ("vod.oss-cn-shanghai.aliyuncs.com", "/?Action=RegisterMedia"),
        ("oss-cn-shanghai.aliyuncs.com", "/"),
        ("media-bucket.oss-cn-shanghai.aliyuncs.com", "/?prefix=a"),
    ],
)
def test_a_request_that_oss_understands_is_one_for_oss(
    sandbox: Sandbox, host: str, path: str
) -> None:
    headers = {"Host": host} if host else {}
    requests.get(f"{sandbox.url}{path}", headers=headers, timeout=9)
    assert len(sandbox.oss.journal) == 1
    assert not sandbox.vod.journal


def test_no_other_path_of_a_vod_host_has_an_operation(sandbox: Sandbox) -> None:
    answer = get(sandbox, "vod.cn-shanghai.aliyuncs.com", "/media-bucket/a.mp4")
    assert (answer.status_code, "InvalidApi.NotFound" in answer.text) == (404, True)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "PATCH"])
def test_a_call_is_a_get_or_a_post(sandbox: Sandbox, method: str) -> None:
    sandbox.oss.put(BUCKET, "a & b.mp4")
    parameters = signed(sandbox, method)
    answer = requests.request(method, sandbox.url, params=parameters, timeout=9)
    assert answer.status_code == 403
    assert [call.code for call in sandbox.vod.journal] == ["UnsupportedHTTPMethod"]
    assert not sandbox.vod.media


def test_both_schemes_share_one_set_of_nonces(sandbox: Sandbox) -> None:
    assert get(sandbox, SignatureNonce="once").status_code == 200
    again = acs3_call(sandbox, "RegisterMedia", {}, signed={"x-acs-signature-nonce": "once"})
    assert again.json()["Code"] == "SignatureNonceUsed"


def test_a_temporary_credential_calls_unless_it_is_for_objects(sandbox: Sandbox) -> None:
    def client(grants: list[Grant] | None) -> AcsClient:
        issued = sandbox.account.issue(sandbox.clock.now(), 60, grants)
        token = StsTokenCredential(
            issued.access_key_id, issued.access_key_secret, issued.security_token
        )
        return AcsClient(region_id="cn-shanghai", credential=token)

    assert code_of(sandbox, [], asking=client(None)) == "InvalidParameter"
    limited = client([Grant(bucket=BUCKET, keys=b"*")])
    assert code_of(sandbox, [], asking=limited) == "Forbidden.RAM"
    assert sandbox.vod.journal[-1].status == 403


def test_a_wrong_version_by_the_real_sdk_is_an_error_of_vod(sandbox: Sandbox) -> None:
    call = CommonRequest(domain=sandbox.host, version="2014-05-26", action_name="RegisterMedia")
    call.set_accept_format("JSON")
    asking = AcsClient(sandbox.access_key_id, sandbox.access_key_secret, "cn-shanghai")
    with pytest.raises(
        ServerException, match="Specified parameter Version is not valid"
    ) as refused:
        asking.do_action_with_exception(call)
    assert refused.value.get_error_code() == "InvalidVersion"


def test_a_form_that_is_for_oss_stays_with_oss(sandbox: Sandbox) -> None:
    form: dict[str, Any] = {"Action": "RegisterMedia"}
    requests.post(f"{sandbox.url}/{BUCKET}/a.mp4?append&position=0", data=form, timeout=9)
    assert len(sandbox.oss.journal) == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Signature", "SignatureDoesNotMatch"),
        ("SecurityToken", "InvalidSecurityToken.MismatchWithAccessKey"),
        ("AccessKeyId", "InvalidAccessKeyId.NotFound"),
        ("Action", "SignatureDoesNotMatch"),
        ("Timestamp", "InvalidTimeStamp.Format"),
    ],
)
@pytest.mark.parametrize("word", ["JSON", "XML"])
def test_bytes_that_are_not_utf8_get_an_answer(
    sandbox: Sandbox, word: str, name: str, code: str
) -> None:
    odd: dict[str, str | bytes] = {**signed(sandbox, Format=word), name: b"\xff\xfe"}
    answer = requests.get(sandbox.url, params=odd, timeout=9)
    assert code in answer.content.decode()


def test_an_id_that_is_not_utf8_is_not_known(sandbox: Sandbox) -> None:
    ours = {"Action": "BatchGetMediaInfos", "MediaIds": "a\udcff", "RegisterMetadatas": ""}
    given = signed(sandbox, Format="JSON", **ours)
    odd = {name: value.encode("utf-8", "surrogateescape") for name, value in given.items()}
    answer = requests.get(sandbox.url, params=odd, timeout=9)
    assert answer.json()["NonExistMediaIds"] == ["a?"]


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_json_that_is_nested_too_deeply_gets_an_answer(sandbox: Sandbox, kind: str) -> None:
    nested = "[" * 100_000
    form = signed(sandbox, "POST", RegisterMetadatas=nested, Format="JSON")
    answer = requests.post(
        f"{sandbox.url}/?Action=RegisterMedia" if kind.endswith("json") else sandbox.url,
        data=nested if kind.endswith("json") else form,
        headers={"Content-Type": kind},
        timeout=9,
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("odd", ["\\ud800", "\\udcff"])
def test_a_file_url_with_half_a_character_is_not_valid(sandbox: Sandbox, odd: str) -> None:
    items = json.dumps([item("a.mp4")]).replace("a.mp4", f"a{odd}.mp4")
    answer = get(sandbox, RegisterMetadatas=items, Format="JSON")
    assert answer.json()["Code"] == "InvalidParameter"

"""A client that signs by ACS3-HMAC-SHA256 calls the local VOD over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.acs3 import acs3_call, authorization
from tests.support.vod_calls import item
from tests.support.workspace import BUCKET
from watcher.ports import Credentials
from watcher.sandbox.account import Grant
from watcher.sandbox.vod import acs3

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    sandbox.oss.put(BUCKET, "视频/a b+c.mp4")
    return sandbox


def metadatas(title: str = "t t") -> dict[str, Any]:
    return {"RegisterMetadatas": json.dumps([item("视频/a b+c.mp4", title)])}


def refusal(sandbox: Sandbox, **more: Any) -> tuple[int, str]:
    """Return the status and code of a refused RegisterMedia call, and check its form."""
    answer = acs3_call(sandbox, "RegisterMedia", metadatas(), **more)
    assert not sandbox.vod.media
    assert set(answer.json()) == {"RequestId", "HostId", "Code", "Message"}
    (call,) = sandbox.vod.journal[-1:]
    assert (call.status, call.code) == (answer.status_code, answer.json()["Code"])
    return answer.status_code, answer.json()["Code"]


def test_the_signature_is_that_of_the_published_example() -> None:
    query = {
        "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        "RegionId": "cn-shanghai",
    }
    headers = {
        "x-acs-date": "2023-10-26T10:22:32Z",
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": EMPTY,
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    published = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    canonical = acs3.canonical_request("POST", "/", query.items(), headers.items(), EMPTY)
    ours = acs3.signature("YourAccessKeySecret", acs3.string_to_sign(canonical))
    independent = authorization(
        "YourAccessKeyId", "YourAccessKeySecret",
        method="POST", query=query, headers=headers, body=b"",
    )  # fmt: skip
    assert ours == published
    assert independent.endswith(f"Signature={published}")


@pytest.mark.parametrize("carrier", ["query", "form", "json"])
def test_parameters_may_be_in_the_query_a_form_or_json(filled: Sandbox, carrier: str) -> None:
    answer = acs3_call(filled, "RegisterMedia", {**metadatas(), "UserData": "{}"}, carrier=carrier)
    assert answer.status_code == 200
    (one,) = answer.json()["RegisteredMediaList"]
    media = filled.vod.media[BUCKET, "视频/a b+c.mp4"]
    assert (one["MediaId"], media.title, media.user_data) == (media.media_id, "t t", "{}")
    (call,) = filled.vod.journal
    assert (call.action, call.items[0]["Title"]) == ("RegisterMedia", "t t")
    assert bool(call.body_bytes) is (carrier != "query")


def test_json_may_hold_the_items_themselves(filled: Sandbox) -> None:
    items = {"RegisterMetadatas": [item("视频/a b+c.mp4")], "UserData": None}
    answer = acs3_call(filled, "RegisterMedia", items, carrier="json")
    assert answer.json()["FailedFileURLs"] == []
    (media,) = filled.vod.media.values()
    assert media.user_data == ""


@pytest.mark.parametrize("body", ["[1]", "{", '"text"'])
def test_a_body_that_is_no_json_object_has_no_parameters(filled: Sandbox, body: str) -> None:
    parameters = {"RegisterMetadatas": body}
    assert acs3_call(filled, "RegisterMedia", parameters, carrier="json").status_code == 400
    answer = acs3_call(
        filled, "RegisterMedia", {}, carrier="query", signed={"content-type": "application/json"}
    )
    assert answer.json()["Code"] == "MissingRegisterMetadatas"


def test_a_wrong_secret_gets_both_texts_that_vod_signed(filled: Sandbox) -> None:
    guess = Credentials(filled.access_key_id, "guess", "")
    answer = acs3_call(filled, "RegisterMedia", metadatas(), signer=guess)
    said = answer.json()
    assert (answer.status_code, said["Code"]) == (400, "SignatureDoesNotMatch")
    assert said["Message"].startswith(
        "Specified signature does not match our calculation. "
        "server StringToSign is [ACS3-HMAC-SHA256\n"
    )
    assert "server CanonicalRequest is [POST\n/\nRegisterMetadatas=%5B%7B" in said["Message"]
    assert not filled.vod.media


def test_an_unknown_key_is_not_found(filled: Sandbox) -> None:
    somebody = Credentials("somebody", filled.access_key_secret, "")
    assert refusal(filled, signer=somebody) == (404, "InvalidAccessKeyId.NotFound")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("x-acs-action", "MissingAction"),
        ("x-acs-version", "MissingVersion"),
        ("x-acs-date", "MissingTimestamp"),
        ("x-acs-signature-nonce", "MissingSignatureNonce"),
        ("x-acs-content-sha256", "IncompleteSignature"),
        ("host", "IncompleteSignature"),
    ],
)
def test_each_common_header_must_be_signed(filled: Sandbox, header: str, code: str) -> None:
    assert refusal(filled, signed={header: None}) == (400, code)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "MissingAccessKeyId"),
        ("ACS3-HMAC-SHA256 nonsense", "IncompleteSignature"),
        ("ACS3-HMAC-SM3 Credential=a,SignedHeaders=host,Signature=b", "InvalidSignatureMethod"),
    ],
)
def test_an_authorization_must_be_of_its_form(filled: Sandbox, value: str, code: str) -> None:
    assert refusal(filled, unsigned={"Authorization": value}) == (400, code)


def test_a_header_of_the_gateway_may_not_be_added_without_a_signature(filled: Sandbox) -> None:
    added = {"x-acs-credentials-provider": "static"}
    assert refusal(filled, unsigned=added) == (400, "IncompleteSignature")


@pytest.mark.parametrize("header", ["x-acs-version", "x-acs-signature-nonce", "x-acs-date"])
def test_a_signed_header_may_not_change(filled: Sandbox, header: str) -> None:
    earlier = filled.clock.now() - timedelta(minutes=1)
    changed = {"x-acs-date": earlier.strftime("%Y-%m-%dT%H:%M:%SZ")}
    value = changed.get(header, "changed")
    assert refusal(filled, unsigned={header: value}) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize("when", ["signed", "unsigned"])
def test_the_hash_must_be_that_of_the_body(filled: Sandbox, when: str) -> None:
    """A hash that is not the body's is refused, be it signed or not."""
    wrong = {when: {"x-acs-content-sha256": EMPTY}}
    assert refusal(filled, carrier="form", **wrong) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize("offset_s", [-1000, 1000])
def test_a_call_is_refused_when_its_clock_is_too_far_off(filled: Sandbox, offset_s: int) -> None:
    now = filled.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    filled.clock_offset_s = offset_s
    assert refusal(filled, signed={"x-acs-date": now}) == (400, "InvalidTimeStamp.Expired")


def test_a_date_must_be_of_its_form(filled: Sandbox) -> None:
    wrong = {"x-acs-date": "Thu, 26 Oct 2023 10:22:32 GMT"}
    assert refusal(filled, signed=wrong) == (400, "InvalidTimeStamp.Format")


def test_a_nonce_passes_once(filled: Sandbox) -> None:
    once = {"x-acs-signature-nonce": "once"}
    assert acs3_call(filled, "RegisterMedia", metadatas(), signed=once).status_code == 200
    again = acs3_call(filled, "RegisterMedia", metadatas(), signed=once)
    assert (again.status_code, again.json()["Code"]) == (400, "SignatureNonceUsed")


def test_a_temporary_credential_needs_its_token_until_it_expires(filled: Sandbox) -> None:
    issued = filled.account.issue(filled.clock.now(), 60)
    bare = Credentials(issued.access_key_id, issued.access_key_secret, "")
    assert refusal(filled, signer=bare) == (400, "MissingSecurityToken")
    wrong = Credentials(issued.access_key_id, issued.access_key_secret, "wrong")
    assert refusal(filled, signer=wrong) == (400, "InvalidSecurityToken.Malformed")
    filled.clock_offset_s = 61
    assert refusal(filled, signer=issued) == (400, "InvalidSecurityToken.Expired")
    filled.clock_offset_s = 0
    assert acs3_call(filled, "RegisterMedia", metadatas(), signer=issued).status_code == 200


def test_a_credential_for_objects_may_not_call(filled: Sandbox) -> None:
    limited = filled.account.issue(filled.clock.now(), 60, [Grant(bucket=BUCKET, keys=b"*")])
    assert refusal(filled, signer=limited) == (403, "Forbidden.RAM")


@pytest.mark.parametrize("of", ["action", "version"])
def test_an_unknown_action_or_version_is_refused(filled: Sandbox, of: str) -> None:
    expected = {"action": (404, "InvalidApi.NotFound"), "version": (400, "InvalidVersion")}
    assert refusal(filled, signed={f"x-acs-{of}": "2014-05-26"}) == expected[of]


@pytest.mark.parametrize(
    ("accept", "form", "json_"),
    [
        (None, {}, True),
        ("application/json", {}, True),
        ("application/xml", {}, False),
        ("application/json", {"Format": "XML"}, False),
        ("application/xml", {"Format": "json"}, True),
    ],
)
def test_the_answer_is_json_unless_xml_is_asked_for(
    filled: Sandbox,
    accept: str | None,
    form: dict[str, str],
    json_: bool,  # noqa: FBT001
) -> None:
    answer = acs3_call(filled, "RegisterMedia", {**metadatas(), **form}, signed={"accept": accept})
    assert answer.headers["Content-Type"].startswith("application/json" if json_ else "text/xml")
    assert answer.text.startswith("{" if json_ else "<?xml")

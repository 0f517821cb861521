"""The class of each answer of VOD, and of each missing answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CallRefused,
    CloudError,
    Throttled,
    Unreachable,
)
from watcher.vod import error_codes
from watcher.vod.client import HttpAnswer, NoAnswer
from watcher.vod.error_codes import ACCOUNT_CURES, UnknownOutcome, classify, read, table


def answer(status: int, headers: dict[str, str] | None = None, **body: Any) -> HttpAnswer:
    return HttpAnswer(status=status, headers=headers or {}, body=json.dumps(body).encode())


def refusal(status: int, code: str, message: str = "no", **headers: str) -> CloudError:
    """Return what a refusal is raised as; it carries what the service said."""
    with pytest.raises(CloudError) as raised:
        read(answer(status, headers, Code=code, Message=message, RequestId="R1"))
    assert raised.value.request_id == "R1"
    assert raised.value.code == (code or f"HTTP{status}")
    assert f"{code or f'HTTP {status}'}: " in str(raised.value)
    assert "(RequestId R1)" in str(raised.value)
    return raised.value


KINDS: list[tuple[int, str, str, type[CloudError]]] = [
    (400, "Throttling.User", "slow", Throttled),
    (400, "Throttling", "slow", Throttled),
    (503, "throttling.api", "slow", Throttled),
    (429, "", "slow", Throttled),
    (429, "Whatever", "slow", Throttled),
    (503, "ServiceUnavailable", "down", Unreachable),
    (503, "ServiceUnAvailable", "down", Unreachable),
    (400, "SignatureNonceUsed", "again", Unreachable),
    (400, "InvalidParameter", "The storageLocation must be registered on VOD.", BucketRefused),
    (400, "InvalidParameter", "the STORAGE LOCATION is unknown", BucketRefused),
    (404, "InvalidStorage.NotFound", "The StorageLocation does not exist.", BucketRefused),
    (401, "Strange", "who are you", AccountRefused),
    (403, "Strange", "no", AccountRefused),
    (400, "InvalidParameter", "The parameter TemplateGroupId is wrong", AccountRefused),
    (400, "InvalidParameter", "workflow id is wrong", AccountRefused),
    (400, "InvalidParameter", "UserData: not JSON", AccountRefused),
    (400, "InvalidParameter", "FileURL https://x/userdata/TemplateGroupId is wrong", CallRefused),
    (400, "InvalidParameter", "the title a-userdata.mp4 is wrong", CallRefused),
    (400, "InvalidParameter", "FileURL is wrong", CallRefused),
    (400, "IllegalCharacters", "no", CallRefused),
    (404, "Strange.NotFound", "no", CallRefused),
    (499, "Strange", "no", CallRefused),
]


@pytest.mark.parametrize(("status", "code", "message", "kind"), KINDS)
def test_a_refusal_is_classified_by_its_code_first_and_by_its_status_else(
    status: int, code: str, message: str, kind: type[CloudError]
) -> None:
    assert type(refusal(status, code, message)) is kind


@pytest.mark.parametrize("code", ACCOUNT_CURES)
@pytest.mark.parametrize("spelt", [str, str.lower, str.upper, lambda code: f"{code}.More"])
def test_every_account_error_has_its_cure_in_any_letter_case(code: str, spelt: Any) -> None:
    found = refusal(400, spelt(code))
    assert type(found) is AccountRefused
    cure = ACCOUNT_CURES[code]
    assert found.hint == f"{cure[0].upper()}{cure[1:]}."


def test_the_longest_prefix_decides() -> None:
    assert "billing" in refusal(403, "OperationDenied.Suspended").hint
    assert "open ApsaraVideo VOD" in refusal(403, "OperationDenied").hint.replace("Open", "open")


@pytest.mark.parametrize(
    ("status", "code", "message", "hint"),
    [
        (
            400,
            "Throttling.User",
            "",
            "The rate falls and recovers by itself. Other software shares the quota",
        ),
        (503, "ServiceUnavailable", "", "The program retries by itself."),
        (404, "INVALIDStorage.NotFound", "", "Add the bucket in the VOD console"),
        (403, "Strange", "", "Grant vod:RegisterMedia"),
        (400, "X", "TemplateGroupId", "Correct template_group_id of the watch."),
        (400, "X", "WorkflowId", "Correct workflow_id of the watch."),
        (400, "X", "UserData", "Correct user_data of the watch."),
    ],
)
def test_each_refusal_names_its_cure(status: int, code: str, message: str, hint: str) -> None:
    assert refusal(status, code, message).hint.startswith(hint)


def test_the_signed_text_is_never_repeated() -> None:
    found = refusal(400, "SignatureDoesNotMatch", "server string to sign is:GET&AccessKeyId")
    assert "the signature does not match" in str(found)
    assert "GET" not in str(found)


def test_retry_after_is_passed_on() -> None:
    assert refusal(400, "Throttling", **{"Retry-After": "7"}).retry_after_s == 7
    assert refusal(400, "Throttling").retry_after_s == 0


@pytest.mark.parametrize(
    ("status", "code"), [(500, "InternalError"), (502, ""), (503, "AddVideoFailed"), (404, "")]
)
def test_errors_that_may_have_taken_effect_have_unknown_outcome(status: int, code: str) -> None:
    with pytest.raises(UnknownOutcome) as raised:
        read(answer(status, Code=code, RequestId="R1"))
    assert (
        str(raised.value)
        == f"VOD answered {code or 'without a code'} (HTTP {status}, RequestId R1)"
    )
    assert raised.value.request_id == "R1"


@pytest.mark.parametrize("status", [408, 409, 425])
def test_a_status_about_other_things_fails_no_file(status: int) -> None:
    with pytest.raises(UnknownOutcome):
        read(answer(status, Code="Strange", Message="no"))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"<html>", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not JSON"),
        (b'{"ok": 1}', "not VOD's"),
        (b"", "JSON"),
    ],
)
def test_a_foreign_success_has_unknown_outcome(body: bytes, word: str) -> None:
    with pytest.raises(UnknownOutcome, match=word) as raised:
        read(HttpAnswer(status=200, headers={}, body=body))
    assert "proxy" in str(raised.value)
    assert raised.value.request_id == ""


@pytest.mark.parametrize("sign", ["RequestId", "RegisteredMediaList", "FailedFileURLs"])
def test_a_success_is_recognised_by_any_of_its_fields(sign: str) -> None:
    body = json.dumps({sign: []}).encode()
    for status in (200, 299):
        assert read(HttpAnswer(status=status, headers={}, body=body)) == {sign: []}
    with pytest.raises(UnknownOutcome):
        read(HttpAnswer(status=300, headers={}, body=body))


def test_a_missing_answer_is_classified_by_whether_the_call_was_sent() -> None:
    with pytest.raises(UnknownOutcome, match=r"was sent and no answer came \(ReadTimeout\)"):
        read(NoAnswer(sent=True, what="ReadTimeout"))
    with pytest.raises(Unreachable, match=r"could not be reached \(ConnectTimeout\)") as raised:
        read(NoAnswer(sent=False, what="ConnectTimeout"))
    assert (raised.value.code, "proxy" in raised.value.hint) == ("NotSent", True)
    with pytest.raises(Unreachable, match=r"could not be verified over TLS \(x\)") as raised:
        read(NoAnswer(sent=False, what="x", over_tls=True))
    assert (raised.value.code, "ca_bundle" in raised.value.hint) == ("NotSent", True)


def test_a_missing_request_id_is_shown_as_none() -> None:
    found = classify(status=400, code="InvalidParameter", message="no")
    assert str(found) == "VOD refused the call: InvalidParameter: no (RequestId none)"


def test_the_table_names_every_class_and_every_code() -> None:
    rows = list(table())
    text = " ".join(answer for answer, _, _ in rows)
    assert all(f"`{code}*`" in text for code in ACCOUNT_CURES)
    assert all(f"`{code}`" in text for code in error_codes._NO_EFFECT)
    assert {kind.split(":")[0] for _, kind, _ in rows} == {
        *("transient", "unknown outcome", "permanent for one object", "global for the account"),
        *("global for one bucket", "unreachable"),
    }
    assert all(all(row) for row in rows)

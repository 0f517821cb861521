"""Faults hit the calls of VOD whatever signs them, carries them or is asked for."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.acs3 import acs3_call
from tests.support.vod_calls import HOST, item
from tests.support.workspace import BUCKET
from watcher.sandbox.account import Grant
from watcher.sandbox.faults import Fault, Faults, InvalidFault
from watcher.sandbox.faults.answers import ERRORS

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox
    from watcher.sandbox.http_server import Request

KEYS = tuple(f"{n}.mp4" for n in range(5))
QUERIES = pytest.mark.parametrize(
    ("action", "name"), [("GetVideoInfos", "VideoIds"), ("BatchGetMediaInfos", "MediaIds")]
)


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    for key in KEYS:
        sandbox.oss.put(BUCKET, key)
    return sandbox


def hit(sandbox: Sandbox, kind: str, **more: Any) -> Faults:
    """Schedule a fault for the next call."""
    sandbox.hook = faults = Faults(Fault(**{"kind": kind, "next": 1, **more}))
    return faults


def register(sandbox: Sandbox, *keys: str, **more: Any) -> requests.Response:
    items = {"RegisterMetadatas": json.dumps([item(key) for key in keys])}
    return acs3_call(sandbox, "RegisterMedia", {**items, **more.pop("given", {})}, **more)


def registered(sandbox: Sandbox) -> set[str]:
    return {key for _, key in sandbox.vod.media}


@pytest.mark.parametrize("kind", [name for name, answers in ERRORS.items() if "vod" in answers])
def test_an_error_comes_in_the_words_and_the_format_of_the_call(filled: Sandbox, kind: str) -> None:
    status, code, message = ERRORS[kind]["vod"]
    for asked_for in ("JSON", "XML"):
        faults = hit(filled, kind, operation="RegisterMedia")
        answer = register(filled, "0.mp4", given={"Format": asked_for})
        assert (answer.status_code, faults.hits.total()) == (status, 1)
        assert answer.text.startswith("{" if asked_for == "JSON" else "<?xml")
        assert code in answer.text
        assert message.partition('"')[0] in answer.text
    assert not filled.vod.media
    assert [call.code for call in filled.vod.journal] == [code, code]


@pytest.mark.parametrize("effect", ["before", "none", "after"])
def test_a_lost_answer_takes_effect_before_after_or_not_at_all(
    filled: Sandbox, effect: str
) -> None:
    hit(filled, "reset", effect=effect)
    with pytest.raises(requests.ConnectionError):
        register(filled, "0.mp4")
    deadline = filled.clock.monotonic() + 5
    while effect == "after" and not filled.vod.media and filled.clock.monotonic() < deadline:
        filled.clock.wait(0.01)
    assert registered(filled) == (set() if effect == "none" else {"0.mp4"})


def test_a_late_call_of_somebody_else_has_no_effect(filled: Sandbox) -> None:
    seen: list[Request] = []
    filled.hook = faults = Faults()
    faults.on("RegisterMedia", seen.append, effect="none", next=2)
    limited = filled.account.issue(filled.clock.now(), 60, [Grant(bucket=BUCKET, keys=b"*")])
    for signer in (limited, filled.credentials):
        with pytest.raises(requests.ConnectionError):
            register(filled, "0.mp4", signer=signer)
    known = filled.credentials
    filled.credentials = type(known)("another", known.access_key_secret, "")
    for request in seen:
        filled.vod.take_effect_late(request)
    assert not filled.vod.media
    filled.credentials = known
    filled.vod.take_effect_late(seen[1])
    assert registered(filled) == {"0.mp4"}


@pytest.mark.parametrize("kind", ["partial_refusal", "missing_items"])
def test_single_items_are_hit_by_their_keys(filled: Sandbox, kind: str) -> None:
    effect = "none" if kind == "missing_items" else None
    hit(filled, kind, keys=("3.mp4",), effect=effect)
    answer = register(filled, *KEYS, carrier="json").json()
    failed = [f"http://{HOST}/3.mp4"] if kind == "partial_refusal" else []
    assert answer["FailedFileURLs"] == failed
    assert registered(filled) == {*KEYS} - {"3.mp4"}


def test_an_echo_is_spelled_in_xml_too(filled: Sandbox) -> None:
    hit(filled, "echo", spelling="internal")
    answer = register(filled, "0.mp4", given={"Format": "XML"})
    assert f"<FileURL>http://{BUCKET}.oss-cn-shanghai-internal.aliyuncs.com/0.mp4" in answer.text


@pytest.mark.parametrize("asked_for", ["JSON", "XML"])
def test_a_shuffled_answer_has_the_same_lines_in_either_format(
    filled: Sandbox, asked_for: str
) -> None:
    def order(seed: int | None) -> list[str]:
        filled.hook = Faults() if seed is None else Faults(Fault(kind="shuffled", seed=seed))
        answer = register(filled, *KEYS, "no.mp4", "b.mp4", given={"Format": asked_for})
        assert answer.status_code == HTTPStatus.OK
        names = re.findall("<(RegisteredMediaList|FailedFileURLs)>", answer.text)
        assert len(list(groupby(names))) == (2 if asked_for == "XML" else 0)
        return re.findall("[0-9a-f]{32}", answer.text)

    orders = [order(seed) for seed in (None, 1, 1, 2)]
    assert orders[1] == orders[2]
    assert len({tuple(each) for each in orders}) == 3
    assert len({tuple(sorted(each)) for each in orders}) == 1


def test_a_shuffled_error_stays_as_it_is(filled: Sandbox) -> None:
    hit(filled, "shuffled")
    answer = acs3_call(filled, "RegisterMedia", {"Format": "XML"})
    assert "<Code>MissingRegisterMetadatas</Code>" in answer.text


@pytest.mark.parametrize(("carrier", "hits"), [("query", 0), ("form", 1), ("json", 1)])
def test_parameters_in_a_body_are_those_of_a_form_or_json(
    filled: Sandbox, carrier: str, hits: int
) -> None:
    faults = hit(filled, "missing_parameter", parameters_in="body")
    assert (register(filled, "0.mp4", carrier=carrier).status_code == 400) is bool(hits)
    assert faults.hits.total() == hits


@QUERIES
def test_a_fault_may_be_for_one_of_the_queries(filled: Sandbox, action: str, name: str) -> None:
    media_id = register(filled, "0.mp4").json()["RegisteredMediaList"][0]["MediaId"]
    faults = hit(filled, "throttle", operation=action, next=None)
    assert register(filled, "1.mp4").status_code == 200
    answer = acs3_call(filled, action, {name: media_id})
    assert (answer.status_code, answer.json()["Code"]) == (400, "Throttling.User")
    assert faults.hits.total() == 1


@QUERIES
@pytest.mark.parametrize("effect", ["before", "none", "after"])
def test_half_of_the_answer_to_a_query_is_half_of_its_own(
    filled: Sandbox, action: str, name: str, effect: str
) -> None:
    media_id = register(filled, "0.mp4").json()["RegisteredMediaList"][0]["MediaId"]
    whole = acs3_call(filled, action, {name: f"{media_id},no"}).text
    hit(filled, "truncated", effect=effect)
    half = acs3_call(filled, action, {name: f"{media_id},no"}).text
    assert len(half) == len(whole) // 2
    assert half[60:] == whole[60 : len(half)]  # after the request ID


def test_a_fault_for_items_is_not_for_a_query() -> None:
    with pytest.raises(InvalidFault, match="is for RegisterMedia, not for GetVideoInfos"):
        Fault(kind="partial_refusal", operation="GetVideoInfos")
    assert Fault(kind="reset", operation="BatchGetMediaInfos").operation == "BatchGetMediaInfos"


def test_a_call_without_an_action_is_hit_as_one_of_vod(filled: Sandbox) -> None:
    faults = hit(filled, "throttle", operation="vod")
    answer = requests.get(f"{filled.url}/?Version=2017-03-21", timeout=9)
    assert ("Throttling.User" in answer.text, faults.hits.total()) == (True, 1)

"""The program's own VOD client meets each kind of fault over HTTP."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from aliyunsdkvod.request.v20170321.RegisterMediaRequest import RegisterMediaRequest

from tests.support.vod_calls import item
from tests.support.workspace import BUCKET
from watcher import errors
from watcher.sandbox.faults import Fault, Faults
from watcher.vod.client import HttpAnswer, NoAnswer, VodClient
from watcher.vod.error_codes import UnknownOutcome, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.ports import Credentials
    from watcher.sandbox import Sandbox

KEYS = tuple(f"{n}.mp4" for n in range(5))


class Chain:
    """The sandbox's own credentials."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def get(self) -> Credentials:
        return self._sandbox.credentials


@pytest.fixture
def vod(sandbox: Sandbox) -> Iterator[VodClient]:
    """The program's own VOD client, with a timeout of half a second."""
    made = VodClient(
        region="cn-shanghai", endpoint=sandbox.url, credentials=Chain(sandbox), timeout_s=0.5,
        concurrent_calls=1, proxies={}, no_proxy="", ca_bundle="",
    )  # fmt: skip
    yield made
    made.close()


def ask(vod: VodClient, *keys: str) -> HttpAnswer | NoAnswer:
    """Make one RegisterMedia call, and return its answer."""
    call = RegisterMediaRequest()
    call.set_RegisterMetadatas(json.dumps([item(key) for key in keys]))
    return vod.call(call)


def registered(sandbox: Sandbox) -> set[str]:
    return {key for _, key in sandbox.vod.media}


def put_all(sandbox: Sandbox) -> None:
    for key in KEYS:
        sandbox.oss.put(BUCKET, key)


def hit(sandbox: Sandbox, kind: str, **more: Any) -> Faults:
    """Schedule a fault for the next call."""
    sandbox.hook = faults = Faults(Fault(**{"kind": kind, "next": 1, **more}))
    return faults


VOD_ERRORS = [
    ("throttle", 400, "Throttling.User", errors.Throttled),
    ("server_error", 500, "InternalError", UnknownOutcome),
    ("service_unavailable", 503, "ServiceUnAvailable", errors.Unreachable),
    ("clock_skew", 400, "InvalidTimeStamp.Expired", errors.AccountRefused),
    ("expired_token", 400, "InvalidSecurityToken.Expired", errors.AccountRefused),
    ("access_denied", 403, "Forbidden.RAM", errors.AccountRefused),
    ("arrears", 403, "OperationDenied.Suspended", errors.AccountRefused),
    ("unregistered_bucket", 400, "InvalidParameter", errors.BucketRefused),
]


@pytest.mark.parametrize("error", VOD_ERRORS)
def test_vod_answers_with_its_own_error_and_journals_the_call(
    sandbox: Sandbox, vod: VodClient, error: tuple[str, int, str, type[Exception]]
) -> None:
    kind, status, code, meant = error
    sandbox.oss.put(BUCKET, "a.mp4")
    faults = hit(sandbox, kind, operation="RegisterMedia")

    answer = ask(vod, "a.mp4")

    with pytest.raises(meant, match=code):
        read(answer)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, set(json.loads(answer.body))) == (
        status,
        {"RequestId", "HostId", "Code", "Message"},
    )
    assert {"Date", "x-acs-request-id"} <= answer.headers.keys()
    (call,) = sandbox.vod.journal
    assert (call.status, call.code, call.items[0]["Title"]) == (status, code, "title")
    assert (faults.hits.total(), sandbox.vod.media) == (1, {})
    assert ask(vod, "a.mp4").status == 200  # type: ignore[union-attr]


def test_a_fault_of_vod_may_have_any_error(sandbox: Sandbox, vod: VodClient) -> None:
    hit(sandbox, "error", status=422, code="Strange.Code", message="never seen")
    with pytest.raises(errors.CallRefused, match=r"Strange\.Code: never seen"):
        read(ask(vod, "0.mp4"))


def test_a_throttle_may_have_a_retry_after(sandbox: Sandbox, vod: VodClient) -> None:
    hit(sandbox, "throttle", retry_after_s=3)
    with pytest.raises(errors.Throttled) as throttled:
        read(ask(vod, "0.mp4"))
    assert throttled.value.retry_after_s == 3


def test_an_answer_of_vod_that_is_cut_off_is_no_answer(sandbox: Sandbox, vod: VodClient) -> None:
    sandbox.oss.put(BUCKET, "0.mp4")
    hit(sandbox, "cut_off")
    assert isinstance(ask(vod, "0.mp4"), NoAnswer)
    assert registered(sandbox) == {"0.mp4"}


@pytest.mark.parametrize("kind", ["html", "not_utf8", "not_json", "foreign_json"])
def test_the_answer_of_another_server_is_no_answer_of_vod(
    sandbox: Sandbox, vod: VodClient, kind: str
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    hit(sandbox, kind)
    answer = ask(vod, "a.mp4")
    assert isinstance(answer, HttpAnswer)
    assert (
        answer.status,
        sandbox.vod.journal[0].status,
        b"RegisteredMediaList" in answer.body,
    ) == (200, 200, False)
    with pytest.raises(UnknownOutcome):
        read(answer)


def test_a_foreign_answer_may_have_any_status(sandbox: Sandbox, vod: VodClient) -> None:
    hit(sandbox, "html", status=502)
    assert ask(vod, "a.mp4").status == 502  # type: ignore[union-attr]
    assert (sandbox.vod.journal[0].status, sandbox.vod.journal[0].code) == (502, "")


@pytest.mark.parametrize("effect", ["before", "none"])
def test_a_truncated_answer_of_vod_is_complete_for_http(
    sandbox: Sandbox, vod: VodClient, effect: str
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    hit(sandbox, "truncated", effect=effect)
    answer = ask(vod, "a.mp4")
    assert isinstance(answer, HttpAnswer)
    assert answer.body.startswith(b'{"RequestId"')
    with pytest.raises(UnknownOutcome):
        read(answer)
    assert bool(registered(sandbox)) is (effect == "before")


@pytest.mark.parametrize("kind", ["reset", "timeout"])
@pytest.mark.parametrize("effect", ["before", "none", "after"])
def test_a_call_without_an_answer_takes_effect_before_after_or_not_at_all(
    sandbox: Sandbox, vod: VodClient, kind: str, effect: str
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    hit(sandbox, kind, effect=effect, **({"seconds": 0.8} if kind == "timeout" else {}))

    answer = ask(vod, "a.mp4")

    assert isinstance(answer, NoAnswer)
    assert answer.sent
    (call,) = sandbox.vod.journal
    assert (call.status, call.code) == (0, "")
    if (kind, effect) == ("timeout", "after"):
        assert not sandbox.vod.media  # the client has gone, and it is not registered yet
    deadline = sandbox.clock.monotonic() + 5
    while effect == "after" and not sandbox.vod.media and sandbox.clock.monotonic() < deadline:
        sandbox.clock.wait(0.01)
    assert registered(sandbox) == (set() if effect == "none" else {"a.mp4"})


def test_an_error_may_hide_that_the_object_is_registered(sandbox: Sandbox, vod: VodClient) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    for effect, expected in (("none", 0), ("before", 1), ("after", 2)):
        hit(sandbox, "server_error", effect=effect)
        assert ask(vod, "a.mp4").status == 500  # type: ignore[union-attr]
        sandbox.hook = Faults()
        sandbox.clock.wait(0.05)
        asked = sandbox.vod.media[BUCKET, "a.mp4"].times_asked if sandbox.vod.media else 0
        assert asked == expected


def test_closing_the_sandbox_ends_a_timeout_at_once(sandbox: Sandbox, vod: VodClient) -> None:
    hit(sandbox, "timeout", seconds=3600)
    assert isinstance(ask(vod, "a.mp4"), NoAnswer)
    began = time.monotonic()  # noqa: TID251 (a bound, not a measurement)
    sandbox.close()
    assert time.monotonic() - began < 5  # noqa: TID251 (a bound, not a measurement)


@pytest.mark.parametrize("effect", ["before", "after"])
def test_a_slow_answer_is_the_own_answer_of_vod(
    sandbox: Sandbox, vod: VodClient, effect: str
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    hit(sandbox, "slow", seconds=0.2, effect=effect)
    began = time.monotonic()  # noqa: TID251 (a bound, not a measurement)
    assert len(read(ask(vod, "a.mp4"))["RegisteredMediaList"]) == 1
    assert time.monotonic() - began >= 0.2  # noqa: TID251 (a bound, not a measurement)


@pytest.mark.parametrize(
    ("which", "kept"),
    [
        ({"keys": ("3.mp4",)}, {"0.mp4", "1.mp4", "2.mp4", "4.mp4"}),
        ({"items": 2}, {"2.mp4", "3.mp4", "4.mp4"}),
    ],
)
@pytest.mark.parametrize("kind", ["partial_refusal", "missing_items"])
def test_items_are_refused_or_missing_without_effect_and_the_others_registered(
    sandbox: Sandbox, vod: VodClient, which: dict[str, Any], kept: set[str], kind: str
) -> None:
    put_all(sandbox)
    hit(sandbox, kind, effect="none" if kind == "missing_items" else None, **which)
    answer = read(ask(vod, *KEYS))
    assert {url.rpartition("/")[2] for url in answer["FailedFileURLs"]} == (
        {*KEYS} - kept if kind == "partial_refusal" else set()
    )
    assert (
        {each["FileURL"].rpartition("/")[2] for each in answer["RegisteredMediaList"]}
        == kept
        == registered(sandbox)
    )


def test_items_may_be_missing_though_they_are_registered(sandbox: Sandbox, vod: VodClient) -> None:
    put_all(sandbox)
    hit(sandbox, "missing_items", keys=("1.mp4", "2.mp4"))
    answer = read(ask(vod, *KEYS))
    assert (len(answer["RegisteredMediaList"]), answer["FailedFileURLs"], registered(sandbox)) == (
        3,
        [],
        {*KEYS},
    )


def test_a_shuffled_answer_has_the_same_lines_in_an_order_of_its_seed(
    sandbox: Sandbox, vod: VodClient
) -> None:
    put_all(sandbox)
    ask(vod, *KEYS)
    orders = []
    for seed in (None, 1, 1, 2):
        sandbox.hook = Faults() if seed is None else Faults(Fault(kind="shuffled", seed=seed))
        orders.append([each["MediaId"] for each in read(ask(vod, *KEYS))["RegisteredMediaList"]])
    assert orders[1] == orders[2]
    assert len({tuple(order) for order in orders}) == 3
    assert len({tuple(sorted(order)) for order in orders}) == 1

"""Faults on schedule: which calls they hit, how often, and how the program continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import oss2
import pytest
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException

from tests.support.vod_calls import item, register
from tests.support.workspace import BUCKET
from watcher.sandbox.faults import Fault, Faults, InvalidFault
from watcher.sandbox.http_server import Answer, Request

if TYPE_CHECKING:
    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox


def outcomes(sandbox: Sandbox, calls: int, key: str = "a.mp4") -> str:
    """Make calls, and return a letter for each: x if a fault hit it, else o."""
    sandbox.oss.put(BUCKET, key)
    letters = ""
    for _ in range(calls):
        try:
            register(sandbox, [item(key)])
            letters += "o"
        except (ServerException, ClientException):
            letters += "x"
    return letters


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, "xxxxxxxx"),
        ({"next": 2}, "xxoooooo"),
        ({"skip": 3}, "oooxxxxx"),
        ({"every": 3}, "ooxooxoo"),
        ({"skip": 1, "every": 2, "next": 2}, "ooxoxooo"),
    ],
)
def test_a_schedule_decides_which_calls_are_hit(
    sandbox: Sandbox, when: dict[str, Any], expected: str
) -> None:
    fault = Fault(kind="throttle", operation="RegisterMedia", **when)
    sandbox.hook = faults = Faults(fault)
    assert outcomes(sandbox, 8) == expected
    assert faults.hits[fault] == faults.hits.total() == expected.count("x")
    assert [call.code for call in sandbox.vod.journal] == [
        "Throttling.User" if letter == "x" else "" for letter in expected
    ]
    assert sandbox.vod.media.keys() == ({(BUCKET, "a.mp4")} if "o" in expected else set())


def test_chance_is_the_same_for_the_same_seed(sandbox: Sandbox) -> None:
    def drawn(seed: int) -> str:
        sandbox.hook = Faults(Fault(kind="throttle", operation="vod", probability=0.5, seed=seed))
        return outcomes(sandbox, 24)

    first, again, other = drawn(1), drawn(1), drawn(2)
    assert first == again != other
    assert 4 < first.count("x") < 20


def test_only_calls_for_the_named_objects_are_hit(sandbox: Sandbox) -> None:
    key = "视频/a b+c.mp4"
    fault = Fault(kind="error", keys=(key,), bucket=BUCKET, effect="before")
    sandbox.hook = faults = Faults(fault, Fault(kind="error", bucket="another-bucket"))
    auth = oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret)
    bucket = oss2.Bucket(auth, sandbox.url, BUCKET, region="cn-shanghai")

    assert (outcomes(sandbox, 2, "a.mp4"), outcomes(sandbox, 2, key)) == ("oo", "xx")
    bucket.head_object("a.mp4")
    with pytest.raises(oss2.exceptions.ServerError, match="InternalError"):
        bucket.head_object(key)
    assert bucket.list_objects_v2().object_list

    assert (faults.hits[fault], faults.hits.total()) == (3, 3)
    assert {name: media.times_asked for (_, name), media in sandbox.vod.media.items()} == {
        "a.mp4": 2,
        key: 2,
    }


def test_a_fault_for_one_service_does_not_hit_the_other(sandbox: Sandbox) -> None:
    sandbox.hook = faults = Faults(
        Fault(kind="error", operation="oss"), Fault(kind="error", operation="HeadObject")
    )
    assert outcomes(sandbox, 2) == "oo"
    assert not faults.hits


def test_a_call_that_one_fault_hits_does_not_count_for_the_others(
    sandbox: Sandbox,
) -> None:
    sandbox.hook = faults = Faults(
        Fault(kind="throttle", next=2),
        Fault(kind="arrears", next=1),
        Fault(kind="reset", skip=1, next=1),
    )
    assert outcomes(sandbox, 6) == "xxxoxo"
    assert [call.code for call in sandbox.vod.journal[:3]] == ["Throttling.User"] * 2 + [
        "OperationDenied.Suspended"
    ]
    assert [call.status for call in sandbox.vod.journal] == [400, 400, 403, 200, 0, 200]
    faults.add(Fault(kind="throttle"))
    assert outcomes(sandbox, 2) == "xx"
    faults.clear()
    assert outcomes(sandbox, 2) == "oo"
    assert faults.hits.total() == 6


@pytest.mark.parametrize(("effect", "registered"), [("before", 1), ("after", 0)])
def test_a_function_of_the_test_is_called_before_or_after_the_effect(
    sandbox: Sandbox, effect: str, registered: int
) -> None:
    seen: list[int] = []

    def look(_: Request) -> None:
        seen.append(len(sandbox.vod.media))

    sandbox.hook = faults = Faults()
    faults.on("RegisterMedia", look, skip=0, next=1, effect=effect)
    assert outcomes(sandbox, 2) == "oo"
    assert seen == [registered]


def test_a_function_of_the_test_may_answer_or_hang_up(sandbox: Sandbox) -> None:
    sandbox.hook = faults = Faults()
    faults.on("RegisterMedia", lambda _: Answer(status=418), next=1, effect="none")
    faults.on("RegisterMedia", lambda _: None, next=1, effect="none")
    assert outcomes(sandbox, 2) == "xx"
    assert [call.status for call in sandbox.vod.journal] == [418, 0]
    assert not sandbox.vod.media


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kind": "throtle"}, "kind: there is no throtle; throttle is meant?"),
        (
            {"operation": "RegisterMedium"},
            "operation: there is no RegisterMedium; RegisterMedia is meant?",
        ),
        (
            {"kind": "shuffled", "operation": "oss"},
            "operation: a fault of kind shuffled is for vod, not for oss",
        ),
        (
            {"kind": "no_advance", "operation": "HeadObject"},
            "is for ListObjectsV2, not for HeadObject",
        ),
        (
            {"kind": "shuffled", "effect": "none"},
            "effect: must be before for kind shuffled, not none",
        ),
        ({"kind": "html", "code": "X"}, "code: means nothing to kind html"),
        ({"kind": "call"}, "kind: call is for tests in Python"),
        ({"next": 0}, "next: must be 1 or more, not 0"),
        ({"kind": "slow", "seconds": float("nan")}, "seconds: must be at most 86400, not nan"),
        ({"skip": -1}, "skip: must be 0 or more, not -1"),
        ({"probability": 1.5}, "probability: must be above 0 and at most 1, not 1.5"),
        ({"status": 99}, "status: 99 is not the status of an answer"),
        ({"kind": "missing_items", "items": 11}, "items: a call has at most 10, not 11"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidFault) as refused:
        Fault(**{"kind": "error", **fields})
    (only,) = refused.value.problems
    assert problem in only


def test_a_call_with_a_lost_reply_is_repeated_and_counted_as_already_registered(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.hook = faults = Faults(
        Fault(operation="RegisterMedia", kind="reset", next=1, effect="before")
    )
    for n in range(3):
        sandbox.oss.put(BUCKET, f"{n}.mp4")

    done = workspace.scan()

    assert done.status == 0, done.err
    assert (done.json["registered"], done.json["already_registered"], done.json["pending"]) == (
        3,
        3,
        0,
    )
    assert [call.status for call in sandbox.vod.journal] == [0, 200]
    assert faults.hits.total() == 1


@pytest.mark.parametrize("effect", ["before", "after"])
def test_a_program_killed_at_a_call_loses_nothing(
    workspace: Workspace, sandbox: Sandbox, effect: str
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    sandbox.hook = faults = Faults()
    faults.on(
        "RegisterMedia", lambda _: os.kill(started[0].pid, signal.SIGKILL), next=1, effect=effect
    )
    sandbox.oss.put(BUCKET, "a.mp4")
    command = [sys.executable, "-m", "watcher", "-c", str(workspace.config), "scan"]
    with subprocess.Popen(
        command,
        cwd=workspace.folder,
        env=workspace.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as program:
        started.append(program)
        assert program.wait() == -signal.SIGKILL
    assert faults.hits.total() == 1

    done = workspace.scan()

    assert (done.status, done.json["pending"], len(sandbox.vod.media)) == (0, 0, 1)

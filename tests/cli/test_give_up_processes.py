"""Real runs against a VOD that never decides one file: they end in time, and name it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import BUCKET, Ran, Workspace
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

STUCK = "a/stuck\x1b[31m\n.mp4"
SHOWN = "oss://media-bucket/a/stuck\\u001b[31m\\u000a.mp4"
REGISTER = "RegisterMedia"

WAYS = {
    "in neither list": Fault(operation=REGISTER, kind="missing_items", keys=(STUCK,)),
    "throttled while OSS works": Fault(operation=REGISTER, kind="throttle"),
    "throttled with Retry-After": Fault(operation=REGISTER, kind="throttle", retry_after_s=3),
    "unavailable": Fault(operation=REGISTER, kind="service_unavailable"),
    "5xx": Fault(operation=REGISTER, kind="server_error"),
    "HTML": Fault(operation=REGISTER, kind="html"),
    "a stranger's JSON": Fault(operation=REGISTER, kind="foreign_json"),
    "no JSON": Fault(operation=REGISTER, kind="not_json"),
    "not UTF-8": Fault(operation=REGISTER, kind="not_utf8"),
    "truncated JSON": Fault(operation=REGISTER, kind="truncated", effect="none"),
    "no answer": Fault(operation=REGISTER, kind="timeout", seconds=1),
    "reset": Fault(operation=REGISTER, kind="reset"),
}
RETRY = {
    "300ms": 'first_delay = "300ms"\nmax_delay = "300ms"',
    "20s": 'first_delay = "1s"\nmax_delay = "20s"',
}


@pytest.fixture
def two(workspace: Workspace, sandbox: Sandbox) -> Workspace:
    """Two watches, the first with a file that is never decided."""
    sandbox.oss.put(BUCKET, STUCK)
    sandbox.oss.put(BUCKET, "b/fine.mp4")
    return workspace


def configure(workspace: Workspace, retry: str) -> None:
    watches = [workspace.watch(name, f"oss://{BUCKET}/{name}/") for name in "ab"]
    workspace.configure(*watches, vod='timeout = "1s"', more=f"[retry]\n{RETRY[retry]}")


def timed(workspace: Workspace, *arguments: str) -> tuple[Ran, float]:
    began = time.monotonic()  # noqa: TID251 (a real process keeps real time)
    done = workspace.run(*arguments, "--output-format", "json")
    return done, time.monotonic() - began  # noqa: TID251


QUICK = {
    ("in neither list", "300ms"),
    ("in neither list", "20s"),
    ("throttled while OSS works", "300ms"),
    ("HTML", "20s"),
}
EACH = [
    pytest.param(way, retry, marks=() if (way, retry) in QUICK else pytest.mark.long)
    for way in WAYS
    for retry in RETRY
]


@pytest.mark.parametrize(("way", "retry"), EACH)
def test_a_backfill_gives_up_names_the_file_and_exits_5(
    two: Workspace, sandbox: Sandbox, way: str, retry: str
) -> None:
    """All watches are listed, what can be registered is, and the next run goes on."""
    configure(two, retry)
    sandbox.hook = Faults(WAYS[way])
    done, took_s = timed(two, "backfill", "--give-up-after", "2s")
    assert done.status == 5, done.err
    assert 2 <= took_s < 30, done.err  # 600 without the limit
    assert SHOWN in done.err
    assert [(scan["complete"], scan["listed"]) for scan in done.json["scans"]] == [
        (True, 1),
        (True, 1),
    ]
    assert (done.json["failed"], {entry["attempts"] for entry in two.entries()}) == (0, {0})
    if way == "in neither list":
        assert (done.json["registered"], done.json["pending"]) == (1, 1)
        assert "gave up: no file was registered, refused or failed for 2 s" in done.err
    if retry == "300ms":
        sandbox.hook = Faults()
        assert two.backfill().json["pending"] == 0


@pytest.mark.long
@pytest.mark.parametrize("retry", RETRY)
def test_a_scan_ends_30_s_after_its_listing(two: Workspace, sandbox: Sandbox, retry: str) -> None:
    """It once asked for such a file for ever."""
    configure(two, retry)
    sandbox.hook = Faults(WAYS["in neither list"])
    done, took_s = timed(two, "scan")
    assert done.status == 5, done.err
    assert took_s < 36, done.err
    assert SHOWN in done.err
    assert [(scan["complete"], scan["listed"]) for scan in done.json["scans"]] == [
        (True, 1),
        (True, 1),
    ]
    assert (done.json["registered"], done.json["pending"]) == (1, 1)


@pytest.mark.long
def test_without_a_limit_a_backfill_goes_on(two: Workspace, sandbox: Sandbox) -> None:
    configure(two, "300ms")
    sandbox.hook = Faults(WAYS["in neither list"])
    child = two.begin("backfill", "--give-up-after", "0")
    time.sleep(8)  # noqa: TID251
    assert child.poll() is None
    sandbox.hook = Faults()
    assert (child.communicate(timeout=30), child.returncode)[1] == 0


def test_a_limit_that_is_no_duration_is_refused(workspace: Workspace) -> None:
    refused = workspace.run("backfill", "--give-up-after", "soon")
    assert refused.status == 2
    assert "not a duration" in refused.err

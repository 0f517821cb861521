"""A daemon whose calls are all throttled for a while is slow, and soon as quick as before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.daemons import NO_PAGE
from tests.support.running_daemon import Running
from tests.support.throttling_accounts import Run
from tests.support.workspace import BUCKET
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long  # real processes: alike on every interpreter

MOST = 25
EVERYTHING = Faults(Fault(operation="RegisterMedia", kind="throttle"))


def called(sandbox: Sandbox) -> Run:
    return Run(calls=[(call.at, not call.code) for call in sandbox.vod.journal if call.status])


def changes(running: Running) -> list[tuple[str, float]]:
    return [
        (event["event"], event["calls_per_second"])
        for event in list(running.events)
        if event["event"].startswith("throttle.")
    ]


def quota(workspace: Workspace) -> Any:
    return workspace.run("status", "--output-format", "json").json["calls_per_second"]


@pytest.mark.parametrize("silent_s", [5, pytest.param(40, marks=pytest.mark.long)])
def test_it_is_back_at_the_quota_30_s_after_the_last_throttling(
    workspace: Workspace, sandbox: Sandbox, silent_s: int
) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:05}.mp4" for n in range(12_000)])
    sandbox.vod.latency_s = 0.05
    workspace.configure(vod=f"calls_per_second = {MOST}", more=NO_PAGE)
    with Running(workspace) as running:
        running.until(lambda: len(sandbox.vod.journal) > 2 * MOST, "two seconds of calls")
        sandbox.hook = EVERYTHING
        running.until_logged("throttle.lowered")
        time.sleep(silent_s)  # noqa: TID251 (a real process keeps real time)
        low = quota(workspace)
        sandbox.hook = Faults()
        running.until_logged("throttle.raised")
        back = time.monotonic()  # noqa: TID251
        free = called(sandbox).last_throttled(back)
        assert back < free + 30
        running.until(lambda: called(sandbox).calls[-1][0] > back + 4, "4 s")
        done = called(sandbox)
        assert done.a_second(back, back + 4) >= 0.9 * MOST
        assert (
            done.most_in_a_second() <= MOST + 3
        )  # a loaded machine delivers late; exact in simulated time
        assert low < (0.3 if silent_s > 20 else 0.5) * MOST
        assert quota(workspace) == MOST
        (lowered, at_first), raised = changes(running)
        assert (lowered, raised) == ("throttle.lowered", ("throttle.raised", MOST))
        assert at_first < 0.75 * MOST
        hint = running.logged("throttle.lowered")[0]["hint"]
        assert (
            hint == "VOD accepts no call now. Nothing is lost, and the rate comes back by itself."
        )
        assert running.stop() == 0


def test_a_smaller_quota_is_used_reported_and_kept_for_the_next_process(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:05}.mp4" for n in range(4_000)])
    sandbox.vod.calls_per_second = 8
    workspace.configure(vod=f"calls_per_second = {MOST}", more=NO_PAGE)
    with Running(workspace) as running:
        said = running.until_logged("throttle.lowered")
        running.until(lambda: len(sandbox.vod.journal) > 60, "60 calls")
        assert running.stop() == 0
        assert len(changes(running)) == 1
    assert "set [vod] calls_per_second to 8" in said["hint"]
    assert quota(workspace) < 10
    before = len(sandbox.vod.journal)
    with Running(workspace) as running:
        running.until(lambda: len(sandbox.vod.journal) > before + 24, "three seconds of calls")
        assert running.stop() == 0
        assert changes(running) == []
    again = called(sandbox).calls[before:]
    assert sum(is_accepted for _, is_accepted in again) >= 0.9 * len(again)

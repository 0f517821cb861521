"""Killed at each step: before and after each commit, before, during and after each call.

A real process is killed for real; then one scan has to find everything, and to ask for nothing it
need not.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.crash_workspace import QUICK, Crashing, secret_bucket
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.sandbox import Sandbox

sandbox = secret_bucket

# How often a run over `workspace` commits what.
COMMITS = {
    "adopt": 1,
    "publish": 1,
    "reassign": 1,
    "begin scan": 2,
    "remember start": 1,
    "correct start": 1,
    "record": 3,
    "claim": 3,
    "settle": 3,
    "finish scan": 2,
    "keep end": 2,
    "withdraw": 1,
}
QUICK_STEPS = {"record 2", "claim 2", "settle 1", "finish scan 1"}
QUICK_CALLS = {("none", 0), ("before", 1), ("after", 0)}
UNCHANGED = {"recover": 1, "forget streak": 1}  # by which a first run changes nothing


@pytest.fixture
def workspace(tmp_path: Path, sandbox: Sandbox) -> Crashing:
    """Two pages of one watch, and another that watches from now on: three batches."""
    made = Crashing(tmp_path, sandbox)
    made.configure(
        made.watch("all", f"oss://{BUCKET}/all/"),
        made.watch("new", f"oss://{BUCKET}/new/").replace('"all"', '"now"', 1),
        vod=QUICK,
    )
    sandbox.oss.fill(BUCKET, [f"all/{n:04}.txt" for n in range(1010)])
    made.fill(*(f"all/{n:04}.mp4" for n in (*range(10), *range(1000, 1010))))
    for n in range(5):
        later = sandbox.clock.now() + timedelta(minutes=5)
        sandbox.oss.put(BUCKET, f"new/{n}.mp4", modified_at=later)
        made.keys.add(f"new/{n}.mp4")
    return made


def test_the_commits_of_a_run_are_those_it_is_killed_at(workspace: Crashing) -> None:
    """A new kind of commit is to be put into `dying.KINDS` and killed at."""
    commits = workspace.commits("scan")
    del commits[""]
    assert commits == COMMITS | UNCHANGED
    workspace.is_whole()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=[pytest.mark.quick] if step in QUICK_STEPS else [])
        for kind, times in COMMITS.items()
        for step in (f"{kind} {n + 1}" for n in range(times))
    ],
)
def test_killed_at_a_commit(workspace: Crashing, step: str, when: str) -> None:
    workspace.die(f"{when} {step}")
    workspace.recovers()


@pytest.mark.parametrize(
    ("effect", "skip"),
    [
        pytest.param(*call, marks=[pytest.mark.quick] if call in QUICK_CALLS else [])
        for call in itertools.product(["none", "before", "after"], [0, 1, 2])
    ],
)
def test_killed_at_a_call(workspace: Crashing, sandbox: Sandbox, effect: str, skip: int) -> None:
    """The call never takes effect, has taken effect already, or takes effect later."""
    found = workspace.die_at_call("RegisterMedia", effect, skip=skip)
    assert set(found) == {"claimed"}
    assert {call.status for call in sandbox.vod.journal} <= {0, 200}
    workspace.recovers()


def test_a_call_that_takes_effect_long_after_its_sender_was_killed_changes_nothing(
    workspace: Crashing, sandbox: Sandbox
) -> None:
    workspace.die_at_call("RegisterMedia", "none", skip=0)
    workspace.recovers()
    sandbox.vod.take_effect_late(workspace.unanswered[0])
    assert max(media.times_asked for media in sandbox.vod.media.values()) == 2
    workspace.is_whole()


@pytest.mark.parametrize("skip", [0, 1, 2])
@pytest.mark.parametrize("effect", ["none", "before"])
def test_killed_at_a_page(workspace: Crashing, sandbox: Sandbox, effect: str, skip: int) -> None:
    """Recorded ranges are not listed again: the next scan resumes behind them."""
    workspace.die_at_call("ListObjectsV2", effect, skip=skip)
    sandbox.oss.journal.clear()
    workspace.recovers()
    listed = [
        call.params.get("start-after", "")
        for call in sandbox.oss.journal
        if call.operation == "ListObjectsV2"
    ]
    assert listed[0] == ("all/0989.txt" if skip == 1 else "")


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_it_puts_the_claims_of_a_killed_one_back(
    workspace: Crashing, when: str
) -> None:
    workspace.die("before settle 2")
    workspace.die(f"{when} recover 1")
    workspace.die("after claim 1")
    workspace.die(f"{when} recover 1")
    workspace.recovers()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["put breaker 1", "settle 1"])
def test_killed_when_a_breaker_opens(
    workspace: Crashing, sandbox: Sandbox, step: str, when: str
) -> None:
    sandbox.vod.remove_bucket(BUCKET)
    workspace.die(f"{when} {step}")
    sandbox.vod.add_bucket(BUCKET)
    workspace.recovers()


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_when_a_breaker_closes(workspace: Crashing, sandbox: Sandbox, when: str) -> None:
    sandbox.vod.remove_bucket(BUCKET)
    assert workspace.scan().status == 5
    sandbox.vod.add_bucket(BUCKET)
    workspace.die(f"{when} remove breaker 1")
    workspace.recovers()


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_entries_are_given_to_other_watches(
    workspace: Crashing, sandbox: Sandbox, when: str
) -> None:
    sandbox.vod.remove_bucket(BUCKET)
    assert workspace.scan().status == 5
    sandbox.vod.add_bucket(BUCKET)
    workspace.configure(workspace.watch("whole", f"oss://{BUCKET}/"), vod=QUICK)
    workspace.die(f"{when} give out 1")
    workspace.recovers()

"""A refusal of form bodies is remembered for 30 days or until an upgrade, for all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.body_refusals import (
    REFUSALS,
    carried,
    long_keys,
    names,
    quick,
    refused_once,
    remembered,
    rows,
)
from tests.support.daemons import put
from tests.support.fakes import FakeClock
from tests.support.ledgers import sleep
from watcher.errors import CallRefused
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.registration.placement import Placement
from watcher.sandbox.faults import Faults

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workspace import Ran, Workspace
    from watcher.sandbox import Sandbox


def fallen_back(workspace: Workspace, sandbox: Sandbox) -> None:
    quick(workspace)
    put(sandbox, *long_keys(10))
    sandbox.hook = Faults(REFUSALS["signature"])
    refused_once(workspace.scan().events)
    sandbox.vod.journal.clear()
    put(sandbox, *long_keys(10, of="b"))


def edited(workspace: Workspace, change: str) -> Ran:
    """Change what is remembered, and scan again."""
    rows(workspace, f"UPDATE refused_body SET {change}")  # noqa: S608 (the test's own words)
    return workspace.scan()


DAY = 86_400_000


def test_a_daemon_tries_a_body_again_after_thirty_days(path: Path) -> None:
    """By a fake clock, on a real ledger: it need not be started again for that."""
    clock, logged = FakeClock(), []
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        placement = Placement(
            "auto",
            ledger.body_refusal,
            version="1",
            clock=clock,
            emit=lambda event, **_fields: logged.append(event),
        )
        for n in (1, 2):
            assert placement.max_bytes() is None
            placement.refuse_body(CallRefused("no body", code="MissingParameter"))
            placement.refuse_body(CallRefused("no body", code="MissingParameter"))
            assert logged == ["body.refused"] * n
            for seconds in (0, 30 * 86_400 - 1):
                clock.wait(seconds)
                assert placement.max_bytes() == 8_000
            later = Placement(
                "auto", ledger.body_refusal, version="1", clock=clock, emit=lambda *_: None
            )
            upgraded = Placement(
                "auto", ledger.body_refusal, version="2", clock=clock, emit=lambda *_: None
            )
            assert (later.max_bytes(), upgraded.max_bytes()) == (8_000, None)
            clock.wait(1)


@pytest.mark.parametrize("moved", [-29 * DAY, 0, 29 * DAY])  # also by a clock that was set back
def test_it_is_remembered_for_thirty_days(
    workspace: Workspace, sandbox: Sandbox, moved: int
) -> None:
    fallen_back(workspace, sandbox)
    assert not names(edited(workspace, f"at = at + {moved}").events, "body.refused")
    assert {place for place, _ in carried(sandbox)} == {"query"}


@pytest.mark.parametrize(
    "change", [f"at = at - {30 * DAY}", f"at = at + {31 * DAY}", "version = '0.0.9'"]
)
def test_after_that_or_an_upgrade_a_body_is_tried_again(
    workspace: Workspace, sandbox: Sandbox, change: str
) -> None:
    """Still refused: logged once more, and remembered from now on.  Taken: ten a call."""
    fallen_back(workspace, sandbox)
    refused_once(edited(workspace, change).events)
    assert carried(sandbox)[0] == ("body", 10)
    sandbox.vod.journal.clear()
    sandbox.hook = Faults()
    put(sandbox, *long_keys(10, of="c"))
    assert edited(workspace, change).status == 0
    assert carried(sandbox) == [("body", 10)]


@pytest.mark.parametrize("setting", ["query", "body"])
def test_a_setting_that_says_where_is_kept_to(
    workspace: Workspace, sandbox: Sandbox, setting: str
) -> None:
    """`body` has no fallback and `query` makes small calls: neither remembers anything."""
    workspace.configure(vod=f'parameters_in = "{setting}"')
    put(sandbox, *long_keys(10), "short.mp4")
    sandbox.hook = Faults(REFUSALS["signature"])

    done = workspace.scan()

    assert done.status == (5 if setting == "body" else 0)
    assert {place for place, _ in carried(sandbox)} == {setting}
    assert bool(names(done.events, "breaker.opened")) == (setting == "body")
    assert not names(done.events, "body.refused")
    assert remembered(workspace) == []

"""A refused body is blamed on the body, one file or the account: the real SDK over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.body_refusals import (
    IN_BODY,
    REFUSALS,
    SIZES,
    SOME,
    carried,
    long_keys,
    names,
    nothing_was_counted,
    quick,
    refused_once,
    remembered,
)
from tests.support.daemons import put
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind in SOME and "page" not in kind else pytest.mark.long)
        for kind in REFUSALS
    ],
)
def test_a_refusal_that_the_query_meets_too_is_a_real_one(
    workspace: Workspace, sandbox: Sandbox, kind: str
) -> None:
    """All of the outcome is as with `query`, and nothing is remembered."""
    came_to: list[object] = []
    for setting in ("query", "auto"):
        workspace.configure(
            vod=f'parameters_in = "{setting}"\nconcurrent_calls = 1',
            more='[retry]\nfirst_delay="1s"',
        )
        workspace.run("ledger", "init", "--replace", "--yes")
        put(sandbox, *long_keys(10))
        sandbox.hook = Faults(replace(REFUSALS[kind], parameters_in="", next=200))
        done = workspace.scan()
        assert not names(done.events, "body.refused")
        states = {
            (entry["key"], entry["state"], entry["attempts"], entry["reason"])
            for entry in workspace.entries()
        }
        opened = {(each["bucket"], each["kind"]) for each in names(done.events, "breaker.opened")}
        came_to.append((done.status, states, opened))
        assert remembered(workspace) == []
    assert came_to[0] == came_to[1]


@pytest.mark.parametrize("bad", [0, 3, 9])
@pytest.mark.parametrize("size", SIZES)
def test_one_bad_file_is_found_in_a_body_and_the_body_is_not_blamed(
    workspace: Workspace, sandbox: Sandbox, size: str, bad: int
) -> None:
    """At most eight extra calls; the others are registered in the same run."""
    n, more = SIZES[size]
    keys = long_keys(min(n, 10))
    bad = min(bad, len(keys) - 1)
    quick(workspace, more)
    put(sandbox, *keys)
    fault = Fault(
        kind="error",
        operation="RegisterMedia",
        keys=(keys[bad],),
        status=400,
        code="IllegalCharacters",
    )
    sandbox.hook = Faults(fault)

    done = workspace.scan()

    assert done.status == 6
    assert not names(done.events, "body.refused", "breaker.opened")
    assert {
        entry["key"]: entry["reason"]
        for entry in workspace.entries()
        if entry["state"] != "registered"
    } == {keys[bad]: "illegal_characters"}
    assert remembered(workspace) == []
    assert len(sandbox.vod.journal) <= (9 if len(keys) == 10 else 2 * len(keys))


def test_a_bad_file_among_refused_bodies_is_found_and_the_next_call_blames_the_body(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    keys = long_keys(20)
    quick(workspace)
    put(sandbox, *keys)
    bad = Fault(
        kind="error",
        operation="RegisterMedia",
        keys=(keys[4],),
        status=400,
        code="IllegalCharacters",
    )
    sandbox.hook = Faults(REFUSALS["missing parameter"], bad)

    done = workspace.scan()

    assert (done.status, done.json["registered"], done.json["failed"]) == (6, 19, 1)
    assert len(names(done.events, "body.refused")) == 1
    assert [place for place, _ in carried(sandbox)].count("body") == 2


@pytest.mark.parametrize(
    "kind", ["access_denied", "expired_token", "arrears", "unregistered_bucket", "clock_skew"]
)
def test_a_refusal_that_passes_by_itself_is_not_laid_to_the_body(
    workspace: Workspace, sandbox: Sandbox, kind: str
) -> None:
    """It hits one body call, and nothing after it."""
    quick(workspace)
    put(sandbox, *long_keys(10))
    sandbox.hook = Faults(Fault(kind=kind, next=1, **IN_BODY))  # type: ignore[arg-type]

    done = workspace.scan()

    assert (done.status, done.json["registered"], done.json["already_registered"]) == (0, 10, 0)
    assert not names(done.events, "body.refused", "breaker.opened")
    assert remembered(workspace) == []
    nothing_was_counted(workspace, 10)


@pytest.mark.parametrize("kind", ["throttle", "service_unavailable", "reset"])
def test_what_keeps_the_query_from_an_answer_leaves_it_open(
    workspace: Workspace, sandbox: Sandbox, kind: str
) -> None:
    """A refused body and a query without an answer: nothing is concluded or counted."""
    quick(workspace)
    put(sandbox, *long_keys(10))
    query = Fault(kind=kind, operation="RegisterMedia", parameters_in="query", next=2)
    sandbox.hook = Faults(replace(REFUSALS["signature"], next=5), query)

    done = workspace.scan()

    assert done.status == 0, done.err
    refused_once(done.events)
    nothing_was_counted(workspace, 10)


@pytest.mark.parametrize("effect", ["none", "before"])
@pytest.mark.parametrize("kind", ["reset", "server_error", "html", "cut_off"])
def test_bodies_without_an_answer_hold_nothing_up(
    workspace: Workspace, sandbox: Sandbox, kind: str, effect: Any
) -> None:
    """No refusal, so no verdict at once: a query call follows each, and the third decides."""
    quick(workspace)
    put(sandbox, *long_keys(40))
    sandbox.hook = Faults(Fault(kind=kind, effect=effect, **IN_BODY))  # type: ignore[arg-type]

    done = workspace.scan()

    assert (done.status, done.json["registered"]) == (0, 40), done.err
    assert [place for place, _ in carried(sandbox)].count("body") == 3
    assert len(names(done.events, "body.refused")) == 1
    nothing_was_counted(workspace, 40)


def test_one_body_without_an_answer_is_sent_as_a_body_again(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    quick(workspace)
    put(sandbox, *long_keys(40))
    sandbox.hook = Faults(Fault(kind="reset", next=2, every=2, **IN_BODY))  # type: ignore[arg-type]

    done = workspace.scan()

    assert (done.status, done.json["registered"]) == (0, 40)
    assert not names(done.events, "body.refused")
    assert remembered(workspace) == []

"""Long RegisterMetadatas travel in the body unless it is refused: over HTTP with the real SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.body_refusals import (
    CONCLUDED_BY_A_SECOND,
    KINDS,
    LONG,
    MATRIX,
    REFUSALS,
    SIZES,
    carried,
    long_keys,
    names,
    nothing_was_counted,
    quick,
    refused_once,
)
from tests.support.daemons import EVERY_SECOND, known, put
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from watcher.sandbox.faults import Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


@pytest.mark.parametrize("name", ["a", "影像资料" * 20])
@pytest.mark.parametrize("command", ["scan", "backfill"])
def test_ten_files_go_in_one_call_however_long_their_names(
    workspace: Workspace, sandbox: Sandbox, name: str, command: str
) -> None:
    quick(workspace)
    put(sandbox, *(f"{i}{name}.mp4" for i in range(10)))

    done = workspace.run(command, "--output-format", "json")

    assert done.status == 0, done.err
    assert carried(sandbox) == [("query" if name == "a" else "body", 10)]
    assert not names(done.events, "body.refused")
    nothing_was_counted(workspace, 10)


def test_the_query_carries_what_fits_into_8000_bytes_and_the_body_what_does_not(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Long names come in one batch with short ones: each call is placed by its own size."""
    quick(workspace)
    put(
        sandbox,
        *(f"{i:02}.mp4" for i in range(10)),
        *long_keys(10),
        *(f"z{i}.mp4" for i in range(3)),
    )

    assert workspace.scan().status == 0

    assert sorted(carried(sandbox)) == [("body", 10), ("query", 3), ("query", 10)]
    assert all(call.url_bytes <= 8_000 + 1_000 for call in sandbox.vod.journal)


def test_a_dry_run_predicts_the_calls_of_both(workspace: Workspace, sandbox: Sandbox) -> None:
    quick(workspace)
    keys = long_keys(20)
    put(sandbox, *keys)
    assert workspace.scan("--dry-run").json["would_call"] == 2
    sandbox.hook = Faults(REFUSALS["signature"])
    sandbox.vod.refuse(BUCKET, keys[0])
    workspace.scan()
    sandbox.vod.journal.clear()
    put(sandbox, *long_keys(20, of="b"))

    planned = workspace.scan("--dry-run").json["would_call"]

    assert workspace.scan().json["register_calls"] == planned > 2


@pytest.mark.parametrize(("kind", "size"), MATRIX)
def test_a_body_that_is_refused_is_asked_by_the_query(
    workspace: Workspace, sandbox: Sandbox, kind: str, size: str
) -> None:
    """All are registered, nothing is counted, and the next process sends no body at all."""
    n, more = SIZES[size]
    quick(workspace, more)
    put(sandbox, *long_keys(n))
    sandbox.hook = Faults(REFUSALS[kind])

    first = workspace.scan()

    assert first.status == 0, first.err
    assert (first.json["registered"], first.json["already_registered"], first.json["failed"]) == (
        n,
        0,
        0,
    )
    refused_once(first.events)
    nothing_was_counted(workspace, n)
    bodies = [place for place, _ in carried(sandbox)].count("body")
    assert bodies == 1 + (kind in CONCLUDED_BY_A_SECOND) or (size != "two of seven" and bodies < 10)
    sandbox.vod.journal.clear()
    put(sandbox, *long_keys(n, of="b"))

    second = workspace.scan()

    assert second.status == 0
    assert not names(second.events, "body.refused", "breaker.opened")
    assert {place for place, _ in carried(sandbox)} == {"query"}
    nothing_was_counted(workspace, 2 * n)


@pytest.mark.parametrize("kind", KINDS)
def test_a_daemon_falls_back_once_and_serves_on(
    workspace: Workspace, sandbox: Sandbox, kind: str
) -> None:
    quick(workspace, schedule=EVERY_SECOND)
    put(sandbox, *long_keys(10))
    sandbox.hook = Faults(REFUSALS[kind])
    with Running(workspace) as daemon:
        daemon.until(lambda: len(known(sandbox)) == 10, "the first ten")
        daemon.until_logged("body.refused")
        before = len(sandbox.vod.journal)
        put(sandbox, *long_keys(10, of="b"))
        daemon.until(lambda: len(known(sandbox)) == 20, "the next ten")
        assert daemon.stop() == 0
    refused_once(daemon.events)
    assert {place for place, _ in carried(sandbox)[before:]} == {"query"}
    nothing_was_counted(workspace, 20)


def test_many_calls_at_once_that_are_refused_are_logged_once(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(vod="calls_per_second = 500\nconcurrent_calls = 16")
    sandbox.vod.calls_per_second = 1000
    sandbox.vod.latency_s = 0.05
    put(sandbox, *(f"{i:03}{LONG}.mp4" for i in range(200)))
    sandbox.hook = Faults(REFUSALS["missing parameter"])

    done = workspace.scan()

    assert done.status == 0
    refused_once(done.events)
    nothing_was_counted(workspace, 200)


def test_two_buckets_share_what_was_learnt_and_one_that_is_refused_has_its_own_breaker(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """The query is refused for the bucket, too: a real refusal, which stops that bucket alone."""
    sandbox.oss.create_bucket("other-bucket")
    watches = workspace.watch(), workspace.watch("other", "oss://other-bucket/")
    workspace.configure(*watches, vod="concurrent_calls = 1")
    for key in long_keys(10):
        sandbox.oss.put(BUCKET, key)
        sandbox.oss.put("other-bucket", key)
    sandbox.hook = Faults(REFUSALS["signature"])
    sandbox.vod.remove_bucket("other-bucket")

    done = workspace.scan()

    assert done.status == 5
    assert len(names(done.events, "body.refused")) == 1
    (opened,) = names(done.events, "breaker.opened")
    assert opened["bucket"] == "other-bucket"
    assert {entry["state"] for entry in workspace.entries() if entry["bucket"] == BUCKET} == {
        "registered"
    }
    assert {entry["attempts"] for entry in workspace.entries()} == {0}
    sandbox.vod.add_bucket("other-bucket")
    assert workspace.scan().status == 0
    assert [place for place, _ in carried(sandbox)].count("body") == 1

"""The cases of `test_peers` that concern what is remembered and what becomes of files that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.crash.test_peers import one_media_each, registered
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


def test_no_number_of_objects_makes_it_forget_the_first(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(vod="calls_per_second = 1000")
    sandbox.vod.calls_per_second = 2000
    sandbox.oss.fill(BUCKET, [f"{n:05}.mp4" for n in range(2500)])
    assert workspace.scan().json["registered"] == 2500
    again = workspace.scan()
    assert (again.json["register_calls"], again.json["scans"][0]["new"]) == (0, 0)
    assert len(one_media_each(sandbox)) == 2500


def test_another_prefix_is_another_place_and_the_way_back_asks_for_nothing(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, ["a/1.mp4", "b/1.mp4"])
    for prefix, asked in (("a/", 1), ("b/", 1), ("a/", 0), ("", 0)):
        workspace.configure(workspace.watch(source=f"oss://{BUCKET}/{prefix}"))
        done = workspace.scan()
        assert (done.status, done.json["register_calls"]) == (0, asked), prefix
    assert registered(workspace) == one_media_each(sandbox) == ["a/1.mp4", "b/1.mp4"]


def refuse_for_good(workspace: Workspace, sandbox: Sandbox, key: str, *others: str) -> None:
    """Scan until `key` is failed; the others are registered."""
    workspace.configure(more='[retry]\nmax_attempts = 2\nfirst_delay = "1ms"')
    sandbox.oss.fill(BUCKET, [key, *others])
    sandbox.vod.refuse(BUCKET, key)
    assert workspace.scan().status == 6
    assert {e["key"]: e["state"] for e in workspace.entries()} == {
        key: "failed",
        **dict.fromkeys(others, "registered"),
    }


def test_a_file_that_failed_is_not_passed_over_because_later_ones_were_registered(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    refuse_for_good(workspace, sandbox, "a.mp4", "b.mp4", "c.mp4")
    sandbox.oss.fill(BUCKET, ["d.mp4"])
    sandbox.vod.accept(BUCKET, "a.mp4")
    assert workspace.run("retry", "--all-failed").status == 0
    assert workspace.scan().json["registered"] == 2
    assert registered(workspace) == ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]


def test_a_file_that_failed_and_is_uploaded_again_starts_afresh(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    refuse_for_good(workspace, sandbox, "a.mp4")
    sandbox.vod.accept(BUCKET, "a.mp4")
    sandbox.oss.put(BUCKET, "a.mp4", b"mended")
    done = workspace.scan()
    assert (done.status, done.json["registered"]) == (0, 1)
    assert [
        (entry["state"], entry["attempts"], entry["reason"]) for entry in workspace.entries()
    ] == [("registered", 0, None)]


def test_a_file_that_failed_costs_no_further_call(workspace: Workspace, sandbox: Sandbox) -> None:
    refuse_for_good(workspace, sandbox, "a.mp4")
    calls = len(sandbox.vod.journal)
    assert [workspace.scan().json["register_calls"] for _ in range(2)] == [0, 0]
    assert len(sandbox.vod.journal) == calls


def test_an_idle_scan_costs_one_call_for_each_thousand_objects_and_none_to_vod(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, [*(f"{n:05}.txt" for n in range(2999)), "a.mp4"])
    workspace.scan()
    idle = workspace.scan()
    assert (idle.json["scans"][0]["list_calls"], idle.json["register_calls"]) == (3, 0)

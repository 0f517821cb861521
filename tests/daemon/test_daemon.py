"""`run` in a process of its own, against the sandbox: signals, schedules, reloads and the end."""

from __future__ import annotations

import resource
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import EVERY_SECOND, NO_PAGE, known, put
from tests.support.held_calls import held_calls
from tests.support.running_daemon import Running
from watcher.sandbox.faults import Fault, Faults
from watcher.sandbox.http_server import HttpServer

if TYPE_CHECKING:
    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox

_HEAP_BYTES = 64 << 20  # glibc, 64 bits: HEAP_MAX_SIZE

pytestmark = pytest.mark.usefixtures("seconds")


# The purpose of the daemon


def test_an_upload_has_its_media_id_within_two_seconds(daemon: Running, sandbox: Sandbox) -> None:
    daemon.until_logged("scan.finished")
    for n in range(5):
        began = time.monotonic()  # noqa: TID251 (how long people wait)
        put(sandbox, f"视频 {n}.mp4")
        daemon.until_logged("batch.settled", times=n + 1)
        assert time.monotonic() - began < 2  # noqa: TID251
    assert daemon.stop() == 0
    assert known(sandbox) == {f"视频 {n}.mp4" for n in range(5)}
    assert {entry["state"] for entry in daemon.workspace.entries()} == {"registered"}


def test_its_threads_allocate_from_two_heaps(daemon: Running, sandbox: Sandbox) -> None:
    """One heap is the process's own; glibc aligns each other one to 64 MB."""
    put(sandbox, *(f"{n}.mp4" for n in range(50)))
    daemon.until_logged("batch.settled", times=5)
    maps = [
        line.split()
        for line in Path(f"/proc/{daemon.pid}/maps").read_text(encoding="utf-8").splitlines()
    ]
    ends = {
        int(place.split("-")[1], 16) for place, mode, *_ in maps if mode == "---p"
    }  # of what is not in use yet
    starts = [int(place.split("-")[0], 16) for place, mode, *_ in maps if mode == "rw-p"]
    heaps = [start for start in starts if start % _HEAP_BYTES == 0]
    assert sum(start + _HEAP_BYTES in ends for start in heaps) <= 1


def test_it_begins_with_what_the_last_process_left(workspace: Workspace, sandbox: Sandbox) -> None:
    put(sandbox, "a.mp4", "b.mp4")
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="timeout", seconds=60))
    with Running(workspace) as killed:
        killed.until(lambda: len(sandbox.vod.journal) == 1, "the call")
        killed.send(signal.SIGKILL)
    sandbox.hook = Faults()
    workspace.configure(
        workspace.watch(more='schedule = "0 0 1 1 *"'), more=NO_PAGE
    )  # no scan helps
    with Running(workspace) as running:
        assert running.until_logged("ledger.recovered")["entries"] == 2
        running.until_logged("batch.settled")
        assert running.stop() == 0
        assert not running.logged("scan.started")
    assert known(sandbox) == {"a.mp4", "b.mp4"}


def test_a_watch_that_is_slow_or_broken_does_not_hold_up_another(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.create_bucket("slow-bucket")
    slow = workspace.watch(name="slow", source="oss://slow-bucket/", more=EVERY_SECOND)
    lost = workspace.watch(name="lost", source="oss://no-such-bucket/", more=EVERY_SECOND)
    workspace.configure(slow, lost, workspace.watch(more=EVERY_SECOND), more=NO_PAGE)
    with held_calls(sandbox, "oss", bucket="slow-bucket") as let_go, Running(workspace) as running:
        running.until_logged("scan.finished", watch="videos", times=4)
        assert not running.logged("scan.finished", watch="slow")
        assert running.logged("scan.incomplete", watch="lost")
        assert len(running.logged("scan.started", watch="slow")) == 1, "scans of one watch overlap"
        put(sandbox, "a.mp4")
        running.until_logged("batch.settled")
        let_go()
        assert running.stop() == 0


# Its end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_while_it_waits_it_is_gone_at_once(
    daemon: Running, number: signal.Signals
) -> None:
    daemon.until_logged("scan.finished")
    began = time.monotonic()  # noqa: TID251
    assert daemon.stop(number) == 0
    assert time.monotonic() - began < 2  # noqa: TID251
    assert daemon.logged("daemon.stopping")[0]["signal"] == number.name
    assert daemon.events[-1]["event"] == "daemon.stopped"


@pytest.mark.parametrize("operation", ["ListObjectsV2", "RegisterMedia", "HeadObject"])
def test_asked_to_stop_in_a_call_it_ends_after_that_call_and_writes_it_down(
    workspace: Workspace, sandbox: Sandbox, operation: str
) -> None:
    put(sandbox, *(f"{n}.mp4" for n in range(30)))
    faults = [Fault(operation=operation, kind="slow", seconds=2)]
    if operation == "HeadObject":
        faults.append(Fault(operation="RegisterMedia", kind="partial_refusal", items=1))
    sandbox.hook = Faults(*faults)
    journal = sandbox.vod.journal if operation == "RegisterMedia" else sandbox.oss.journal
    with Running(workspace) as running:
        running.until_logged("daemon.ready")
        running.until(
            lambda: [call for call in journal if operation in str(call)] or _in_flight(running),
            operation,
        )
        began = time.monotonic()  # noqa: TID251
        assert running.stop() == 0
        assert time.monotonic() - began < 5 + 2  # noqa: TID251
    claimed = [entry for entry in workspace.entries() if entry["state"] == "claimed"]
    assert claimed == []
    registered = {entry["key"] for entry in workspace.entries() if entry["state"] == "registered"}
    assert registered <= known(sandbox)
    if operation == "RegisterMedia":
        assert registered == known(sandbox), "what was registered was not written down"


def test_however_often_it_is_interrupted_nobody_else_registers_before_it_has_ended(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    put(sandbox, "a.mp4")
    with (
        held_calls(sandbox, "RegisterMedia", next=1, effect="before") as let_go,
        Running(workspace) as running,
    ):
        running.until(lambda: sandbox.vod.journal, "the call")
        for _ in range(3):
            running.send(signal.SIGINT)
            time.sleep(0.2)  # noqa: TID251 (signals in a row must not be one)
        assert f"registering: pid {running.pid}" in workspace.scan().err
        let_go()
        assert running.ended() == 0
    assert [entry["state"] for entry in workspace.entries()] == ["registered"]
    assert len(sandbox.vod.journal) == 1


def _in_flight(running: Running) -> bool:
    return bool(running.logged("scan.started"))


def test_asked_to_stop_while_it_waits_for_the_disk_it_ends(
    daemon: Running, sandbox: Sandbox
) -> None:
    daemon.until_logged("scan.finished")
    _, hard = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    put(sandbox, "a.mp4")
    daemon.until_logged("daemon.degraded")
    began = time.monotonic()  # noqa: TID251
    daemon.stop()
    assert time.monotonic() - began < 5  # noqa: TID251
    assert hard == resource.RLIM_INFINITY


# Lasting faults that pass


def test_a_full_disk_is_waited_out(daemon: Running, sandbox: Sandbox) -> None:
    daemon.until_logged("scan.finished")
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    put(sandbox, *(f"{n}.mp4" for n in range(25)))
    reasons = daemon.until_logged("daemon.degraded")["reasons"]
    assert "ledger" in reasons[0]
    assert known(sandbox) == set(), "a call was made that could not be written down"
    resource.prlimit(
        daemon.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    )
    daemon.until_logged("daemon.ready", times=2)
    daemon.until(lambda: len(known(sandbox)) == 25, "all are registered")
    assert daemon.stop() == 0


def test_a_cloud_that_is_gone_is_waited_for_also_at_the_start(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    put(sandbox, "a.mp4")
    port = int(sandbox.url.rpartition(":")[2])
    sandbox._server.close()
    with Running(workspace) as running:
        running.until_logged("daemon.ready")
        running.until_logged("scan.incomplete")
        assert "videos" in running.until_logged("daemon.degraded")["reasons"][0]
        sandbox._server = HttpServer(port, sandbox._answer, bodies=sandbox._store.bodies)
        running.until_logged("daemon.ready", times=2)
        running.until(lambda: known(sandbox) == {"a.mp4"}, "it is registered")
        assert running.stop() == 0


@pytest.mark.long
def test_a_cloud_that_is_gone_for_a_minute_is_taken_up_again(
    daemon: Running, sandbox: Sandbox
) -> None:
    put(sandbox, "before.mp4")
    daemon.until(lambda: known(sandbox) == {"before.mp4"}, "the first is registered")
    port = int(sandbox.url.rpartition(":")[2])
    sandbox._server.close()
    daemon.until_logged("daemon.degraded")
    time.sleep(60)  # noqa: TID251
    put(sandbox, "meanwhile.mp4")
    sandbox._server = HttpServer(port, sandbox._answer, bodies=sandbox._store.bodies)
    daemon.until_logged("daemon.ready", times=2)
    daemon.until(lambda: "meanwhile.mp4" in known(sandbox), "what came meanwhile is registered")
    assert daemon.stop() == 0
    assert {entry["attempts"] for entry in daemon.workspace.entries()} == {0}


def test_what_stops_all_calls_is_probed_until_it_has_passed(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(
        workspace.watch(more=EVERY_SECOND),
        more=f'[retry]\nfirst_delay = "100ms"\nmax_delay = "1s"\n{NO_PAGE}',
    )
    put(sandbox, "a.mp4")
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="access_denied", next=3))
    with Running(workspace) as running:
        running.until_logged("breaker.opened")
        assert any(
            "no calls at all" in reason
            for reason in running.until_logged("daemon.degraded")["reasons"]
        )
        running.until_logged("breaker.closed")
        running.until_logged("daemon.ready", times=2)
        assert running.stop() == 0
    (entry,) = workspace.entries()
    assert (entry["state"], entry["attempts"]) == ("registered", 0)


# Errors that prevent a start


def test_without_a_ledger_it_exits_4_and_makes_none(workspace: Workspace) -> None:
    workspace.ledger.unlink()
    assert workspace.run("run").status == 4
    assert not workspace.ledger.exists()


def test_without_credentials_it_exits_2(workspace: Workspace) -> None:
    env = {name: value for name, value in workspace.env.items() if not name.startswith("ALIBABA")}
    env |= {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
    assert workspace.run("run", env=env).status == 2

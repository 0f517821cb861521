"""`run`: a daemon in a process of its own, against the sandbox, asked as an operator and the kernel would ask it."""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.running import Running
from tests.workspace import BUCKET, Workspace
from watcher.sandbox.faults import Fault, Faults
from watcher.sandbox.wire import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from watcher.sandbox import Sandbox

EVERY_SECOND = 'schedule = "1s"'
NO_PAGE = '[http]\nlisten = ""'


@pytest.fixture(autouse=True)
def _scans_every_second(workspace: Workspace) -> None:
    workspace.configure(workspace.watch(more=EVERY_SECOND), more=NO_PAGE)


@pytest.fixture
def daemon(workspace: Workspace) -> Iterator[Running]:
    with Running(workspace) as running:
        running.until_told("daemon.ready")
        yield running


def known(sandbox: Sandbox) -> set[str]:
    return {key for _, key in sandbox.vod.media}


def put(sandbox: Sandbox, *keys: str) -> None:
    for key in keys:
        sandbox.oss.put(BUCKET, key, b"x")


# What it is for


def test_an_upload_has_its_media_id_within_two_seconds(daemon: Running, sandbox: Sandbox) -> None:
    daemon.until_told("scan.finished")
    for n in range(5):
        began = time.monotonic()  # noqa: TID251 (how long people wait)
        put(sandbox, f"视频 {n}.mp4")
        daemon.until_told("batch.settled", times=n + 1)
        assert time.monotonic() - began < 2  # noqa: TID251
    assert daemon.stop() == 0
    assert known(sandbox) == {f"视频 {n}.mp4" for n in range(5)}
    assert {entry["state"] for entry in daemon.workspace.entries()} == {"registered"}


def test_it_begins_with_what_the_last_process_left(workspace: Workspace, sandbox: Sandbox) -> None:
    put(sandbox, "a.mp4", "b.mp4")
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="timeout", seconds=60))
    with Running(workspace) as killed:
        killed.until(lambda: len(sandbox.vod.journal) == 1, "the call")
        killed.send(signal.SIGKILL)
    sandbox.hook = Faults()
    workspace.configure(workspace.watch(more='schedule = "0 0 1 1 *"'), more=NO_PAGE)  # no scan helps
    with Running(workspace) as running:
        assert running.until_told("ledger.recovered")["entries"] == 2
        running.until_told("batch.settled")
        assert running.stop() == 0
        assert not running.told("scan.started")
    assert known(sandbox) == {"a.mp4", "b.mp4"}


def test_a_watch_that_is_slow_or_broken_does_not_hold_up_another(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.create_bucket("slow-bucket")
    slow = workspace.watch(name="slow", source="oss://slow-bucket/", more=EVERY_SECOND)
    lost = workspace.watch(name="lost", source="oss://no-such-bucket/", more=EVERY_SECOND)
    workspace.configure(slow, lost, workspace.watch(more=EVERY_SECOND), more=NO_PAGE)
    sandbox.hook = Faults(Fault(operation="oss", bucket="slow-bucket", kind="slow", seconds=3))
    with Running(workspace) as running:
        running.until_told("scan.finished", watch="videos", times=4)
        assert len(running.told("scan.finished", watch="slow")) <= 2
        assert running.told("scan.incomplete", watch="lost")
        starts = len(running.told("scan.started", watch="slow"))
        ends = len(running.told("scan.finished", watch="slow"))
        assert starts - ends <= 1, "scans of one watch overlap"
        put(sandbox, "a.mp4")
        running.until_told("batch.settled")
        assert running.stop() == 0


# Its end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_while_it_waits_it_is_gone_at_once(daemon: Running, number: signal.Signals) -> None:
    daemon.until_told("scan.finished")
    began = time.monotonic()  # noqa: TID251
    assert daemon.stop(number) == 0
    assert time.monotonic() - began < 2  # noqa: TID251
    assert daemon.told("daemon.stopping")[0]["signal"] == number.name
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
        running.until_told("daemon.ready")
        running.until(lambda: [call for call in journal if operation in str(call)] or _in_flight(running), operation)
        began = time.monotonic()  # noqa: TID251
        assert running.stop() == 0
        assert time.monotonic() - began < 5 + 2  # noqa: TID251
    claimed = [entry for entry in workspace.entries() if entry["state"] == "claimed"]
    assert claimed == []
    registered = {entry["key"] for entry in workspace.entries() if entry["state"] == "registered"}
    assert registered <= known(sandbox)
    if operation == "RegisterMedia":
        assert registered == known(sandbox), "what was registered was not written down"


def _in_flight(running: Running) -> bool:
    return bool(running.told("scan.started"))


def test_asked_to_stop_while_it_waits_for_the_disk_it_ends(daemon: Running, sandbox: Sandbox) -> None:
    daemon.until_told("scan.finished")
    _, hard = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    put(sandbox, "a.mp4")
    daemon.until_told("daemon.degraded")
    began = time.monotonic()  # noqa: TID251
    daemon.stop()
    assert time.monotonic() - began < 5  # noqa: TID251
    assert hard == resource.RLIM_INFINITY


# What passes


def test_a_full_disk_is_waited_out(daemon: Running, sandbox: Sandbox) -> None:
    daemon.until_told("scan.finished")
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    put(sandbox, *(f"{n}.mp4" for n in range(25)))
    reasons = daemon.until_told("daemon.degraded")["reasons"]
    assert "ledger" in reasons[0]
    assert known(sandbox) == set(), "a call was made that could not be written down"
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    daemon.until_told("daemon.ready", times=2)
    daemon.until(lambda: len(known(sandbox)) == 25, "all are registered")
    assert daemon.stop() == 0


def test_a_cloud_that_is_gone_is_waited_for_also_at_the_start(workspace: Workspace, sandbox: Sandbox) -> None:
    put(sandbox, "a.mp4")
    port = int(sandbox.url.rpartition(":")[2])
    sandbox._server.close()
    with Running(workspace) as running:
        running.until_told("daemon.ready")
        running.until_told("scan.incomplete")
        assert "videos" in running.until_told("daemon.degraded")["reasons"][0]
        sandbox._server = WireServer(port, sandbox._answer)
        running.until_told("daemon.ready", times=2)
        running.until(lambda: known(sandbox) == {"a.mp4"}, "it is registered")
        assert running.stop() == 0


def test_what_stops_all_calls_is_probed_until_it_has_passed(workspace: Workspace, sandbox: Sandbox) -> None:
    workspace.configure(
        workspace.watch(more=EVERY_SECOND), more=f'[retry]\nfirst_delay = "100ms"\nmax_delay = "1s"\n{NO_PAGE}'
    )
    put(sandbox, "a.mp4")
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="access_denied", next=3))
    with Running(workspace) as running:
        running.until_told("breaker.opened")
        assert any("no calls at all" in reason for reason in running.until_told("daemon.degraded")["reasons"])
        running.until_told("breaker.closed")
        running.until_told("daemon.ready", times=2)
        assert running.stop() == 0
    (entry,) = workspace.entries()
    assert (entry["state"], entry["attempts"]) == ("registered", 0)


# Beside others


def test_a_second_one_is_refused(daemon: Running, workspace: Workspace) -> None:
    second = workspace.run("run")
    assert (second.status, str(daemon.pid) in second.err) == (3, True)
    assert daemon.stop() == 0
    assert workspace.run("scan").status == 0


def test_a_scan_beside_it_records_and_leaves_registering_to_it(daemon: Running, sandbox: Sandbox) -> None:
    daemon.workspace.configure(daemon.workspace.watch(more='schedule = "1h"'), more=NO_PAGE)
    daemon.send(signal.SIGHUP)
    daemon.until_told("daemon.reloaded")
    daemon.until_told("scan.finished", times=2)
    put(sandbox, "a.mp4")
    beside = daemon.workspace.scan()
    assert (beside.status, beside.json["registered"]) == (0, 0)
    assert f"registering: pid {daemon.pid}" in beside.err
    daemon.until_told("batch.settled")
    assert daemon.stop() == 0


def test_beside_a_one_shot_it_lists_and_takes_over_when_that_ends(workspace: Workspace, sandbox: Sandbox) -> None:
    put(sandbox, "a.mp4")
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="slow", seconds=4, next=1))
    one_shot = workspace.begin("scan")
    while not list(workspace.folder.glob("ledger.db.lock")):
        time.sleep(0.02)  # noqa: TID251
    with Running(workspace) as running:
        degraded = running.until_told("daemon.degraded")
        assert degraded["reasons"] == [f"registering: pid {one_shot.pid}"]
        running.until_told("scan.finished")
        put(sandbox, "b.mp4")
        one_shot.communicate(timeout=30)
        running.until_told("daemon.ready", times=2)
        running.until(lambda: known(sandbox) == {"a.mp4", "b.mp4"}, "both are registered")
        assert running.stop() == 0
    assert one_shot.returncode == 0


# Another configuration


def test_a_broken_file_is_reported_and_the_old_one_stays_in_force(daemon: Running, sandbox: Sandbox) -> None:
    daemon.workspace.config.write_text("[[watch]]\nname = 1\n", encoding="utf-8")
    daemon.send(signal.SIGHUP)
    refused = daemon.until_told("daemon.reload_refused")
    assert "watch" in refused["reason"]
    put(sandbox, "a.mp4")
    daemon.until_told("batch.settled")
    assert daemon.stop() == 0
    assert not daemon.told("daemon.reloaded")


def test_watches_come_change_and_go_and_no_backlog_is_lost(daemon: Running, sandbox: Sandbox) -> None:
    workspace = daemon.workspace
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="access_denied"))
    put(sandbox, "a/1.mp4", "b/2.mp4", "b/3.mov")
    daemon.until_told("breaker.opened")
    daemon.until_told("scan.finished", matched=3)
    sandbox.hook = Faults()
    only_a = workspace.watch(name="a", source=f"oss://{BUCKET}/a/", more=EVERY_SECOND)
    only_b = workspace.watch(name="b", source=f"oss://{BUCKET}/b/", more=f'{EVERY_SECOND}\ninclude = ["*.mp4"]')
    workspace.configure(only_a, only_b, more='[http]\nlisten = "127.0.0.1:1"')
    daemon.send(signal.SIGHUP)
    assert "http" in daemon.until_told("daemon.reloaded")["note"]
    daemon.until(lambda: known(sandbox) == {"a/1.mp4", "b/2.mp4"}, "what a watch selects is registered")
    only_b = only_b.replace("*.mp4", "*.m*")
    workspace.configure(only_b, more=NO_PAGE)
    daemon.send(signal.SIGHUP)
    daemon.until_told("daemon.reloaded", times=2)
    daemon.until(lambda: "b/3.mov" in known(sandbox), "a pending one goes to the watch that selects it now")
    assert daemon.stop() == 0
    by_key = {entry["key"]: entry["watch"] for entry in workspace.entries()}
    assert by_key == {"a/1.mp4": "a", "b/2.mp4": "b", "b/3.mov": "b"}


def test_a_form_of_file_url_that_would_double_every_media_is_refused(daemon: Running, sandbox: Sandbox) -> None:
    workspace = daemon.workspace
    put(sandbox, "a.mp4")
    daemon.until_told("batch.settled")
    workspace.configure(
        workspace.watch(more=f'{EVERY_SECOND}\nfile_url = "https://other.example/{{key}}"'), more=NO_PAGE
    )
    daemon.send(signal.SIGHUP)
    assert "file_url" in daemon.until_told("daemon.reload_refused")["reason"]
    put(sandbox, "b.mp4")
    daemon.until_told("batch.settled", times=2)
    assert daemon.stop() == 0


# What it cannot start with


def test_without_a_ledger_it_exits_4_and_makes_none(workspace: Workspace) -> None:
    workspace.ledger.unlink()
    assert workspace.run("run").status == 4
    assert not workspace.ledger.exists()


def test_without_credentials_it_exits_2(workspace: Workspace) -> None:
    env = {name: value for name, value in workspace.env.items() if not name.startswith("ALIBABA")}
    env |= {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
    assert workspace.run("run", env=env).status == 2


# What systemd is told


class Systemd:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(0)
        self.env = {"NOTIFY_SOCKET": str(folder / "notify")}
        self.heard: list[dict[str, str]] = []

    def listen(self) -> list[dict[str, str]]:
        """Return what was said since this was last asked."""
        new: list[dict[str, str]] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                lines = self._socket.recv(65536).decode().splitlines()
                new.append(dict(line.partition("=")[::2] for line in lines))
        self.heard += new
        return new

    def has_heard(self, name: str) -> bool:
        self.listen()
        return any(name in message for message in self.heard)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    manager = Systemd(tmp_path)
    yield manager
    manager.close()


def test_systemd_hears_of_ready_reload_life_and_stop_in_that_order(workspace: Workspace, systemd: Systemd) -> None:
    with Running(workspace, env=systemd.env) as running:
        running.until(lambda: systemd.has_heard("READY"), "READY=1")
        running.until_told("scan.finished")
        running.until(lambda: systemd.has_heard("WATCHDOG"), "WATCHDOG=1")
        running.send(signal.SIGHUP)
        running.until_told("daemon.reloaded")
        running.until(lambda: systemd.listen() and "WATCHDOG" in systemd.heard[-1], "it lives on")
        assert running.stop() == 0
    systemd.listen()
    order = [name for message in systemd.heard for name in message if name in {"READY", "RELOADING", "STOPPING"}]
    assert order == ["READY", "RELOADING", "READY", "STOPPING"]
    assert "in line" in systemd.heard[0]["STATUS"]


def test_systemd_is_not_told_that_it_lives_while_a_call_hangs(
    workspace: Workspace, sandbox: Sandbox, systemd: Systemd
) -> None:
    workspace.configure(workspace.watch(more=EVERY_SECOND), vod="concurrent_calls = 1", more=NO_PAGE)
    put(sandbox, "a.mp4")
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="slow", seconds=8))
    with Running(workspace, env=systemd.env | {"WATCHDOG_USEC": "2000000"}) as running:
        degraded = running.until_told("daemon.degraded")
        assert any("registering" in reason for reason in degraded["reasons"])
        systemd.listen()
        time.sleep(1.5)  # noqa: TID251
        assert not [message for message in systemd.listen() if "WATCHDOG" in message]
        running.until_told("batch.settled")
        running.until_told("daemon.ready", times=2)
        running.until(lambda: [message for message in systemd.listen() if "WATCHDOG" in message], "it lives again")

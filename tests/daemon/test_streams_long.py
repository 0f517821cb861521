"""Standard streams of what runs long: the daemon, a large scan, the demo and the sandbox."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.daemons import EVERY_SECOND, known
from tests.support.odd_streams import SOON_S, STATES, STOPS_S, Odd, Reader, quiet, start, waits
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long

KEYS = [f"{n:02}.mp4" for n in range(12)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("state", STATES)
def test_a_daemon_works_and_stops_whatever_its_stderr_is(
    odd: Odd, sandbox: Sandbox, state: str, number: signal.Signals
) -> None:
    workspace = odd.workspace
    workspace.configure(workspace.watch(more=EVERY_SECOND), more='[http]\nlisten = ""')
    sandbox.oss.fill(BUCKET, KEYS)
    process = odd.begin("stderr", state, "--log-level", "debug", "run")
    waits(lambda: known(sandbox) == set(KEYS), "registered")
    sandbox.oss.put(BUCKET, "later.mp4")
    waits(lambda: "later.mp4" in known(sandbox), "the later one")
    process.send_signal(number)
    assert process.wait(STOPS_S) == 0


def test_a_stalled_log_stops_neither_a_large_scan_nor_its_end(odd: Odd, sandbox: Sandbox) -> None:
    """Far more lines than any buffer holds."""
    sandbox.oss.fill(BUCKET, [f"{n:05}{'x' * 200}.mp4" for n in range(6000)])
    began = time.monotonic()  # noqa: TID251
    process = odd.begin("stderr", "stalled", "--log-level", "debug", "scan", "-y")
    assert process.wait(60) == 0
    assert len(known(sandbox)) == 6000
    assert time.monotonic() - began < 45  # noqa: TID251
    assert "registered 6000" in odd.said("stdout")


def test_a_signal_stops_work_at_once_while_the_log_is_stalled(odd: Odd, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:05}.mp4" for n in range(3000)])
    odd.workspace.configure(vod="calls_per_second = 5")
    process = odd.begin("stderr", "stalled", "--log-level", "debug", "scan", "-y")
    waits(lambda: known(sandbox), "the first call")
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOPS_S) == 128 + signal.SIGTERM


def test_dropped_lines_are_counted_and_reported_when_there_is_room_again(
    odd: Odd, sandbox: Sandbox
) -> None:
    workspace = odd.workspace
    workspace.configure(workspace.watch(more=EVERY_SECOND), more='[http]\nlisten = "127.0.0.1:0"')
    reader = Reader()
    process = start(workspace, ["run"], out=subprocess.DEVNULL, err=reader.writes)
    odd.begun.append(process)
    reader.let_go()
    for n in range(5):
        sandbox.oss.put(BUCKET, f"{n}.mp4")
        waits(lambda n=n: f"{n}.mp4" in known(sandbox), "registered")  # type: ignore[misc]
    time.sleep(2)  # noqa: TID251
    text = b""
    while b"log lines were dropped" not in text:
        text += reader.read_ready()
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOPS_S) == 0
    reader.close()


def test_the_standard_streams_numbers_are_never_those_of_the_ledger(
    odd: Odd, sandbox: Sandbox
) -> None:
    """A library, or a crash, that writes to descriptor 2 must not write into a file of ours."""
    sandbox.oss.fill(BUCKET, KEYS)
    nowhere: dict[str, Any] = {
        "out": subprocess.DEVNULL,
        "err": subprocess.DEVNULL,
        "closed": (0, 1, 2),
    }
    process = start(odd.workspace, ["scan"], **nowhere)
    odd.begun.append(process)
    assert process.wait(SOON_S) == 0
    assert known(sandbox) == set(KEYS)
    workspace = odd.workspace
    workspace.configure(workspace.watch(more=EVERY_SECOND), more='[http]\nlisten = ""')
    daemon = start(workspace, ["run"], **nowhere)
    odd.begun.append(daemon)
    sandbox.oss.put(BUCKET, "later.mp4")
    waits(lambda: "later.mp4" in known(sandbox), "registered")
    held = [Path(f"/proc/{daemon.pid}/fd/{number}").readlink() for number in range(3)]
    assert held == [Path("/dev/null")] * 3
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(STOPS_S) == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("state", ["closed", "full", "gone"])
def test_the_demo_shows_what_it_can(odd: Odd, stream: str, state: str) -> None:
    status = odd.run(stream, state, "demo", "--folder", str(odd.workspace.folder / "demo"))
    assert status == int((stream, state) == ("stdout", "full"))
    assert quiet(odd.said("stderr"))


@pytest.mark.parametrize(
    ("stream", "state"),
    [*(("stdout", state) for state in STATES), ("stdin", "closed"), ("stderr", "stalled")],
)
def test_the_sandbox_serves_and_stops(odd: Odd, stream: str, state: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as in_use:
        port = in_use.getsockname()[1]
    process = odd.begin(stream, state, "sandbox", "--port", str(port))

    def serves() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    waits(serves, "the sandbox")
    time.sleep(1)  # noqa: TID251
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOPS_S) == int((stream, state) == ("stdout", "full")), odd.said("stderr")
    assert quiet(odd.said("stderr"))


def test_a_list_of_keys_from_a_closed_stdin_is_none(odd: Odd, sandbox: Sandbox) -> None:
    """An empty one would be a backfill of nothing, and exit 0."""
    sandbox.oss.fill(BUCKET, KEYS)
    assert odd.run("stdin", "closed", "backfill", "--files-from", "-") == 2
    assert "cannot be read" in odd.said("stderr")
    assert odd.run("stdin", "gone", "backfill", "--files-from", "-") == 0
    process = odd.begin("stdin", "stalled", "backfill", "--files-from", "-")
    time.sleep(2)  # noqa: TID251
    process.send_signal(signal.SIGINT)
    assert process.wait(STOPS_S) == 128 + signal.SIGINT

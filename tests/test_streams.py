"""Standard streams that are closed, full, gone or stalled: the work is done, and the status is that of the work."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemons import EVERY_SECOND, known
from tests.streams import STATES, STREAMS, Reader, start, stream_in
from tests.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long

KEYS = [f"{n:02}.mp4" for n in range(12)]
SOON_S = 20.0
REPORTS = {  # their output is all that they are for
    "status": ["status"],
    "export": ["export"],
    "audit": ["audit"],
    "scan --dry-run": ["scan", "--dry-run"],
    "backfill --dry-run": ["backfill", "--dry-run"],
}
WORK = {
    "scan": ["scan"],
    "backfill": ["backfill"],
    "retry": ["retry", "--all-failed"],
    "ledger check": ["ledger", "check"],
    "ledger backup": ["ledger", "backup", "copy.db"],
}
ALL = REPORTS | WORK


def waits(true: Callable[[], object], what: str) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + SOON_S  # noqa: TID251 (a real process keeps real time)
    while not true():
        assert time.monotonic() < deadline, f"never came: {what}"  # noqa: TID251
        time.sleep(0.02)  # noqa: TID251


class Odd:
    """Runs commands of a workspace with one stream in a state, the others in files."""

    def __init__(self, workspace: Workspace, stack: ExitStack) -> None:
        self.workspace = workspace
        self._stack = stack
        self.begun: list[subprocess.Popen[bytes]] = []

    def begin(self, stream: str, state: str, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        number = STREAMS.index(stream)
        given: dict[str, Any] = {"given": subprocess.DEVNULL}
        for name, key in (("stdout", "out"), ("stderr", "err")):
            given[key] = self._stack.enter_context((self.workspace.folder / name).open("wb"))
        key = ("given", "out", "err")[number]
        given[key] = self._stack.enter_context(stream_in(state, number))
        closed = (number,) if state == "closed" else ()
        self.begun.append(start(self.workspace, arguments, closed=closed, **given, **more))
        return self.begun[-1]

    def run(self, stream: str, state: str, *arguments: str) -> int:
        """Return the exit status."""
        return self.begin(stream, state, *arguments).wait(SOON_S)

    def said(self, stream: str) -> str:
        return (self.workspace.folder / stream).read_text()


@pytest.fixture
def odd(workspace: Workspace) -> Iterator[Odd]:
    with ExitStack() as stack:
        made = Odd(workspace, stack)
        yield made
        for process in made.begun:
            process.kill()
            process.wait()


def quiet(text: str) -> bool:
    """Whether nothing in it speaks of a bug."""
    return not any(word in text for word in ("Traceback", "unforeseen", "bug", "Exception ignored"))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_every_command_works_whatever_stdin_and_stderr_are(odd: Odd, sandbox: Sandbox, stream: str, state: str) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    sandbox.vod.refuse(BUCKET, KEYS[0])
    odd.workspace.configure(more='[retry]\nfirst_delay = "100ms"\nmax_delay = "100ms"')
    expected = {"scan": 6, "backfill": 0}
    for name, arguments in {"scan": ["scan"], **ALL}.items():
        status = odd.run(stream, state, *arguments)
        assert status == expected.get(name, 0), (name, odd.said("stderr"))
        assert quiet(odd.said("stderr") + odd.said("stdout")), name
        assert odd.said("stdout"), name
    assert known(sandbox) == set(KEYS[1:])


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
@pytest.mark.parametrize("state", STATES)
def test_refusals_keep_their_status_whatever_stdin_and_stderr_are(odd: Odd, stream: str, state: str) -> None:
    cases: list[tuple[Sequence[str], int]] = [
        (["scan", "--watch", "nothing"], 2),
        (["nonsense"], 2),
        (["--help"], 0),
    ]
    for arguments, status in cases:
        assert odd.run(stream, state, *arguments) == status, arguments
    odd.workspace.ledger.unlink()
    assert odd.run(stream, state, "scan") == 4
    assert odd.run(stream, state, "ledger", "init") == 0
    odd.workspace.env["ALIBABA_CLOUD_ACCESS_KEY_ID"] = "LTAInobody"
    assert odd.run(stream, state, "scan") == 5


def test_a_closed_stdout_means_that_nobody_wants_the_result(odd: Odd, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    assert odd.run("stdout", "closed", "scan") == 0
    for name, arguments in ALL.items():
        assert odd.run("stdout", "closed", *arguments) == 0, (name, odd.said("stderr"))
        assert "error" not in odd.said("stderr"), name
    assert known(sandbox) == set(KEYS)


def test_a_full_stdout_loses_the_result_and_none_of_the_work(odd: Odd, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    assert odd.run("stdout", "full", "scan") == 1
    for name, arguments in ALL.items():
        assert odd.run("stdout", "full", *arguments) == 1, name
        (error,) = [line for line in odd.said("stderr").splitlines() if line.startswith("error:")]
        assert "stdout" in error, name
        assert "No space left" in error, name
        assert "hint: " in odd.said("stderr"), name
        assert quiet(odd.said("stderr")), name
    assert known(sandbox) == set(KEYS)


def test_a_refusal_wins_over_a_lost_result(odd: Odd, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    sandbox.vod.remove_bucket(BUCKET)
    assert odd.run("stdout", "full", "scan") == 5
    sandbox.vod.add_bucket(BUCKET)
    sandbox.vod.refuse(BUCKET, KEYS[0])
    odd.workspace.configure(more='[retry]\nfirst_delay = "100ms"\nmax_delay = "100ms"')
    assert odd.run("stdout", "full", "scan") == 6


def test_reports_whose_reader_has_gone_end_by_sigpipe_and_say_nothing(odd: Odd, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    odd.workspace.scan()
    sandbox.oss.put(BUCKET, "new.mp4")
    for name, arguments in {**REPORTS, "--help": ["--help"], "--version": ["--version"]}.items():
        assert odd.run("stdout", "gone", *arguments) == -signal.SIGPIPE, (name, odd.said("stderr"))
        assert not [line for line in odd.said("stderr").splitlines() if not line.startswith("{")], name


def test_work_whose_reader_has_gone_keeps_its_status(odd: Odd, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    sandbox.vod.refuse(BUCKET, KEYS[0])
    odd.workspace.configure(more='[retry]\nfirst_delay = "100ms"\nmax_delay = "100ms"')
    for name, arguments in WORK.items():
        assert odd.run("stdout", "gone", *arguments) == (6 if name == "scan" else 0), name
        assert quiet(odd.said("stderr")), name
    assert known(sandbox) == set(KEYS[1:])


def test_export_into_head_ends_as_soon_as_head_does(odd: Odd, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:05}.mp4" for n in range(3000)])
    assert odd.workspace.run("scan", "-y").status == 0
    for output_format in ("jsonl", "json", "csv", "table"):
        exporting = odd.workspace.begin("export", "--output-format", output_format)
        assert exporting.stdout
        assert exporting.stdout.readline()
        exporting.stdout.close()
        assert exporting.wait(SOON_S) == -signal.SIGPIPE
        assert exporting.stderr
        assert exporting.stderr.read() == ""
        exporting.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["scan", "scan --dry-run", "audit", "export"])
def test_a_stalled_stdout_is_waited_for_until_a_signal_comes(
    odd: Odd, sandbox: Sandbox, command: str, number: signal.Signals
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    process = odd.begin("stdout", "stalled", *ALL[command])
    if command == "scan":
        waits(lambda: known(sandbox) == set(KEYS), "the work")
    time.sleep(2)  # noqa: TID251
    assert process.poll() is None or command == "export", odd.said("stderr")
    process.send_signal(number)
    status = process.wait(5)
    if command != "export":  # the ledger is empty for it
        assert status in {128 + number, -number}
    assert quiet(odd.said("stderr"))


def test_a_stalled_stdout_that_is_read_again_gets_all_of_the_result(odd: Odd, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:05}.mp4" for n in range(1500)])
    assert odd.workspace.run("scan", "-y").status == 0
    whole = odd.workspace.run("export").out
    reader = Reader()
    with (odd.workspace.folder / "err").open("wb") as err:
        process = start(odd.workspace, ["export"], out=reader.writes, err=err)
        time.sleep(2)  # noqa: TID251
        assert process.poll() is None
        assert reader.read() == whole
        assert process.wait(SOON_S) == 0
    reader.close()


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
    assert process.wait(6) == 0


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
    assert process.wait(6) == 128 + signal.SIGTERM


def test_dropped_lines_are_counted_and_told_of_when_there_is_room_again(odd: Odd, sandbox: Sandbox) -> None:
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
        text += reader.take()
    process.send_signal(signal.SIGTERM)
    assert process.wait(6) == 0
    reader.close()


def test_the_standard_streams_numbers_are_never_those_of_the_ledger(odd: Odd, sandbox: Sandbox) -> None:
    """A library, or a crash, that writes to descriptor 2 must not write into a file of ours."""
    sandbox.oss.fill(BUCKET, KEYS)
    nowhere: dict[str, Any] = {"out": subprocess.DEVNULL, "err": subprocess.DEVNULL, "closed": (0, 1, 2)}
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
    assert daemon.wait(6) == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("state", ["closed", "full", "gone"])
def test_the_demo_shows_what_it_can(odd: Odd, stream: str, state: str) -> None:
    status = odd.run(stream, state, "demo", "--folder", str(odd.workspace.folder / "demo"))
    assert status == int((stream, state) == ("stdout", "full"))
    assert quiet(odd.said("stderr"))


@pytest.mark.parametrize(
    ("stream", "state"), [*(("stdout", state) for state in STATES), ("stdin", "closed"), ("stderr", "stalled")]
)
def test_the_sandbox_serves_and_stops(odd: Odd, stream: str, state: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    process = odd.begin(stream, state, "sandbox", "--port", str(port))

    def serves() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    waits(serves, "the sandbox")
    time.sleep(1)  # noqa: TID251
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == int((stream, state) == ("stdout", "full")), odd.said("stderr")
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
    assert process.wait(5) == 128 + signal.SIGINT

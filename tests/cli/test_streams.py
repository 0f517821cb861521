"""Standard streams that are closed, full, gone or stalled.

The work is done all the same, and the exit status is that of the work.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import known
from tests.support.odd_streams import SOON_S, STATES, STOPS_S, Odd, Reader, quiet, start, waits
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long

KEYS = [f"{n:02}.mp4" for n in range(12)]
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


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_every_command_works_whatever_stdin_and_stderr_are(
    odd: Odd, sandbox: Sandbox, stream: str, state: str
) -> None:
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
def test_refusals_keep_their_status_whatever_stdin_and_stderr_are(
    odd: Odd, stream: str, state: str
) -> None:
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


def test_reports_whose_reader_has_gone_end_by_sigpipe_and_say_nothing(
    odd: Odd, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)
    odd.workspace.scan()
    sandbox.oss.put(BUCKET, "new.mp4")
    for name, arguments in {**REPORTS, "--help": ["--help"], "--version": ["--version"]}.items():
        assert odd.run("stdout", "gone", *arguments) == -signal.SIGPIPE, (name, odd.said("stderr"))
        assert not [line for line in odd.said("stderr").splitlines() if not line.startswith("{")], (
            name
        )


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
    status = process.wait(STOPS_S)
    if command != "export":  # the ledger is empty for it
        assert status in {128 + number, -number}
    assert quiet(odd.said("stderr"))


def test_a_stalled_stdout_that_is_read_again_gets_all_of_the_result(
    odd: Odd, sandbox: Sandbox
) -> None:
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

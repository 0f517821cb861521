"""Errors on the command line: one sentence, one hint and the documented exit status."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workspace import Ran
    from watcher.sandbox import Sandbox


def error_and_hint(ran: Ran) -> tuple[str, str]:
    """Return the one error and the one hint."""
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    hints = [line for line in ran.err.splitlines() if line.startswith("hint: ")]
    assert len(errors) == len(hints) == 1, ran.err
    return errors[0], hints[0]


def test_a_wrong_secret_is_exit_5(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    workspace.env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = "not-the-secret"

    ran = workspace.scan()

    assert ran.status == 5
    error, hint = error_and_hint(ran)
    assert "SignatureDoesNotMatch" in error
    assert "secret" in hint
    assert "not-the-secret" not in ran.err + ran.out


def test_an_unknown_access_key_is_exit_5(workspace: Workspace) -> None:
    workspace.env["ALIBABA_CLOUD_ACCESS_KEY_ID"] = "LTAInobody"
    ran = workspace.scan()
    assert ran.status == 5
    assert "InvalidAccessKeyId" in error_and_hint(ran)[0]


def test_a_missing_bucket_is_exit_5_and_the_other_watch_goes_on(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    workspace.configure(workspace.watch("lost", "oss://no-such-bucket/"), workspace.watch("videos"))

    ran = workspace.scan()

    assert ran.status == 5
    error, hint = error_and_hint(ran)
    assert "NoSuchBucket" in error
    assert "source" in hint
    assert [scan["complete"] for scan in ran.json["scans"]] == [False, True]
    assert ran.json["registered"] == 1


def test_a_bucket_of_another_region_is_exit_5(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.create_bucket("far-bucket", region="cn-beijing")
    workspace.configure(workspace.watch("far", "oss://far-bucket/"))

    ran = workspace.scan()

    assert ran.status == 5
    assert "region" in error_and_hint(ran)[1]


def test_no_credentials_are_exit_2_and_touch_nothing(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    env = {
        name: value
        for name, value in workspace.env.items()
        if not name.startswith("ALIBABA_CLOUD_ACCESS")
    }
    env["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"
    before = workspace.ledger.read_bytes()

    ran = workspace.run("scan", env=env)

    assert ran.status == 2
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in " ".join(error_and_hint(ran))
    assert not sandbox.oss.journal
    assert workspace.ledger.read_bytes() == before


@pytest.mark.parametrize("command", [["scan"], ["scan", "--dry-run"], ["status"], ["export"]])
def test_no_ledger_is_exit_4_for_every_command(workspace: Workspace, command: list[str]) -> None:
    workspace.ledger.unlink()

    ran = workspace.run(*command)

    assert ran.status == 4
    error, hint = error_and_hint(ran)
    assert "no ledger" in error
    assert "ledger init" in hint
    assert not workspace.ledger.exists()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\0" * 4096, "NUL"),
        (b"hello world, this is no database" * 9, "not a SQLite database"),
    ],
)
def test_a_ledger_that_is_none_is_exit_4(workspace: Workspace, content: bytes, word: str) -> None:
    workspace.ledger.write_bytes(content)
    ran = workspace.run("scan")
    assert ran.status == 4
    assert word in error_and_hint(ran)[0]
    assert workspace.ledger.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_exit_1(workspace: Workspace) -> None:
    (workspace.folder / "file").write_text("in the way")
    text = workspace.config.read_text().replace('"ledger.db"', '"file/ledger.db"')
    workspace.config.write_text(text)

    ran = workspace.run("ledger", "init")

    assert ran.status == 1
    assert "cannot create the ledger" in error_and_hint(ran)[0]


def test_ledger_init_never_replaces(workspace: Workspace) -> None:
    before = workspace.ledger.read_bytes()
    ran = workspace.run("ledger", "init")
    assert ran.status == 2
    assert "already" in error_and_hint(ran)[0]
    assert workspace.ledger.read_bytes() == before


def test_a_watch_that_does_not_exist_is_exit_2(workspace: Workspace) -> None:
    ran = workspace.run("scan", "--watch", "nothing")
    assert ran.status == 2
    assert "videos" in error_and_hint(ran)[1]


def test_every_problem_of_the_configuration_at_once_is_exit_2(workspace: Workspace) -> None:
    workspace.configure('name = "a"\nsource = "oss://UPPER/"\nschedule = "often"\nmin_size = "big"')
    ran = workspace.run("scan")
    assert ran.status == 2
    for word in ("source", "schedule", "min_size", "start"):
        assert word in ran.err


def test_a_secret_in_the_configuration_is_refused_in_words_that_stay_readable(
    workspace: Workspace,
) -> None:
    workspace.configure(more='[credentials]\naccess_key_secret = "hunter2hunter2"')
    ran = workspace.run("scan")
    assert ran.status == 2
    assert "access_key_secret" in ran.err
    assert "secrets never belong in this file" in ran.err
    assert "hunter2" not in ran.err


def test_no_configuration_at_all_is_exit_2(workspace: Workspace) -> None:
    workspace.config.unlink()
    ran = workspace.run("scan")
    assert ran.status == 2
    assert "watcher.example.toml" in ran.err


def test_a_bucket_that_was_not_added_to_vod_is_exit_5_and_stays_queued(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.create_bucket("new-bucket", add_to_vod=False)
    sandbox.oss.put("new-bucket", "a.mp4")
    sandbox.oss.put(BUCKET, "b.mp4")
    workspace.configure(workspace.watch("new", "oss://new-bucket/"), workspace.watch("videos"))

    ran = workspace.scan()

    assert ran.status == 5
    assert "Storage" in error_and_hint(ran)[1]
    assert (ran.json["registered"], ran.json["pending"], ran.json["failed"]) == (1, 1, 0)
    (waiting,) = [entry for entry in workspace.entries() if entry["state"] == "pending"]
    assert waiting["attempts"] == 0


def test_an_interrupt_while_the_program_loads_ends_it_without_a_word(workspace: Workspace) -> None:
    """Interrupt it throughout its first quarter of a second: it never shows a traceback."""
    for delay_ms in range(30, 260, 10):
        command = [
            sys.executable,
            "-X",
            "frozen_modules=on",
            "-m",
            "watcher",
            "-c",
            str(workspace.config),
            "status",
        ]
        child = subprocess.Popen(
            command, env=workspace.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        time.sleep(delay_ms / 1000)  # noqa: TID251 (lets another process load)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
        is_python_itself = "runpy" in err or "Fatal Python error" in err
        assert is_python_itself or child.returncode in {0, 130, -signal.SIGINT}, (delay_ms, err)
        assert "watcher/cli" not in err, (delay_ms, err)


def test_an_interrupt_that_a_library_makes_an_error_of_is_an_interrupt() -> None:
    program = """
import os, signal
from watcher import cli

@cli.cli.command()
def loads():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    except KeyboardInterrupt:
        raise ValueError("of a library") from None

cli.main()
"""
    command = [sys.executable, "-c", program, "loads"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 130, done.stderr
    assert done.stderr.startswith("interrupted")


TOO_SOON = """
import signal

def at_once(*_):
    signal.setitimer = later
    signal.raise_signal(signal.SIGALRM)

later, signal.setitimer = signal.setitimer, at_once
"""


@pytest.mark.parametrize("repeated", ["", TOO_SOON], ids=["soon", "too soon"])
def test_an_interrupt_where_nothing_can_be_raised_is_not_lost(repeated: str) -> None:
    """It is repeated, and once more if the program is still there."""
    program = f"""{repeated}
import os, signal, weakref
from watcher import cli

class Kept:
    pass

@cli.cli.command()
def loads():
    kept = Kept()
    ref = weakref.ref(kept, lambda _: os.kill(os.getpid(), signal.SIGINT))
    del kept
    signal.pause()

cli.main()
"""
    command = [sys.executable, "-c", program, "loads"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 130, done.stderr
    assert done.stderr.strip().startswith("interrupted")


def test_what_a_sentence_quotes_cannot_steer_a_terminal(tmp_path: Path) -> None:
    named = tmp_path / "\x1b[31mred.toml"
    command = [sys.executable, "-m", "watcher", "-c", str(named), "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "\\x1b[31mred.toml" in done.stderr
    assert all(line.isprintable() for line in done.stderr.splitlines())

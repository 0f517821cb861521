"""The question before a large registration: on a real terminal, and nowhere else."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support import warm_start
from tests.support.workspace import BUCKET, Workspace
from watcher import config
from watcher.cli.confirm import described
from watcher.model import Waiting

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

LARGE = 10_001
VERY_QUICK = "calls_per_second = 1000\nconcurrent_calls = 16"


def fill(sandbox: Sandbox, n: int = LARGE) -> None:
    old = sandbox.clock.now() - timedelta(days=3)
    sandbox.oss.fill(BUCKET, [f"{i:06}.mp4" for i in range(n)], b"x" * 1000, modified_at=old)
    sandbox.vod.calls_per_second = 2000


class OnTerminal:
    """One command whose stdin and stderr are a terminal."""

    def __init__(self, workspace: Workspace, *arguments: str) -> None:
        self._screen, slave = pty.openpty()
        command = [
            sys.executable,
            "-m",
            "watcher",
            "-c",
            str(workspace.config),
            "--log-level",
            "error",
            *arguments,
        ]
        self.child = warm_start.start(
            command,
            cwd=workspace.folder,
            env=workspace.env,
            stdin=slave,
            stderr=slave,
            stdout=subprocess.PIPE,
        )
        os.close(slave)
        self.seen = ""

    @property
    def sentences(self) -> str:
        """Return the printed text without the ends of its rows."""
        return " ".join(self.seen.split())

    def answer(self, text: str) -> None:
        """Wait for the question, and type."""
        self._read_until("[y/N]")
        os.write(self._screen, text.encode())

    def interrupt_at_the_question(self) -> None:
        self._read_until("[y/N]")
        time.sleep(0.2)  # noqa: TID251 (it waits for an answer now)
        self.child.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Return the exit status."""
        self._read_until("")
        assert self.child.stdout
        self.child.stdout.close()
        os.close(self._screen)
        return self.child.wait(timeout=60)

    def _read_until(self, words: str) -> None:
        while not words or words not in self.seen:
            ready, _, _ = select.select([self._screen], [], [], 60)
            assert ready, self.seen
            with contextlib.suppress(OSError):  # all others have closed it
                if text := os.read(self._screen, 65536).decode(errors="replace"):
                    self.seen += text
                    continue
            assert not words, self.seen
            return


@pytest.mark.parametrize("command", ["scan", "backfill"])
def test_no_registers_nothing_and_says_how_to_go_on(
    workspace: Workspace, sandbox: Sandbox, command: str
) -> None:
    """Nothing is registered before the answer; after a no they are queued, and the status is 1."""
    fill(sandbox)
    terminal = OnTerminal(workspace, command)
    terminal.answer("n\n")

    assert terminal.end() == 1

    assert not sandbox.vod.journal
    assert "10,001 objects (9.5 MB)" in terminal.sentences
    assert "about 1,001 RegisterMedia calls, 40 s at 25 calls a second" in terminal.sentences
    assert "No transcoding starts" in terminal.sentences
    assert "10001 files are not registered yet" in terminal.sentences
    assert "--yes" in terminal.seen
    assert workspace.run("status", "--output-format", "json").json["watches"][0]["pending"] == LARGE


def test_yes_registers_all(workspace: Workspace, sandbox: Sandbox) -> None:
    workspace.configure(vod=VERY_QUICK)
    fill(sandbox)
    terminal = OnTerminal(workspace, "backfill")
    terminal.answer("y\n")
    assert terminal.end() == 0
    assert len(sandbox.vod.media) == LARGE


def test_the_option_answers(workspace: Workspace, sandbox: Sandbox) -> None:
    """And registering does not wait for the end of the listing then."""
    workspace.configure(vod=VERY_QUICK)
    fill(sandbox)
    terminal = OnTerminal(workspace, "scan", "--yes")
    assert terminal.end() == 0
    assert "[y/N]" not in terminal.seen
    assert len(sandbox.vod.media) == LARGE


def test_ten_thousand_are_not_asked_about(workspace: Workspace, sandbox: Sandbox) -> None:
    workspace.configure(vod=VERY_QUICK)
    fill(sandbox, LARGE - 1)
    terminal = OnTerminal(workspace, "scan")
    assert terminal.end() == 0
    assert "[y/N]" not in terminal.seen


def test_without_a_terminal_nothing_is_asked(workspace: Workspace, sandbox: Sandbox) -> None:
    """The explicit `start` of the configuration is the answer."""
    workspace.configure(vod=VERY_QUICK)
    fill(sandbox)
    done = workspace.backfill()
    assert (done.status, done.json["registered"]) == (0, LARGE)


def test_a_dry_run_asks_nothing(workspace: Workspace, sandbox: Sandbox) -> None:
    fill(sandbox)
    terminal = OnTerminal(workspace, "backfill", "--dry-run", "--output-format", "json")
    assert terminal.end() == 0
    assert "[y/N]" not in terminal.seen


def test_an_interrupt_at_the_question_is_one(workspace: Workspace, sandbox: Sandbox) -> None:
    fill(sandbox)
    terminal = OnTerminal(workspace, "backfill")
    terminal.interrupt_at_the_question()
    assert terminal.end() == 130
    assert "run the command again to continue" in terminal.sentences
    assert not sandbox.vod.journal


def test_the_question_says_for_which_watch_transcoding_starts(workspace: Workspace) -> None:
    workspace.configure(
        workspace.watch("plain", f"oss://{BUCKET}/a/"),
        workspace.watch("grouped", f"oss://{BUCKET}/b/", '[watch.media]\ntemplate_group_id = "G1"'),
        workspace.watch("flowing", f"oss://{BUCKET}/c/", '[watch.media]\nworkflow_id = "W1"'),
    )
    waiting = Waiting(entries=30_000, size_bytes=1024**4)
    found = config.load(workspace.config)
    all_three = list(described(found, {"plain": waiting, "grouped": waiting, "flowing": waiting}))
    assert " ".join(all_three) == (
        "90,000 objects (3.0 TB) are about to be registered: about 9,000 RegisterMedia calls, 6 "
        "min at 25 calls "
        'a second. Transcoding starts for 30,000 of watch "grouped" (template group G1), '
        '30,000 of watch "flowing" (workflow W1).'
    )
    none = replace(waiting, entries=0)
    assert (
        list(described(found, {"plain": waiting, "grouped": none, "flowing": none}))[1]
        == "No transcoding starts."
    )

"""The progress bar on a terminal that nobody reads, that is stopped, or that is gone."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.bars import (
    IGNORES_HANGUPS,
    SLOWLY,
    bars,
    fill,
    registers,
    slow_workspace,
)
from tests.support.daemons import known
from tests.support.odd_streams import SOON_S, STOPS_S, waits
from tests.support.terminals import Terminal

if TYPE_CHECKING:
    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long  # real processes: alike on every interpreter

slow = slow_workspace


def test_a_terminal_that_nobody_reads_stops_no_work_and_loses_no_line_to_the_bar(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Only the last drawing matters: none is kept, and none counts as a line of the log."""
    workspace.configure(vod=SLOWLY)
    fill(sandbox, 1500)
    with Terminal(workspace, "-q", "backfill") as terminal:
        terminal.until(registers)
        terminal.child.send_signal(0)
        waits(lambda: len(known(sandbox)) == 1500, "all of it")
        assert terminal.end() == 0
        assert "dropped" not in terminal.text
        assert "registered 1500" in terminal.text
        assert bars(terminal) == []


def test_a_terminal_that_is_stopped_by_its_keys_stops_no_work(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(vod=SLOWLY)
    fill(sandbox, 600)
    with Terminal(workspace, "-q", "backfill") as terminal:
        terminal.until(registers)
        terminal.type("\x13")  # Ctrl-S
        waits(lambda: len(known(sandbox)) == 600, "all of it")
        terminal.type("\x11")  # Ctrl-Q
        assert terminal.end() == 0
        assert "dropped" not in terminal.text
        assert "registered 600" in terminal.text


def test_a_terminal_that_has_gone_stops_no_work(workspace: Workspace, sandbox: Sandbox) -> None:
    workspace.configure(vod=SLOWLY)
    fill(sandbox, 600)
    with Terminal(workspace, "backfill", before=IGNORES_HANGUPS) as terminal:
        terminal.until(registers)
        terminal.hang_up()
        assert terminal.child.wait(SOON_S) in (0, 1)
        assert len(known(sandbox)) == 600


def test_a_signal_stops_it_at_once_while_the_terminal_is_stopped(slow: Workspace) -> None:
    with Terminal(slow, "backfill") as terminal:
        terminal.until(registers)
        terminal.type("\x13")
        terminal.child.send_signal(signal.SIGTERM)
        terminal.read(STOPS_S / 2)
        terminal.type("\x11")
        assert terminal.end() == 128 + signal.SIGTERM


def test_a_kill_leaves_the_cursor_as_it_was(slow: Workspace) -> None:
    with Terminal(slow, "backfill") as terminal:
        terminal.until(registers)
        terminal.child.kill()
        terminal.end()
        assert not terminal.cursor_hidden


def test_in_the_background_of_a_shell_the_terminal_is_the_shells(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Without the bar; the lines come as those of any job."""
    workspace.configure(vod=SLOWLY)
    fill(sandbox, 200)
    in_background = ("bash", "--norc", "-m", "-c", '"$@" & wait', "bash")
    with Terminal(workspace, "backfill", before=in_background, columns=200) as terminal:
        assert terminal.end() == 0
        assert len(known(sandbox)) == 200
        assert b"ETA " not in terminal.raw
        assert "batch.settled bucket=media-bucket registered=10" in terminal.text

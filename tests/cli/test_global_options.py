"""The global options -c, -q, --log-format and --log-level, before or behind a command.

They may also stand between a group and its command.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import pytest

from tests.support import warm_start
from tests.support.workspace import BUCKET, Ran, Workspace
from watcher.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from watcher.sandbox import Sandbox

GLOBAL = {"--config-file", "--quiet", "--log-format", "--log-level"}
READ_NO_CONFIGURATION = {"sandbox", "demo"}
NEEDED = {
    "retry": ["--all-failed"],
    "ledger backup": ["copy.db"],
}  # without which a command is refused


def commands(
    group: click.Group = cli, before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield all groups and commands there are, by what a person types."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))


ALL = dict(commands())
READING = [words for words, command in ALL.items() if not isinstance(command, click.Group)]
READING = [words for words in READING if words[0] not in READ_NO_CONFIGURATION]


def run(folder: Path, *arguments: str, env: dict[str, str]) -> Ran:
    command = [sys.executable, "-m", "watcher", *arguments]
    done = warm_start.run(command, cwd=folder, env=env, timeout=60)
    return Ran(status=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_takes_all_of_them(words: tuple[str, ...]) -> None:
    options = {name for parameter in ALL[words].params for name in parameter.opts}
    assert options >= GLOBAL


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_configuration_is_named_anywhere(
    words: tuple[str, ...], tmp_path: Path, workspace: Workspace
) -> None:
    """Each place leads to the file that was named there."""
    needed = NEEDED.get(" ".join(words), [])
    for place in range(len(words) + 1):
        named = str(tmp_path / f"nowhere-{place}.toml")
        arguments = [*words[:place], "-c", named, *words[place:], *needed]
        ran = run(tmp_path, *arguments, env=workspace.env)
        assert (ran.status, named in ran.err) == (2, True), (arguments, ran)
    ran = run(
        tmp_path, *words, *needed, "--config-file", str(tmp_path / "last.toml"), env=workspace.env
    )
    assert (ran.status, "last.toml" in ran.err) == (2, True)


def test_the_one_that_stands_last_wins(tmp_path: Path, workspace: Workspace) -> None:
    for words in (("status",), ("ledger", "check")):
        good, wrong = str(workspace.config), str(tmp_path / "wrong.toml")
        assert run(tmp_path, "-c", wrong, *words, "-c", good, env=workspace.env).status == 0
        assert run(tmp_path, "-c", good, *words, "-c", wrong, env=workspace.env).status == 2
    assert (
        run(
            tmp_path,
            "ledger",
            "-c",
            str(tmp_path / "wrong.toml"),
            "check",
            "-c",
            good,
            env=workspace.env,
        ).status
        == 0
    )


@pytest.mark.parametrize("behind", [False, True])
def test_what_the_log_options_do_is_the_same_at_both_places(
    workspace: Workspace, sandbox: Sandbox, *, behind: bool
) -> None:
    def scan(*options: str) -> list[str]:
        sandbox.oss.put(BUCKET, f"{options[-1]}.mp4")
        whole = [
            *(("scan",) if behind else ()),
            "-c",
            str(workspace.config),
            *options,
            *(() if behind else ("scan",)),
        ]
        ran = run(workspace.folder, *whole, env=workspace.env)
        assert ran.status == 0, ran
        return ran.err.splitlines()

    assert '"event": "batch.settled"' in "\n".join(scan("--log-format", "json"))
    assert any(
        " debug " in line for line in scan("--log-format", "console", "--log-level", "debug")
    )
    assert scan("-q") == []
    assert scan("--log-level", "error") == []


def test_an_unknown_format_is_refused_behind_a_command_too(
    workspace: Workspace, tmp_path: Path
) -> None:
    ran = run(tmp_path, "status", "--log-format", "xml", env=workspace.env)
    assert (ran.status, "--log-format" in ran.err) == (2, True)

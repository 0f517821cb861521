"""The README is pasted into a shell: block after block, in an empty folder, the sandbox as cloud.

Commands that need root, a network or the checkout are named in `tests/support/readme.py`, with
the test that runs them.
"""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import watcher
from tests.support import readme
from tests.support.checkout import CHECKOUT
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = [f"{readme.PREFIX}{n:02}.mp4" for n in range(25)]
RUN_HERE = {"oss-vod-watcher", "export", "mkdir", "cat"}
BEHIND = "\x1f"  # behind the output of each command, then its exit status


@dataclass(frozen=True, slots=True)
class Typed:
    """One command of the README, and what came of it."""

    command: str
    out: str
    status: int


@pytest.fixture(scope="module")
def cloud() -> Iterator[Sandbox]:
    """The bucket of the README, with files."""
    with Sandbox() as local:
        local.oss.create_bucket(readme.BUCKET)
        local.oss.fill(readme.BUCKET, KEYS)
        yield local


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, cloud: Sandbox) -> list[Typed]:
    """Type everything that can run here into one shell."""
    home = tmp_path_factory.mktemp("home")
    installed(home)
    folder = tmp_path_factory.mktemp("empty")
    wanted = [
        command
        for section, command in readme.all_commands()
        if not readme.runs_elsewhere(section, command)
    ]
    keys = (cloud.credentials.access_key_id, cloud.credentials.access_key_secret)
    typed = [readme.on_sandbox(command, url=cloud.url, keys=keys) for command in wanted]
    script = "".join(f"{each}\nprintf '{BEHIND}%s{BEHIND}' $?\n" for each in typed)
    done = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    pieces = done.stdout.split(BEHIND)
    assert len(pieces) == 2 * len(wanted) + 1, done.stdout
    outs, statuses = pieces[:-1:2], pieces[1::2]
    return [Typed(*each) for each in zip(wanted, outs, map(int, statuses), strict=True)]


def installed(home: Path) -> None:
    """Put the program where the README's commands for pip put it."""
    program = home / "oss-vod-watcher" / "bin" / "oss-vod-watcher"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{CHECKOUT}" exec "{sys.executable}" -m watcher "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)


def out(session: list[Typed], command: str) -> str:
    """Return what one command of the README printed."""
    return next(typed.out for typed in session if typed.command == command)


def test_every_command_is_run_here_or_named_with_who_runs_it() -> None:
    """A new command belongs to this test, or into `readme.ELSEWHERE`."""
    unknown = [
        command
        for section, command in readme.all_commands()
        if not readme.runs_elsewhere(section, command) and command.split()[0] not in RUN_HERE
    ]
    assert unknown == []
    shown = {command for _, command in readme.all_commands()}
    assert set(readme.ELSEWHERE) - shown == set()


def test_who_runs_the_others_is_there() -> None:
    for where in {readme.SERVICE, *readme.ELSEWHERE.values()}:
        for file in re.findall(r"tests/\S+\.py", where):
            assert (CHECKOUT / file).exists()


def test_every_command_succeeds(session: list[Typed]) -> None:
    assert [(typed.command, typed.status, typed.out) for typed in session if typed.status] == []


def test_the_program_that_was_installed_is_the_one_that_runs(session: list[Typed]) -> None:
    assert watcher.__version__ in out(session, "oss-vod-watcher --version")


def test_the_dry_run_shows_what_the_scan_then_registers(
    session: list[Typed], cloud: Sandbox
) -> None:
    assert f"would register oss://{readme.BUCKET}/{KEYS[0]}" in out(
        session, "oss-vod-watcher scan --dry-run"
    )
    assert "registered 25" in out(session, "oss-vod-watcher scan")
    assert {key: media.times_asked for (_, key), media in cloud.vod.media.items()} == dict.fromkeys(
        KEYS, 1
    )


def test_the_export_has_every_file_with_its_media_id(session: list[Typed], cloud: Sandbox) -> None:
    printed = out(session, "oss-vod-watcher export --output-format csv")
    table = printed[printed.index("bucket,key,") :]
    found = {row["key"]: row["media_id"] for row in csv.DictReader(io.StringIO(table))}
    assert found == {key: media.media_id for (_, key), media in cloud.vod.media.items()}

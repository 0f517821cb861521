"""`ledger init --replace`: a new ledger for a damaged one without a backup."""

from __future__ import annotations

import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.damage import filled
from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite import LedgerReader, ProcessLock
from watcher.ledger.sqlite import replace as replacing
from watcher.ledger.sqlite.file_check import STUB

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.workspace import Ran
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long


def replace(workspace: Workspace, *arguments: str) -> Ran:
    return workspace.run("ledger", "init", "--replace", *arguments)


def kept(workspace: Workspace) -> list[str]:
    return sorted(found.name for found in workspace.folder.glob("ledger.db.replaced-*"))


def from_now(workspace: Workspace) -> None:
    workspace.configure(workspace.watch().replace('start = "all"', 'start = "now"'))


def damaged(workspace: Workspace) -> bytes:
    """Cut the ledger off, and return the rest."""
    content = workspace.ledger.read_bytes()[:5000]
    workspace.ledger.write_bytes(content)
    return content


def test_every_media_id_is_recovered_and_no_media_is_made(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    filled(workspace, sandbox)
    before = {entry["key"]: entry["media_id"] for entry in workspace.entries()}
    content = damaged(workspace)
    assert workspace.scan().status == 4

    ran = replace(workspace, "--yes")

    assert ran.status == 0, ran.err
    (name,) = kept(workspace)
    assert workspace.folder.joinpath(name).read_bytes() == content
    assert name in ran.out
    done = workspace.scan()
    assert (done.status, done.json["registered"], done.json["already_registered"]) == (0, 25, 25)
    assert {entry["key"]: entry["media_id"] for entry in workspace.entries()} == before
    assert len(sandbox.vod.media) == 25
    assert workspace.ledger.stat().st_mode & 0o777 == 0o600


def test_a_replacement_shows_its_cost_and_needs_yes(workspace: Workspace, sandbox: Sandbox) -> None:
    filled(workspace, sandbox)
    workspace.configure(vod="calls_per_second = 3")
    before = workspace.ledger.read_bytes()

    ran = replace(workspace)

    assert ran.status == 2
    for words in (
        "25 known entries",
        "3 RegisterMedia calls",
        "1 s",
        "media ID",
        "changed",
        "--yes",
    ):
        assert words in ran.err
    assert workspace.ledger.read_bytes() == before
    assert not kept(workspace)


@pytest.mark.parametrize(("answer", "status"), [("n", 2), ("y", 0)])
def test_a_replacement_asks_on_a_terminal(
    workspace: Workspace, sandbox: Sandbox, answer: str, status: int
) -> None:
    filled(workspace, sandbox)
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "watcher",
        "-c",
        str(workspace.config),
        "ledger",
        "init",
        "--replace",
    ]
    with subprocess.Popen(
        command, env=workspace.env, stdin=theirs, stderr=subprocess.PIPE, text=True
    ) as child:
        os.write(ours, f"{answer}\n".encode())
        _, err = child.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert child.returncode == status, err
    assert "Replace it?" in err
    assert len(kept(workspace)) == (status == 0)


def test_the_moment_of_now_survives_a_replacement(workspace: Workspace, sandbox: Sandbox) -> None:
    """Files since the first scan are registered, and files from before are not."""
    from_now(workspace)
    sandbox.oss.put(BUCKET, "before.mp4", modified_at=sandbox.clock.now().replace(year=2020))
    workspace.scan()
    with LedgerReader(workspace.ledger) as reader:
        start = reader.anchors(BUCKET)
    sandbox.oss.put(BUCKET, "between.mp4")

    assert replace(workspace, "--yes").status == 0

    with LedgerReader(workspace.ledger) as reader:
        assert reader.anchors(BUCKET) == start
    assert workspace.scan().json["registered"] == 1
    assert [entry["key"] for entry in workspace.entries()] == ["between.mp4"]


def test_a_lost_moment_of_now_is_refused_until_start_is_an_instant(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    from_now(workspace)
    workspace.scan()
    filled(workspace, sandbox, 3)
    content = workspace.ledger.read_bytes()[:600]
    workspace.ledger.write_bytes(content)

    ran = replace(workspace, "--yes")

    assert ran.status == 4
    assert "instant" in ran.err
    assert workspace.ledger.read_bytes() == content
    assert not kept(workspace)
    workspace.configure(workspace.watch().replace('start = "all"', "start = 2026-01-01T00:00:00Z"))
    assert replace(workspace, "--yes").status == 0


def test_the_log_goes_with_the_old_ledger(workspace: Workspace, sandbox: Sandbox) -> None:
    """Changes that a crash left in the log stay with the old ledger."""
    filled(workspace, sandbox)
    with sqlite3.connect(workspace.ledger) as db:
        db.execute("UPDATE entry SET message = 'in the log'")
        db.commit()
        files = {s: workspace.folder.joinpath(f"ledger.db{s}").read_bytes() for s in ("", "-wal")}
    db.close()
    for suffix, content in files.items():
        workspace.folder.joinpath(f"ledger.db{suffix}").write_bytes(content)

    assert replace(workspace, "--yes").status == 0

    assert not workspace.folder.joinpath("ledger.db-wal").exists()
    name = next(name for name in kept(workspace) if not name.endswith(("-wal", "-shm")))
    for suffix, content in files.items():
        assert workspace.folder.joinpath(f"{name}{suffix}").read_bytes() == content
    with closing(sqlite3.connect(workspace.folder / name)) as old:
        assert set(old.execute("SELECT message FROM entry")) == {("in the log",)}


def test_a_process_that_uses_the_ledger_is_named(workspace: Workspace, sandbox: Sandbox) -> None:
    """The process owns the lock, or has the ledger open: it would remove the new log."""
    filled(workspace, sandbox, 3)
    before = workspace.ledger.read_bytes()
    with ProcessLock(workspace.ledger) as lock:
        assert lock.try_acquire()
        ran = replace(workspace, "--yes")
    assert ran.status == 3
    assert str(os.getpid()) in ran.err

    with LedgerReader(workspace.ledger):
        ran = replace(workspace, "--yes")
    assert ran.status == 3
    assert str(os.getpid()) in ran.err
    assert workspace.ledger.read_bytes() == before
    assert not kept(workspace)


def test_a_replacement_without_a_ledger_is_a_plain_init(workspace: Workspace) -> None:
    workspace.ledger.unlink()
    from_now(workspace)
    ran = replace(workspace)
    assert (ran.status, ran.out) == (0, f"created {workspace.ledger}\n")
    assert not kept(workspace)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"no database at all"])
def test_any_file_in_the_place_of_the_ledger_is_kept(workspace: Workspace, content: bytes) -> None:
    workspace.ledger.write_bytes(content)
    assert replace(workspace, "--yes").status == 0
    (name,) = kept(workspace)
    assert workspace.folder.joinpath(name).read_bytes() == content
    assert workspace.scan().status == 0


def test_two_replacements_in_one_second_keep_both_ledgers(
    workspace: Workspace, tmp_path: Path
) -> None:
    for _ in range(2):
        with ProcessLock(workspace.ledger) as lock:
            assert lock.try_acquire()
            replacing.replace(
                workspace.ledger,
                lock,
                replacing.read_old(workspace.ledger),
                stamp="20261126T012345Z",
            )
    assert kept(workspace) == [
        "ledger.db.replaced-20261126T012345Z",
        "ledger.db.replaced-20261126T012345Z-1",
    ]
    assert not list(tmp_path.glob("*.new-*"))


KILLED_AT = """
import os, sys
from watcher.cli import run_command

n = int(sys.argv.pop(1))
seen = 0

def die(event, arguments):
    global seen
    if event in ("os.rename", "os.link") and "ledger.db" in str(arguments[0]):
        seen += 1
        if seen == n:
            os._exit(9)

sys.addaudithook(die)
sys.exit(run_command(sys.argv[1:]))
"""


def killed_at(workspace: Workspace, n: int, arguments: Sequence[str]) -> int:
    """Run the program, and kill it just before its n-th rename."""
    command = [sys.executable, "-c", KILLED_AT, str(n), "-c", str(workspace.config), *arguments]
    return subprocess.run(
        command, env=workspace.env, cwd=workspace.folder, check=False, capture_output=True
    ).returncode


@pytest.mark.long
@pytest.mark.parametrize("n", range(1, 8))
def test_a_replacement_that_was_killed_is_resumed(
    workspace: Workspace, sandbox: Sandbox, n: int
) -> None:
    """The steps: rename the old ledger, put the stub, move up to three logs, put the new ledger."""
    from_now(workspace)
    workspace.scan()
    filled(workspace, sandbox)
    with sqlite3.connect(workspace.ledger) as db:
        db.execute("UPDATE entry SET message = 'in the log'")
        db.commit()
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(workspace.folder / f"ledger.db{suffix}", workspace.folder / f"copy{suffix}")
    db.close()
    for suffix in ("", "-wal", "-shm"):
        (workspace.folder / f"copy{suffix}").replace(workspace.folder / f"ledger.db{suffix}")
    calls = len(sandbox.vod.journal)

    status = killed_at(workspace, n, ["ledger", "init", "--replace", "--yes"])

    assert status == (9 if n < 7 else 0)
    if n < 7:
        assert {
            found.stat().st_nlink for found in workspace.folder.iterdir() if found.is_file()
        } == {1}
        log = workspace.folder / "ledger.db-wal"
        if not workspace.ledger.exists() or workspace.ledger.read_bytes().startswith(STUB):
            ran = workspace.scan()
            assert ran.status == 4
            assert "init --replace" in ran.err
            assert workspace.run("ledger", "init").status == 2
        else:
            assert n == 1
            assert log.exists()
        assert len(sandbox.vod.journal) == calls
        assert replace(workspace, "--yes").status == 0
    done = workspace.scan()
    assert (done.json["registered"], done.json["already_registered"]) == (25, 25)
    bases = [name for name in kept(workspace) if not name.endswith(("-wal", "-shm"))]
    with_log = [name for name in bases if workspace.folder.joinpath(f"{name}-wal").exists()]
    assert len(with_log) == 1
    with closing(sqlite3.connect(workspace.folder / with_log[0])) as old:
        assert set(old.execute("SELECT message FROM entry")) == {("in the log",)}

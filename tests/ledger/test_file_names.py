"""A ledger has one name: under a second name it would have a second lock and log."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.privileged import with_mounts
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite.mounts import mounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long
WRITERS = {
    "scan": ["scan"],
    "backfill": ["backfill"],
    "retry": ["retry", "--all-failed"],
    "run": ["run"],
    "replace": ["ledger", "init", "--replace", "--yes"],
    "check": ["ledger", "check"],  # of a ledger with wrong counts
}
REPORTS = {
    "status": ["status"],
    "export": ["export"],
    "audit": ["audit"],
    "dry run": ["scan", "--dry-run"],
    "backfill": ["backfill", "--dry-run"],
    "check": ["ledger", "check"],
    "backup": ["ledger", "backup", "copy.db"],
}


@pytest.fixture
def used(workspace: Workspace, sandbox: Sandbox) -> Workspace:
    """A ledger in a folder whose name the kernel escapes in its list of mounts."""
    folder = workspace.folder / "a folder\twith\\odd näme\n"
    folder.mkdir()
    text = workspace.config.read_text().replace('path = "ledger.db"', 'path = "odd/ledger.db"')
    workspace.config.write_text(text)
    (workspace.folder / "odd").symlink_to(folder)
    workspace.ledger.rename(folder / "ledger.db")
    workspace.ledger = folder / "ledger.db"
    sandbox.oss.put(BUCKET, "a.mp4")
    assert workspace.scan().status == 0
    return workspace


# A prefix of the command, a part of the sentence, a part of the cure.
SecondName = tuple[list[str], str, str]


def link_beside(workspace: Workspace) -> SecondName:
    other = workspace.ledger.with_name("ledger.db.replaced-20260101T000000Z")
    os.link(workspace.ledger, other)
    return [], "2 names (hard links)", "the content stays: rm "


def link_elsewhere(workspace: Workspace) -> SecondName:
    os.link(workspace.ledger, workspace.folder / "other.db")
    return [], "2 names (hard links)", "-samefile"


def bare_file_mounted(workspace: Workspace) -> SecondName:
    """Mount the file and not its folder, as some containers do."""
    return (
        with_mounts((workspace.ledger, workspace.ledger)),
        "is itself a mount point",
        "Mount the folder",
    )


SECOND_NAMES = (link_beside, link_elsewhere, bare_file_mounted)


def spoil_tally(workspace: Workspace) -> None:
    with closing(sqlite3.connect(workspace.ledger)) as db, db:
        db.execute("UPDATE tally SET n = n + 1")


@pytest.mark.parametrize("named", SECOND_NAMES)
@pytest.mark.parametrize("command", WRITERS)
def test_a_writer_refuses_a_ledger_with_another_name(
    used: Workspace, sandbox: Sandbox, command: str, named: Callable[[Workspace], SecondName]
) -> None:
    if command == "check":
        spoil_tally(used)
    sandbox.oss.put(BUCKET, "b.mp4")
    before, sentence, cure = named(used)
    calls, content = len(sandbox.vod.journal), used.ledger.read_bytes()
    files = sorted(used.ledger.parent.iterdir())

    ran = used.run(*WRITERS[command], before=before)

    assert ran.status == 4, ran.err
    assert sentence in ran.err
    assert cure in ran.err
    assert len(sandbox.vod.journal) == calls
    assert used.ledger.read_bytes() == content
    assert sorted(used.ledger.parent.iterdir()) == files


@pytest.mark.parametrize("named", SECOND_NAMES)
@pytest.mark.parametrize("command", REPORTS)
def test_a_report_warns_of_another_name(
    used: Workspace, command: str, named: Callable[[Workspace], SecondName]
) -> None:
    before, sentence, cure = named(used)
    content = used.ledger.read_bytes()
    ran = used.run(*REPORTS[command], before=before)
    assert ran.status == 0, ran.err
    assert ran.err.count("warning: ") == 1
    assert sentence in ran.err
    assert cure in ran.err
    assert sentence not in ran.out
    assert used.ledger.read_bytes() == content


@pytest.mark.parametrize("command", ["scan", "status", "run"])
def test_a_folder_that_is_mounted_twice_holds_one_ledger_with_one_lock(
    used: Workspace, sandbox: Sandbox, command: str
) -> None:
    """Both names of the folder lead to the same files beside the ledger."""
    elsewhere = used.folder / "elsewhere"
    elsewhere.mkdir()
    text = used.config.read_text()
    used.config.write_text(text.replace("odd/ledger.db", "elsewhere/ledger.db"))
    before = with_mounts((used.ledger.parent, elsewhere))
    if command != "run":
        ran = used.run(command, before=before)
        assert (ran.status, "warning" in ran.err) == (0, False), ran.err
        return
    used.config.write_text(f'{text}\n[http]\nlisten = ""\n')
    with Running(used) as running:
        running.until_logged("daemon.ready")
        used.config.write_text(text.replace("odd/ledger.db", "elsewhere/ledger.db"))
        sandbox.oss.put(BUCKET, "b.mp4")
        ran = used.run("scan", before=before)
        assert ran.status == 0, ran.err
        assert f"registering: pid {running.pid}" in ran.err
        assert used.run("run", before=before).status == 3


@pytest.mark.parametrize("links", [1, 2])
def test_a_symbolic_link_is_no_other_name(used: Workspace, sandbox: Sandbox, links: int) -> None:
    """The lock lies beside the file that the link leads to."""
    to = used.ledger
    for n in range(links):
        name = used.folder / f"link-{n}"
        name.mkdir()
        (name / "ledger.db").symlink_to(to)
        to = name / "ledger.db"
    text = used.config.read_text().replace("odd/ledger.db", f"link-{links - 1}/ledger.db")
    used.config.write_text(text + '\n[http]\nlisten = ""\n')
    with Running(used) as running:
        running.until_logged("daemon.ready")
        locks = {
            found.name for found in used.ledger.parent.iterdir() if found.name.endswith(".lock")
        }
        assert locks == {"ledger.db.lock", "ledger.db.run.lock"}
        assert [found.name for found in (used.folder / "link-0").iterdir()] == ["ledger.db"]
        sandbox.oss.put(BUCKET, "b.mp4")
        assert f"registering: pid {running.pid}" in used.run("scan").err


def test_a_ledger_works_after_its_other_name_is_removed(used: Workspace) -> None:
    link_beside(used)
    used.ledger.with_name("ledger.db.replaced-20260101T000000Z").unlink()
    assert used.scan().status == 0


def test_mounts_of_this_process_are_read() -> None:
    assert ("/proc", "proc") in mounts()

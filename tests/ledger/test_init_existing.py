"""`ledger init` on an existing file names what the file is, and the cure."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.privileged import small_disk
from watcher.ledger.sqlite.file_check import STUB, stub_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.workspace import Workspace


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE t (x)")


def foreign_with_identity(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA application_id = 252006673")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x)")


def text(path: Path) -> None:
    path.write_text("notes of somebody")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def empty(path: Path) -> None:
    path.touch()


def cut_off(path: Path) -> None:
    path.write_bytes(path.with_name("kept").read_bytes()[:5000])


def stub(path: Path) -> None:
    path.write_bytes(STUB + b"{}")


def stub_in_between(path: Path) -> None:
    stub_of(path).write_bytes(STUB + b"{}")


NO_LEDGER = (foreign_database, foreign_with_identity, text, pipe)
DAMAGED = (
    (empty, "is empty"),
    (cut_off, "cut off"),
    (stub, "being replaced"),
    (stub_in_between, "being replaced"),
)


@pytest.mark.parametrize("make", NO_LEDGER)
def test_a_file_that_is_no_ledger_is_named_so(
    workspace: Workspace, make: Callable[[Path], None]
) -> None:
    workspace.ledger.unlink()
    make(workspace.ledger)
    before = workspace.ledger.lstat()
    ran = workspace.run("ledger", "init")
    assert ran.status == 2
    assert "no ledger of oss-vod-watcher" in ran.err
    assert "Set [ledger] path" in ran.err
    assert "status" not in ran.err
    assert "--replace" not in ran.err
    after = workspace.ledger.lstat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )
    assert not list(workspace.folder.glob("ledger.db?*"))


@pytest.mark.parametrize(("make", "words"), DAMAGED)
def test_a_damaged_ledger_is_named_so(
    workspace: Workspace, make: Callable[[Path], None], words: str
) -> None:
    workspace.ledger.rename(workspace.folder / "kept")
    make(workspace.ledger)
    ran = workspace.run("ledger", "init")
    assert ran.status == 2
    assert words in ran.err
    assert "ledger init --replace`" in ran.err
    assert "status" not in ran.err


def test_a_sound_ledger_is_left_to_status(workspace: Workspace) -> None:
    ran = workspace.run("ledger", "init")
    assert (ran.status, "`oss-vod-watcher status` shows what it holds" in ran.err) == (2, True)
    assert workspace.run("status").status == 0


@pytest.mark.parametrize(
    ("options", "sentence", "cure"),
    [
        (",ro", "Read-only file system", "Mount the file system"),
        (",nr_inodes=1", "the disk is full", "Free some space"),
    ],
)
def test_each_failure_of_the_disk_has_its_own_cure(
    workspace: Workspace, options: str, sentence: str, cure: str
) -> None:
    configured = workspace.config.read_text().replace('"ledger.db"', '"disk/ledger.db"')
    workspace.config.write_text(configured)
    with small_disk(workspace.folder / "disk", 1 << 20, options):
        ran = workspace.run("ledger", "init")
    assert ran.status == 1
    assert sentence in ran.err
    assert f"hint: {cure}" in ran.err
    assert "writable" not in ran.err

"""Disks that are too small for `ledger init`, `--replace`, `backup` and migrations.

Each command does all of its work, or none.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.ledger.test_migrations import OLDER, made_by, shape
from tests.support.damage import filled
from tests.support.privileged import fill, small_disk
from tests.support.workspace import Workspace
from watcher.errors import LocalFailure
from watcher.ledger.sqlite import Ledger, ProcessLock, create
from watcher.ledger.sqlite.check import check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.workspace import Ran
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long
SIZES_KB = (40, 100, 128, 132, 136, 200, 300, 1200)
ROOM_KB = (0, 4, 32, 100, 132, 160, 300, 1200)
LITTLE_KB, ENOUGH_KB = 100, 300  # never enough, always enough
INODES = (2, 3, 4, 7)
ROOMY = 16 << 20


@pytest.fixture
def far(tmp_path: Path, sandbox: Sandbox) -> Workspace:
    """A workspace with the ledger on a small disk and the configuration elsewhere."""
    workspace = Workspace(tmp_path, sandbox)
    text = workspace.config.read_text().replace('"ledger.db"', '"disk/ledger.db"')
    workspace.config.write_text(text)
    workspace.ledger = tmp_path / "disk" / "ledger.db"
    return workspace


def names(workspace: Workspace) -> set[str]:
    return {found.name for found in workspace.ledger.parent.iterdir()}


def assert_says_full(ran: Ran) -> None:
    assert ran.status == 1, ran.err
    assert "disk is full" in ran.err or "is full" in ran.err, ran.err
    assert "hint: Free some space" in ran.err
    assert "writable" not in ran.err
    assert "Traceback" not in ran.err


def is_sound(workspace: Workspace) -> bool:
    """Return whether `ledger check` finds no damage, on the disk as it is."""
    checked = workspace.run("ledger", "check", "--output-format", "json")
    return checked.status == 0 and not checked.json["damaged"]


def assert_expected(kb: int, *, done: bool) -> None:
    assert done or kb < ENOUGH_KB
    assert not done or kb > LITTLE_KB


def is_created_or_absent(workspace: Workspace) -> bool:
    ran = workspace.run("ledger", "init")
    if ran.status == 0:
        assert names(workspace) == {"ledger.db"}
        assert is_sound(workspace)
        return True
    assert_says_full(ran)
    assert names(workspace) == set()
    return False


@pytest.mark.parametrize("size_kb", SIZES_KB)
def test_a_ledger_is_created_whole_or_not_at_all(far: Workspace, size_kb: int) -> None:
    with small_disk(far.ledger.parent, size_kb * 1024):
        assert_expected(size_kb, done=is_created_or_absent(far))


@pytest.mark.parametrize("inodes", INODES)
def test_a_disk_without_inodes_is_full(far: Workspace, inodes: int) -> None:
    with small_disk(far.ledger.parent, ROOMY, f",nr_inodes={inodes}"):
        assert is_created_or_absent(far) == (inodes >= 4)


@pytest.fixture
def disk(far: Workspace, sandbox: Sandbox) -> Iterator[Workspace]:
    """A ledger in use on a disk with room, which the test will fill."""
    with small_disk(far.ledger.parent, ROOMY):
        assert far.run("ledger", "init").status == 0
        filled(far, sandbox)
        yield far


def is_replaced_or_unchanged(workspace: Workspace) -> bool:
    before, content = names(workspace), workspace.ledger.read_bytes()
    found = workspace.ledger.stat()
    ran = workspace.run("ledger", "init", "--replace", "--yes")
    if ran.status == 0:
        assert is_sound(workspace)
        (kept,) = (name for name in names(workspace) if ".replaced-" in name)
        assert workspace.ledger.with_name(kept).read_bytes() == content
        return True
    assert_says_full(ran)
    assert names(workspace) == before
    assert workspace.ledger.read_bytes() == content
    assert (workspace.ledger.stat().st_ino, workspace.ledger.stat().st_nlink) == (found.st_ino, 1)
    return False


@pytest.mark.parametrize("start", ["all", "now"])
@pytest.mark.parametrize("room_kb", ROOM_KB)
def test_a_ledger_is_replaced_or_stays_as_it_was(disk: Workspace, room_kb: int, start: str) -> None:
    text = disk.config.read_text().replace('start = "all"', f'start = "{start}"')
    disk.config.write_text(text)
    assert disk.scan().status == 0
    ballast = fill(disk.ledger.parent, leave=room_kb * 1024)
    assert_expected(room_kb, done=is_replaced_or_unchanged(disk))
    ballast.unlink()
    assert is_sound(disk)
    assert disk.scan().status == 0


def is_backed_up_or_absent(workspace: Workspace, target: Path) -> bool:
    before, content = names(workspace), workspace.ledger.read_bytes()
    ran = workspace.run("ledger", "backup", str(target))
    assert workspace.ledger.read_bytes() == content
    if ran.status == 0:
        assert names(workspace) == before | {target.name}
        assert not check(target, wait=lambda _: True).damaged
        return True
    assert_says_full(ran)
    assert names(workspace) == before
    return False


@pytest.mark.parametrize("room_kb", ROOM_KB)
def test_a_backup_is_whole_or_absent(disk: Workspace, room_kb: int) -> None:
    fill(disk.ledger.parent, leave=room_kb * 1024)
    assert_expected(room_kb, done=is_backed_up_or_absent(disk, disk.ledger.with_name("copy.db")))


def rows(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT key, state, media_id FROM entry ORDER BY key").fetchall()


def assert_migrated_or_unchanged(
    path: Path, ballast: Path, before: list[Any], new_shape: object
) -> None:
    failed = None
    try:
        with ProcessLock(path) as lock, Ledger(path, lock, wait=lambda _: True):
            pass
    except LocalFailure as error:
        failed = error
    assert failed is None or ("is full" in str(failed) and failed.again_in_s == 1.0)
    ballast.unlink()
    assert rows(path) == before
    with ProcessLock(path) as lock, Ledger(path, lock, wait=lambda _: True):
        pass
    assert not check(path, wait=lambda _: True).damaged
    assert (rows(path), shape(path)) == (before, new_shape)


@pytest.mark.parametrize("fixture", OLDER, ids=lambda fixture: fixture.stem)
@pytest.mark.parametrize("room_kb", ROOM_KB)
def test_a_migration_is_complete_or_not_begun(tmp_path: Path, fixture: Path, room_kb: int) -> None:
    create(tmp_path / "new.db")
    with small_disk(tmp_path / "disk", ROOMY) as folder:
        path = made_by(fixture, folder / "ledger.db")
        before = rows(path)
        ballast = fill(folder, leave=room_kb * 1024)
        assert_migrated_or_unchanged(path, ballast, before, shape(tmp_path / "new.db"))

"""Two users share a ledger: none locks the other out, and planted files gain nothing."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import NO_PAGE
from tests.support.privileged import folder_for_all, needs_root, run_as, uid_of
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.workspace import Ran
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long
SERVICE, STRANGER = "daemon", "nobody"
COMMANDS = {
    "scan": ["scan"],
    "dry run": ["scan", "--dry-run"],
    "backfill": ["backfill"],
    "status": ["status"],
    "export": ["export"],
    "audit": ["audit"],
    "retry": ["retry", "--all-failed"],
    "check": ["ledger", "check"],
    "replace": ["ledger", "init", "--replace", "--yes"],
}
WRITING = ("scan", "backfill", "retry", "replace")


@pytest.fixture
def theirs(sandbox: Sandbox) -> Iterator[Workspace]:
    """A workspace in a folder of the service's user, as systemd creates it, with a ledger."""
    needs_root("run as another user")
    sandbox.oss.put(BUCKET, "a.mp4")
    with folder_for_all() as outside:
        folder = outside / "state"
        folder.mkdir(mode=0o700)
        workspace = Workspace(folder, sandbox)
        workspace.config.unlink()
        workspace.config = outside / "watcher.toml"
        workspace.configure(more=NO_PAGE)
        text = workspace.config.read_text().replace('"ledger.db"', '"state/ledger.db"')
        workspace.config.write_text(text)
        workspace.config.chmod(0o644)
        give(folder, SERVICE)
        workspace.folder = outside  # where programs are started
        assert run_as(SERVICE, workspace, ["ledger", "init"]).status == 0
        yield workspace


def give(path: Path, user: str) -> None:
    os.chown(path, uid_of(user), 1 if user == SERVICE else 0)


def beside(workspace: Workspace) -> dict[str, tuple[int, int]]:
    """Return owner and mode of each file in the ledger's folder."""
    found = {file.name: file.lstat() for file in workspace.ledger.parent.iterdir()}
    return {name: (each.st_uid, stat.S_IMODE(each.st_mode)) for name, each in found.items()}


def errors_of(ran: Ran) -> str:
    assert "Traceback" not in ran.err
    assert "unforeseen" not in ran.err
    return ran.err


PAIRS = [
    *(("scan", second) for second in COMMANDS),
    *((first, "scan") for first in COMMANDS if first != "scan"),
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_root_and_the_user_of_the_service_can_take_turns(
    theirs: Workspace, first: str, second: str
) -> None:
    """Neither leaves a file that locks the other out."""
    for user, command in (("root", first), (SERVICE, second), ("root", first), (SERVICE, second)):
        ran = run_as(user, theirs, COMMANDS[command])
        assert ran.status in ((0, 6) if command == "audit" else (0,)), (
            user,
            command,
            errors_of(ran),
        )
        assert {owner for owner, _ in beside(theirs).values()} == {uid_of(SERVICE)}, (user, command)
        assert {mode for _, mode in beside(theirs).values()} == {0o600}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_new_file_beside_the_ledger_takes_its_mode(theirs: Workspace, command: str) -> None:
    theirs.ledger.chmod(0o640)
    assert run_as("root", theirs, COMMANDS[command]).status in (0, 6)
    assert {mode for _, mode in beside(theirs).values()} == {0o640}


def test_a_backup_belongs_to_the_user_who_made_it(theirs: Workspace) -> None:
    copy = theirs.folder / "copy.db"
    assert run_as("root", theirs, ["ledger", "backup", str(copy)]).status == 0
    assert copy.stat().st_uid == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert set(beside(theirs)) == {"ledger.db"}
    assert (
        run_as(SERVICE, theirs, ["ledger", "backup", str(theirs.ledger.with_name("own.db"))]).status
        == 0
    )


def test_a_ledger_that_root_creates_belongs_to_the_owner_of_the_folder(
    theirs: Workspace,
) -> None:
    theirs.ledger.unlink()
    assert run_as("root", theirs, ["ledger", "init"]).status == 0
    assert beside(theirs) == {"ledger.db": (uid_of(SERVICE), 0o600)}
    ran = run_as(SERVICE, theirs, ["scan"])
    assert ran.status == 0, errors_of(ran)


@pytest.mark.parametrize("open_folder", [False, True])
@pytest.mark.parametrize("command", [*COMMANDS, "init", "backup", "run"])
def test_a_stranger_learns_who_owns_the_ledger(
    theirs: Workspace, command: str, *, open_folder: bool
) -> None:
    if open_folder:
        theirs.ledger.parent.chmod(0o755)
    before = beside(theirs)
    more = {
        "init": ["ledger", "init"],
        "backup": ["ledger", "backup", "/tmp/never"],  # noqa: S108
        "run": ["run"],
    }
    ran = run_as(STRANGER, theirs, (COMMANDS | more)[command])
    if open_folder and command == "init":
        assert (ran.status, "already" in errors_of(ran)) == (2, True)
        return
    assert ran.status in (1, 4), errors_of(ran)
    assert f"belongs to the user {SERVICE}" in errors_of(ran)
    assert f"runs as the user {STRANGER}" in ran.err
    assert f"hint: Run the command as that user: sudo -u {SERVICE} oss-vod-watcher" in ran.err
    assert "writable" not in ran.err
    assert beside(theirs) == before


@pytest.mark.parametrize("command", WRITING)
def test_a_lock_file_of_root_is_named_with_its_cure(theirs: Workspace, command: str) -> None:
    lock = theirs.ledger.with_name("ledger.db.lock")
    lock.touch(mode=0o600)
    ran = run_as(SERVICE, theirs, COMMANDS[command])
    if command == "retry":  # it takes no lock
        assert ran.status == 0
        return
    assert ran.status == 1
    assert "ledger.db.lock belongs to the user root" in errors_of(ran)
    assert f"sudo chown --reference={theirs.ledger} {lock}" in ran.err
    assert beside(theirs)["ledger.db.lock"][0] == 0  # root changes no file that it has not created:
    assert run_as("root", theirs, ["scan"]).status == 0
    assert beside(theirs)["ledger.db.lock"][0] == 0
    shutil.chown(lock, SERVICE)
    assert run_as(SERVICE, theirs, COMMANDS[command]).status == 0


def symbolic(victim: Path, name: Path) -> None:
    name.symlink_to(victim)


def dangling(victim: Path, name: Path) -> None:
    name.symlink_to(victim.with_name("made-by-root"))


def hard(victim: Path, name: Path) -> None:
    os.link(victim, name)


def pipe(_victim: Path, name: Path) -> None:
    os.mkfifo(name)
    give(name, SERVICE)


def folder(_victim: Path, name: Path) -> None:
    name.mkdir()
    give(name, SERVICE)


PLANTS = (symbolic, dangling, hard, pipe, folder)
USED = {
    "scan": (".lock", "-wal", "-shm", "-journal"),
    "run": (".lock", ".run.lock", "-wal", "-shm", "-journal"),
    "status": ("-wal", "-shm", "-journal"),
    "check": ("-wal", "-shm", "-journal"),
    "replace": (".lock", "-wal", "-shm", "-journal"),
}


@pytest.mark.parametrize(
    ("command", "suffix", "plant"),
    [
        *(("scan", suffix, plant) for suffix in USED["scan"] for plant in PLANTS),
        *(("run", ".run.lock", plant) for plant in PLANTS),
        *(
            (command, suffix, hard)
            for command in USED
            if command != "scan"
            for suffix in USED[command]
        ),
        *(("replace", ".stub", plant) for plant in PLANTS if plant is not folder),
    ],
)
def test_a_planted_file_gains_nothing(
    theirs: Workspace, command: str, suffix: str, plant: Callable[[Path, Path], None]
) -> None:
    victim = theirs.folder / "victim"
    victim.write_text("precious")
    victim.chmod(0o600)
    name = theirs.ledger.with_name(f"ledger.db{suffix}")
    plant(victim, name)

    ran = run_as("root", theirs, ["run"] if command == "run" else COMMANDS[command])

    assert (victim.read_text(), victim.stat().st_uid, stat.S_IMODE(victim.stat().st_mode)) == (
        "precious",
        0,
        0o600,
    )
    assert not victim.with_name("made-by-root").exists()
    if suffix == ".stub":
        assert ran.status == 0, errors_of(ran)
        return
    assert ran.status == 4, errors_of(ran)
    assert "is not a regular file with one name" in ran.err
    assert str(name) in ran.err
    assert "move it away" in ran.err

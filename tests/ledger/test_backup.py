"""A backup is a whole ledger of one moment."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.damage import filled, spoil
from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite import LedgerReader

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long


def test_a_backup_replaces_a_damaged_ledger(workspace: Workspace, sandbox: Sandbox) -> None:
    filled(workspace, sandbox)
    target = workspace.folder / "backups" / "ledger.db"
    target.parent.mkdir()

    ran = workspace.run("ledger", "backup", str(target))

    assert (ran.status, ran.err) == (0, "")
    assert target.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in target.parent.iterdir()] == ["ledger.db"]
    sandbox.oss.put(BUCKET, "later.mp4")
    workspace.scan()
    spoil(workspace.ledger)
    assert workspace.scan("--full").status == 4
    workspace.ledger.write_bytes(target.read_bytes())
    for suffix in ("-wal", "-shm"):  # as the hint says
        workspace.folder.joinpath(f"ledger.db{suffix}").unlink(missing_ok=True)
    sandbox.oss.put(BUCKET, "latest.mp4")
    done = workspace.scan()
    assert (done.status, done.json["registered"], done.json["already_registered"]) == (0, 2, 1)
    assert [entry["state"] for entry in workspace.entries()] == ["registered"] * 27
    assert workspace.ledger.read_bytes()[18:20] == b"\2\2"  # in WAL mode again


def test_a_backup_can_be_read_without_a_change(workspace: Workspace, sandbox: Sandbox) -> None:
    filled(workspace, sandbox)
    target = workspace.folder / "copy.db"
    assert workspace.run("ledger", "backup", str(target)).status == 0
    with LedgerReader(target) as reader:
        assert [row.registered for row in reader.status()] == [25]
    assert ranges(target) == ranges(workspace.ledger) != []


def ranges(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(
            "SELECT * FROM listing JOIN listed_range ON listing.id = listing_id"
        ).fetchall()


WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
n = 0
while True:
    n += 1
    db.execute("BEGIN IMMEDIATE")
    db.execute(
        "INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes,"
        " modified_at, first_seen_at)"
        " VALUES (1, ?, 1, 'pending', 1, ?, 5, 0, 0)",
        (f"{n}.mp4", "E" * 3000),
    )
    db.execute("INSERT INTO tally VALUES (1, 'pending', 1) ON CONFLICT DO UPDATE SET n = n + 1")
    db.execute("COMMIT")
"""


def test_a_backup_shows_one_moment_while_another_process_writes(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Each transaction of the writer adds an entry and its count."""
    filled(workspace, sandbox)
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            WRITER,
            str(workspace.ledger),
        ]
    )
    try:
        sizes = []
        for n in range(5):
            target = workspace.folder / f"copy-{n}.db"
            assert workspace.run("ledger", "backup", str(target)).status == 0
            with sqlite3.connect(target) as db:
                ((counted,),) = db.execute("SELECT count(*) FROM entry WHERE state = 'pending'")
                assert db.execute("SELECT n FROM tally WHERE state = 'pending'").fetchone() == (
                    counted,
                )
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            db.close()
            sizes.append(counted)
        assert sizes == sorted(set(sizes))
    finally:
        writer.kill()
        writer.wait()


@pytest.mark.parametrize("folder", ["", ".", "..", "/"])
def test_a_backup_names_a_file_and_not_a_folder(workspace: Workspace, folder: str) -> None:
    before = sorted(workspace.folder.iterdir())

    ran = workspace.run("ledger", "backup", folder)

    assert (ran.status, ran.out) == (2, "")
    assert f"{folder or '.'} is a folder" in ran.err
    assert "Name a file in it" in ran.err
    assert sorted(workspace.folder.iterdir()) == before


def test_a_backup_replaces_no_file_and_leaves_no_partial_file(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    filled(workspace, sandbox)
    there = workspace.folder / "there.db"
    there.write_text("precious")
    ran = workspace.run("ledger", "backup", str(there))
    assert ran.status == 2
    assert there.read_text() == "precious"

    ran = workspace.run("ledger", "backup", str(workspace.folder / "no-such-folder" / "copy.db"))
    assert ran.status == 1
    assert "hint: Check that the folder" in ran.err

    before = sorted(found.name for found in workspace.folder.iterdir())
    assert workspace.ledger.stat().st_size > 34 * 1024
    full = workspace.folder / "full.db"
    command = [
        sys.executable,
        "-m",
        "watcher",
        "-c",
        str(workspace.config),
        "ledger",
        "backup",
        str(full),
    ]
    ran_full = subprocess.run(
        ["/bin/bash", "-c", 'ulimit -f 34; exec "$@"', "-", *command],
        env=workspace.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran_full.returncode == 1, ran_full.stderr
    assert "cannot write the backup" in ran_full.stderr
    assert "Traceback" not in ran_full.stderr
    assert sorted(found.name for found in workspace.folder.iterdir()) == before


def test_a_damaged_ledger_is_not_backed_up(workspace: Workspace, sandbox: Sandbox) -> None:
    filled(workspace, sandbox)
    spoil(workspace.ledger)
    ran = workspace.run("ledger", "backup", str(workspace.folder / "copy.db"))
    assert ran.status == 4
    assert "damaged" in ran.err
    assert not (workspace.folder / "copy.db").exists()

"""Ledgers of older versions: no entry is lost, and no registered file is sent again."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.checkout import OLDER_LEDGERS
from tests.support.ledgers import sleep
from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.ledger.sqlite.backup import backup
from watcher.ledger.sqlite.check import check
from watcher.ledger.sqlite.migrations import MIGRATIONS

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.sandbox import Sandbox

OLDER = sorted(OLDER_LEDGERS.glob("ledger_*.sql"))


def made_by(fixture: Path, path: Path) -> Path:
    """Create a ledger file as an older version left it."""
    for leftover in path.parent.glob(path.name + "*"):
        leftover.unlink()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(fixture.read_text(encoding="utf-8"))
        db.execute("PRAGMA journal_mode = WAL")
    return path


def test_there_is_a_fixture_for_every_older_schema() -> None:
    names = MIGRATIONS.names
    assert [fixture.stem.split("_")[1] for fixture in OLDER] == [
        name.split("_")[0] for name in names[:-1]
    ]


@pytest.mark.parametrize("fixture", OLDER, ids=lambda fixture: fixture.stem)
def test_a_scan_migrates_an_older_ledger_and_sends_no_registered_file(
    workspace: Workspace, sandbox: Sandbox, fixture: Path
) -> None:
    made_by(fixture, workspace.ledger)
    sandbox.oss.create_bucket("second-bucket")
    workspace.configure(
        workspace.watch("videos", f"oss://{BUCKET}/", 'exclude=["wait/*"]'),
        workspace.watch("second", "oss://second-bucket/in/").replace('"all"', '"now"'),
    )
    early = workspace.run("status")
    assert early.status == 4
    assert "older version" in early.err
    with closing(sqlite3.connect(workspace.ledger)) as db:
        known = db.execute(
            "SELECT b.name, e.key, e.state FROM entry AS e JOIN bucket AS b ON b.id = e.bucket_id"
        ).fetchall()
        registered = db.execute(
            "SELECT key, media_id FROM entry WHERE state = 'registered'"
        ).fetchall()
        start = db.execute("SELECT start_at FROM source_start").fetchall()
    for bucket, key, _ in known:
        sandbox.oss.put(bucket, key)

    done = workspace.scan()

    assert done.status == 0, done.err
    asked = {
        str(item["FileURL"]).rpartition("/")[2]
        for call in sandbox.vod.journal
        for item in call.items
    }
    left = {
        key.rpartition("/")[2]
        for _, key, state in known
        if state != "registered" and not key.startswith("wait/")
    }
    assert asked == left  # the failed ones have new uploads
    assert asked >= {"pending.mp4", "claimed.mp4", "bad.mp4"}
    entries: dict[str, Any] = {entry["key"]: entry for entry in workspace.entries()}
    assert {key: entries[key]["media_id"] for key, _ in registered} == dict(registered)
    with closing(sqlite3.connect(workspace.ledger)) as db:
        assert db.execute("SELECT start_at FROM source_start").fetchall() == start
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        counted = db.execute("SELECT watch_id, state, count(*) FROM entry GROUP BY 1, 2").fetchall()
        tallied = {
            (w, s): n for w, s, n in db.execute("SELECT * FROM tally") if n and s != "changed"
        }
    assert {(w, s): n for w, s, n in counted} == tallied


@pytest.mark.parametrize("fixture", OLDER, ids=lambda fixture: fixture.stem)
def test_a_migrated_ledger_has_the_schema_of_a_new_one(
    path: Path, tmp_path: Path, fixture: Path
) -> None:
    old = made_by(fixture, tmp_path / "old.db")
    with ProcessLock(old) as lock, Ledger(old, lock, wait=sleep):
        pass
    assert shape(old) == shape(path)


@pytest.mark.parametrize("fixture", OLDER, ids=lambda fixture: fixture.stem)
def test_an_older_ledger_is_checked_and_backed_up_unmigrated(tmp_path: Path, fixture: Path) -> None:
    """Ledgers of the first two versions have no ranges."""
    old = made_by(fixture, tmp_path / "old.db")
    report = check(old, wait=sleep)
    assert (report.schema[:4], report.damaged, report.tally_corrected) == (
        fixture.stem[-4:],
        False,
        False,
    )
    assert ("ranges" in report.found) == (fixture.stem >= "ledger_0003")
    backup(old, tmp_path / "copy.db")
    assert shape(tmp_path / "copy.db") == shape(old)


def shape(path: Path) -> dict[str, list[str]]:
    """Return the columns of each table, and the SQL of each index and trigger."""
    with closing(sqlite3.connect(path)) as db:
        found = {}
        for kind, name, sql in db.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
        ):
            columns = [json.dumps(row[1:]) for row in db.execute(f"PRAGMA table_info('{name}')")]
            found[name] = columns if kind == "table" else [" ".join((sql or "").split())]
    return found


def opened(path: Path, left: int) -> None:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        assert ledger.queue.pending() == left


@pytest.mark.long
@pytest.mark.parametrize("fixture", OLDER, ids=lambda fixture: fixture.stem)
def test_two_processes_that_find_an_older_ledger_both_open_it(
    tmp_path: Path, fixture: Path
) -> None:
    for n in range(10):
        path = made_by(fixture, tmp_path / f"{n}.db")
        with closing(sqlite3.connect(path)) as db:
            (left,) = db.execute(
                "SELECT count(*) FROM entry WHERE state IN ('pending', 'claimed')"
            ).fetchone()
        both = [
            multiprocessing.get_context("spawn").Process(target=opened, args=(path, left))
            for _ in range(2)
        ]
        for process in both:
            process.start()
        for process in both:
            process.join()
        assert [process.exitcode for process in both] == [0, 0]

"""Killed while it refuses, retries, backs up, migrates or creates: nothing is half done."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.ledger.test_migrations import OLDER, made_by, shape
from tests.support.crash_workspace import (
    QUICK,
    Crashing,
    assert_sound,
    reading,
    secret_bucket,
    states,
)
from tests.support.secrets import assert_none_seen
from tests.support.workspace import BUCKET
from watcher.ledger.sqlite import LedgerReader, create

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.sandbox import Sandbox

sandbox = secret_bucket
AT_ONCE = '[retry]\nfirst_delay = "100ms"'
ALONE = QUICK.replace("concurrent_calls = 2", "concurrent_calls = 1")


@pytest.fixture
def workspace(tmp_path: Path, sandbox: Sandbox) -> Crashing:
    return Crashing(tmp_path, sandbox)


def refused_once_killed(workspace: Crashing, sandbox: Sandbox, status: int) -> int:
    """Scan to the end; return how many calls carried the file that VOD refuses."""
    assert workspace.scan().status == status
    (failed,) = [entry for entry in workspace.entries() if entry["state"] == "failed"]
    assert (failed["key"], failed["reason"], failed["attempts"]) == ("bad.mp4", "refused", 3)
    assert states(workspace.ledger) == {
        "a.mp4": "registered",
        "b.mp4": "registered",
        "bad.mp4": "failed",
    }
    assert_sound(workspace.ledger)
    assert workspace.run("audit").status == 0
    assert_none_seen(workspace)
    return sum(
        "bad.mp4" in str(item["FileURL"]) for call in sandbox.vod.journal for item in call.items
    )


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_refusal_counts_once_if_it_was_written_down_and_else_not(
    workspace: Crashing, sandbox: Sandbox, n: int, when: str
) -> None:
    workspace.configure(vod=ALONE, more=AT_ONCE)
    sandbox.vod.refuse(BUCKET, "bad.mp4")
    workspace.fill("a.mp4", "b.mp4", "bad.mp4")
    workspace.die(f"{when} settle {n}")
    calls = refused_once_killed(workspace, sandbox, 0 if (n, when) == (3, "after") else 6)
    assert calls == 3 + (when == "before")


@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("effect", ["none", "before"])
def test_killed_while_it_looks_for_the_reason_of_a_refusal(
    workspace: Crashing, sandbox: Sandbox, effect: str, skip: int
) -> None:
    workspace.configure(vod=ALONE, more=AT_ONCE)
    sandbox.vod.refuse(BUCKET, "bad.mp4")
    workspace.fill("a.mp4", "b.mp4", "bad.mp4")
    workspace.die_at_call("HeadObject", effect, skip=skip)
    assert states(workspace.ledger)["bad.mp4"] == "claimed"
    assert refused_once_killed(workspace, sandbox, 6) == 3 + 1


@pytest.mark.parametrize(
    ("at", "left"),
    [
        ("before retry 1", 1100),
        ("after retry 1", 100),
        ("before retry 2", 100),
        ("after retry 2", 0),
    ],
)
def test_a_retry_that_was_killed_is_asked_for_again(
    workspace: Crashing, sandbox: Sandbox, at: str, left: int
) -> None:
    sandbox.vod.remove_bucket(BUCKET)
    workspace.fill(*(f"{n:04}.mp4" for n in range(1100)))
    assert workspace.scan().status == 5
    sandbox.vod.add_bucket(BUCKET)
    with closing(sqlite3.connect(workspace.ledger)) as db, db:
        db.execute("UPDATE entry SET state = 'failed', reason = 'refused', attempts = 3")
        db.execute("UPDATE tally SET state = 'failed' WHERE state = 'pending'")

    workspace.die(at, "retry", "--all-failed")

    assert Counter(states(workspace.ledger).values())["failed"] == left
    assert_sound(workspace.ledger)
    assert workspace.run("retry", "--all-failed").status == 0
    with reading(workspace.ledger) as db:
        assert db.execute(
            "SELECT state, attempts, count(*) FROM entry GROUP BY 1, 2"
        ).fetchall() == [("pending", 0, 1100)]
    assert_sound(workspace.ledger)
    assert_none_seen(workspace)


def grown(workspace: Crashing, n: int) -> None:
    """Give the ledger as many entries that no bucket has."""
    workspace.fill("0.mp4")
    assert workspace.scan().status == 0
    with closing(sqlite3.connect(workspace.ledger)) as db, db:
        db.execute(
            """
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes,
                               modified_at, first_seen_at)
            SELECT 1, 'x' || i, 1, 'pending', 1, hex(randomblob(16)), 5, 0, 0 FROM n
            """,
            (n,),
        )
        db.execute(
            "INSERT INTO tally VALUES (1, 'pending', ?) ON CONFLICT DO UPDATE SET n = excluded.n",
            (n,),
        )


def test_a_backup_that_was_killed_is_there_whole_or_not_at_all(workspace: Crashing) -> None:
    """The ledger's bytes stay; the next backup of that name can be made."""
    grown(workspace, 40_000)
    before = workspace.ledger.read_bytes()
    target = workspace.folder / "copy.db"
    drafts, killed = 0, 0
    for n in range(9):
        with workspace.start("ledger", "backup", str(target)) as program:
            while program.poll() is None and not list(workspace.folder.glob("copy.db.new-*")):
                threading.Event().wait(0.001)
            threading.Event().wait(n * 0.005)
            program.kill()
        killed += program.returncode == -signal.SIGKILL
        drafts += bool(list(workspace.folder.glob("copy.db.new-*")))
        if target.exists():
            check_backup(target)
            target.unlink()
        assert workspace.ledger.read_bytes() == before
        for draft in workspace.folder.glob("copy.db.new-*"):
            draft.unlink()
    assert killed >= drafts > 2
    assert workspace.run("ledger", "backup", str(target)).status == 0
    check_backup(target)
    assert_sound(workspace.ledger)
    assert_none_seen(workspace)


def check_backup(target: Path) -> None:
    assert_sound(target)
    with LedgerReader(target) as reader:
        assert [(row.registered, row.pending) for row in reader.status()] == [(1, 40_000)]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("schema", "step"),
    [(n, step) for n in range(len(OLDER)) for step in range(1, len(OLDER) - n + 1)],
)
def test_a_migration_that_was_killed_is_done_or_not_begun(
    workspace: Crashing, sandbox: Sandbox, tmp_path: Path, schema: int, step: int, *, when: str
) -> None:
    made_by(OLDER[schema], workspace.ledger)
    with reading(workspace.ledger) as db:
        before = db.execute("SELECT key, state, media_id FROM entry ORDER BY 1").fetchall()
    sandbox.oss.create_bucket("second-bucket")
    workspace.configure(
        workspace.watch("videos", f"oss://{BUCKET}/", 'exclude=["wait/*"]'),
        workspace.watch("second", "oss://second-bucket/in/").replace('"all"', '"now"'),
    )
    waiting = {
        key
        for key, state, _ in before
        if state in ("claimed", "pending") and not key.startswith("wait/")
    }
    ours = {key for key in waiting if not key.startswith("in/")}
    sandbox.oss.fill(BUCKET, ["a.mp4", *sorted(ours)])
    sandbox.oss.fill("second-bucket", [key for key, *_ in before if key.startswith("in/")])

    workspace.die(f"{when} migrate {step}")

    create(tmp_path / "new.db")
    shapes = [
        *(shape(made_by(fixture, tmp_path / "old.db")) for fixture in OLDER),
        shape(tmp_path / "new.db"),
    ]
    assert shape(workspace.ledger) == shapes[schema + step - (when == "before")]
    with reading(workspace.ledger) as db:
        assert db.execute("SELECT key, state, media_id FROM entry ORDER BY 1").fetchall() == before
    done = workspace.scan()
    assert done.status == 0, done.err
    assert [event["entries"] for event in done.events if event["event"] == "ledger.recovered"] == [
        1
    ]
    assert {key for _, key in sandbox.vod.media} == waiting
    assert shape(workspace.ledger) == shape(tmp_path / "new.db")
    assert_sound(workspace.ledger)
    assert_none_seen(workspace)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_ledger_is_created_whole_or_not_at_all(workspace: Crashing, when: str) -> None:
    workspace.ledger.unlink()
    workspace.die_creating(f"{when} create 1")
    assert workspace.scan().status == 4
    assert workspace.run("ledger", "init").status == 0
    workspace.fill("a.mp4")
    workspace.recovers()

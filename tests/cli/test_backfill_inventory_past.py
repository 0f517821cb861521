"""An inventory is a picture of the past: what is known of later stands, and what scans remember."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_backfill import QUICK, fill
from tests.cli.test_backfill_inventory import READ, event, reported, state
from tests.support.inventories import Shelf
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox


@pytest.fixture
def shelf(sandbox: Sandbox) -> Shelf:
    """An empty bucket for inventories."""
    return Shelf(sandbox)


def rows(ledger: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(ledger)) as db:
        return db.execute(sql).fetchall()


def test_what_the_ledger_knows_of_later_stands(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    """A scan has seen a newer version of an object: the inventory does not bring back the old."""
    fill(sandbox, "a.mp4", "b.mp4", "c.mp4", days_old=3, body=b"old")
    shelf.picture()
    fill(sandbox, "a.mp4", days_old=1, body=b"newer")
    assert workspace.scan().json["registered"] == 3
    known = workspace.entries()

    again = workspace.backfill("--dry-run", *READ)
    done = workspace.backfill(*READ)

    assert (done.status, reported(done)["new"], reported(done)["changed"]) == (0, 0, 0)
    assert again.json["would_register"] == 0
    assert "object.changed" not in done.err
    assert workspace.entries() == known


def test_what_the_inventory_knows_of_later_is_an_overwrite(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    fill(sandbox, "a.mp4", days_old=3, body=b"old")
    assert workspace.scan().json["registered"] == 1
    fill(sandbox, "a.mp4", days_old=1, body=b"newer")
    shelf.picture()
    done = workspace.backfill(*READ)
    assert event(done, "object.changed")["key"] == "a.mp4"
    assert [entry["size_bytes"] for entry in workspace.entries()] == [5]


def test_what_was_deleted_since_becomes_gone_and_stays_so(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    """The inventory does not bring back what was found gone after it was made."""
    fill(sandbox, "a.mp4", "gone.mp4")
    shelf.picture(creationTimestamp=str(sandbox.clock.now_ms() // 1000 - 60))
    sandbox.oss.delete(BUCKET, "gone.mp4")
    assert workspace.backfill(*READ).status == 6
    assert state(workspace) == {"a.mp4": "registered", "gone.mp4": "failed"}

    assert workspace.backfill("--dry-run", *READ).json["would_register"] == 0
    again = workspace.backfill(*READ)

    assert (again.status, again.json["register_calls"]) == (0, 0)
    assert state(workspace)["gone.mp4"] == "failed"
    fill(sandbox, "gone.mp4")
    shelf.picture(creationTimestamp=str(sandbox.clock.now_ms() // 1000 + 60))
    assert workspace.backfill("--dry-run", *READ).json["would_register"] == 1
    assert workspace.backfill(*READ).json["registered"] == 1


def test_what_scans_remember_stays(workspace: Workspace, sandbox: Sandbox, shelf: Shelf) -> None:
    """Neither is an inventory a scan, nor do the ranges of scans and of backfills know of it."""
    fill(sandbox, *(f"{n:05}.mp4" for n in range(100)))
    workspace.configure(vod=QUICK)
    assert workspace.scan().status == 0
    assert workspace.backfill().status == 0
    ranges = "SELECT * FROM listed_range ORDER BY listing_id, lo"
    scanned = "SELECT complete_started_at, complete_at, complete_listed FROM watch"
    before, complete = rows(workspace.ledger, ranges), rows(workspace.ledger, scanned)
    shelf.picture()

    assert workspace.backfill(*READ).status == 0

    assert rows(workspace.ledger, ranges) == before
    assert rows(workspace.ledger, scanned) == complete
    assert rows(workspace.ledger, "SELECT is_open FROM listing") == [(0,), (0,)]
    done = workspace.backfill()
    assert (done.status, reported(done)["listed"], reported(done)["complete"]) == (0, 100, True)


def test_an_empty_inventory_says_nothing_of_the_bucket(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    """It is complete, and does not count as an empty listing."""
    fill(sandbox, "a.mp4")
    shelf.picture()
    assert workspace.scan().status == 0
    sandbox.oss.delete(BUCKET, "a.mp4")
    assert workspace.scan().status == 5
    assert rows(workspace.ledger, "SELECT empty_scans FROM watch") == [(1,)]
    assert workspace.backfill(*READ).status == 0
    shelf.put()
    assert workspace.backfill(*READ).status == 0
    assert rows(workspace.ledger, "SELECT empty_scans FROM watch") == [(1,)]

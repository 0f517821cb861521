"""Moments of `start = "now"`: those of older versions, shown, and carried to a new ledger."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_starts import NOW, from_now, keys_after_scan, moments, next_second, put
from tests.ledger.test_migrations import made_by
from tests.support.checkout import OLDER_LEDGERS
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from tests.support.workspace import Ran
    from watcher.sandbox import Sandbox


# Where it cannot be known


def refused_by_an_older_version(workspace: Workspace) -> None:
    """Make a ledger in which a source was adopted, and never answered."""
    made_by(OLDER_LEDGERS / "ledger_0003.sql", workspace.ledger)
    with closing(sqlite3.connect(workspace.ledger)) as db, db:
        (bucket,) = db.execute("SELECT id FROM bucket WHERE name = 'media-bucket'").fetchone()
        db.execute(
            "INSERT INTO watch (name, bucket_id, prefix, rules, position) VALUES ('late', ?, "
            "'late/', 'x', 2)",
            (bucket,),
        )


@pytest.mark.parametrize(
    ("source", "command"),
    [
        *(("late/", command) for command in ("scan", "scan --dry-run", "backfill", "audit", "run")),
        *((source, "scan") for source in ("late/a/", "lat", "")),
    ],
)
def test_a_source_that_an_older_version_may_have_tried_is_refused_until_start_is_an_instant(
    workspace: Workspace, sandbox: Sandbox, source: str, command: str
) -> None:
    refused_by_an_older_version(workspace)
    only_looks = command in ("scan --dry-run", "audit")
    if only_looks:  # what only looks does not migrate
        workspace.scan()
        sandbox.vod.journal.clear()
    from_now(workspace, f"oss://{BUCKET}/{source}")
    ran = workspace.run(*command.split())
    assert ran.status == 2, ran.err
    assert "instant" in ran.err
    assert f"oss://{BUCKET}/{source}" in ran.err
    assert not sandbox.vod.journal
    workspace.config.write_text(
        workspace.config.read_text().replace(NOW, 'start = "2026-01-01T00:00:00Z"')
    )
    if command != "run":
        assert workspace.run(*command.split()).status in (0, 6)


def test_the_moments_of_an_older_version_are_kept(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.create_bucket("second-bucket")
    made_by(OLDER_LEDGERS / "ledger_0003.sql", workspace.ledger)
    with closing(sqlite3.connect(workspace.ledger)) as db:
        ((source, at),) = db.execute("SELECT source, start_at FROM source_start").fetchall()
    from_now(workspace, "oss://second-bucket/in/", "oss://elsewhere-bucket/")
    workspace.scan()
    assert moments(workspace)[source] == (at, "oss")


# Where it is shown


def shown(workspace: Workspace) -> tuple[Any, Any, Any]:
    """Return what `status`, a dry run and a scan show of the first watch."""
    status = workspace.run("status", "--output-format", "json").json["watches"][0]
    dry = workspace.run("scan", "--dry-run", "--output-format", "json").json["scans"][0]
    done = workspace.scan()
    begun = next(event for event in done.events if event["event"] == "scan.started")
    return status, dry, begun


def test_a_moment_is_shown_by_status_dry_run_and_event(workspace: Workspace) -> None:
    from_now(workspace, f"oss://{BUCKET}/v/a/")
    status, dry, begun = shown(workspace)
    assert status["start"] == dry["start"] == "now"
    moment = datetime.fromisoformat(begun["start"])
    assert abs(datetime.now(UTC) - moment) < timedelta(seconds=60)  # noqa: TID251 (the machine's)
    next_second()
    next_second()  # OSS's clock shows whole seconds, and a moment is the earliest it can mean
    from_now(workspace, f"oss://{BUCKET}/v/")
    shown(workspace)
    status, dry, begun = shown(workspace)
    for each in (status, dry, begun):
        assert datetime.fromisoformat(each["start"]) > moment
        assert each["start_below"] == {"v/a/": status["start_below"]["v/a/"]}
    for command in (["status"], ["scan", "--dry-run"]):
        people = workspace.run(*command)
        assert f"from {status['start']} on, below v/a/ from " in people.out
    assert status["start"] in workspace.run("status", "--output-format", "csv").out


def test_other_starts_are_shown_as_they_are(workspace: Workspace) -> None:
    for given_as, is_shown in (
        ("all", "all"),
        ("2026-01-31T08:00:00+08:00", "2026-01-31T00:00:00.000Z"),
    ):
        workspace.configure(workspace.watch().replace('"all"', f'"{given_as}"'))
        assert {each["start"] for each in shown(workspace)} == {is_shown}


# A new ledger in the place of an old one


def replaced(workspace: Workspace) -> Ran:
    return workspace.run("ledger", "init", "--replace", "--yes")


def test_a_new_ledger_carries_every_moment_and_whose_clock_it_is_of(workspace: Workspace) -> None:
    workspace.ledger.unlink()
    from_now(workspace, f"oss://{BUCKET}/a/", "oss://other-bucket/")
    workspace.init()
    workspace.scan("--watch", "w0")
    known = moments(workspace)
    assert {clock for _, clock in known.values()} == {"ours", "oss"}
    assert replaced(workspace).status == 0
    assert moments(workspace) == known


def test_a_new_ledger_gives_other_watches_its_own_moment(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    from_now(workspace, f"oss://{BUCKET}/a/")
    workspace.scan()
    next_second()
    from_now(workspace, f"oss://{BUCKET}/a/", f"oss://{BUCKET}/b/")
    assert replaced(workspace).status == 0
    found = moments(workspace)
    assert found[f"oss://{BUCKET}/b/"][0] > found[f"oss://{BUCKET}/a/"][0]
    put(sandbox, "b/new.mp4")
    assert keys_after_scan(workspace) == {"b/new.mp4"}


@pytest.mark.parametrize("migrated", [False, True])
def test_a_new_ledger_forgets_no_attempt_of_an_older_version(
    workspace: Workspace,
    migrated: bool,  # noqa: FBT001 (a parameter)
) -> None:
    refused_by_an_older_version(workspace)
    if migrated:
        workspace.scan()
    from_now(workspace, f"oss://{BUCKET}/late/")
    ran = replaced(workspace)
    assert ran.status == 4
    assert "instant" in ran.err
    from_now(workspace, f"oss://{BUCKET}/other/")
    assert replaced(workspace).status == 0
    from_now(workspace, f"oss://{BUCKET}/late/")
    assert workspace.scan().status == 2

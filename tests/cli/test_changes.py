"""Between two scans something changes: watches, rules, objects, the service.

No entry is left behind.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


def left_queued(workspace: Workspace, sandbox: Sandbox, *keys: str) -> None:
    """Put objects and scan while VOD knows nothing of the bucket: they stay pending."""
    for key in keys:
        sandbox.oss.put(BUCKET, key, body=b"12345")
    sandbox.vod.remove_bucket(BUCKET)
    assert workspace.scan().status == 5
    sandbox.vod.add_bucket(BUCKET)


def states(workspace: Workspace) -> dict[str, tuple[str, str]]:
    return {entry["key"]: (entry["watch"], entry["state"]) for entry in workspace.entries()}


def test_pending_entries_follow_a_renamed_watch(workspace: Workspace, sandbox: Sandbox) -> None:
    left_queued(workspace, sandbox, "a.mp4", "b.mp4")
    workspace.configure(workspace.watch("renamed"))

    planned, done = workspace.scan("--dry-run"), workspace.scan()

    assert (planned.json["would_register"], planned.json["would_call"]) == (2, 1)
    assert (done.status, done.json["registered"], done.json["register_calls"]) == (
        0,
        2,
        2,
    )  # one probed the bucket
    assert set(states(workspace).values()) == {("renamed", "registered")}


def test_a_crash_before_entries_were_given_out_is_made_good(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Watches were adopted but not entries: the next run notices, even for unlisted objects."""
    left_queued(workspace, sandbox, "a.mp4")
    sandbox.oss.put(BUCKET, "not-media.txt")  # an empty bucket would not be believed at once
    with sqlite3.connect(workspace.ledger) as db:
        db.execute("INSERT INTO watch (name, bucket_id, prefix, rules) VALUES ('old', 1, '', 'x')")
        db.execute("UPDATE entry SET watch_id = (SELECT id FROM watch WHERE name = 'old')")
        db.execute("UPDATE tally SET watch_id = (SELECT id FROM watch WHERE name = 'old')")
        db.execute("UPDATE watch SET assigned_rules = NULL")
    db.close()
    sandbox.oss.delete(BUCKET, "a.mp4")

    done = workspace.scan()

    assert (done.status, done.json["failed"]) == (6, 1)
    assert states(workspace) == {"a.mp4": ("videos", "failed")}


def test_a_failed_file_uploaded_again_under_another_watch_is_registered(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    sandbox.vod.refuse(BUCKET, "a.mp4")
    assert workspace.scan().status == 6
    workspace.configure(workspace.watch("renamed"))
    sandbox.vod.accept(BUCKET, "a.mp4")
    sandbox.oss.put(BUCKET, "a.mp4", body=b"mended")

    assert workspace.scan().json["registered"] == 1
    assert states(workspace) == {"a.mp4": ("renamed", "registered")}


def test_an_entry_that_rules_parked_comes_back_when_its_object_matches(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    left_queued(workspace, sandbox, "a.mp4")
    workspace.configure(workspace.watch(more='min_size = "10B"'))
    parked = workspace.scan()
    assert (parked.status, parked.json["register_calls"], parked.json["pending"]) == (0, 0, 1)
    sandbox.oss.put(BUCKET, "a.mp4", body=b"x" * 20)

    assert workspace.scan().json["registered"] == 1


def test_a_watch_pointed_at_another_bucket_ends_its_scan(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    left_queued(workspace, sandbox, "a.mp4")
    sandbox.oss.create_bucket("other-bucket")
    workspace.configure(workspace.watch(source="oss://other-bucket/"))
    done = workspace.scan()
    assert (done.status, done.json["register_calls"], done.json["pending"]) == (0, 0, 1)


def test_a_file_that_is_back_or_restored_starts_afresh(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """The same bytes and the same LastModified: only the reason has gone."""
    left_queued(workspace, sandbox, "gone.mp4", "cold.mp4")
    sandbox.oss.delete(BUCKET, "gone.mp4")
    at = sandbox.clock.now().replace(microsecond=0)
    sandbox.vod.refuse(BUCKET, "cold.mp4")
    sandbox.oss.put(BUCKET, "cold.mp4", body=b"12345", storage_class="Archive", modified_at=at)
    assert workspace.scan().json["failed"] == 2
    assert {entry["reason"] for entry in workspace.entries()} == {"gone", "archived"}
    sandbox.vod.accept(BUCKET, "cold.mp4")
    sandbox.oss.put(BUCKET, "gone.mp4", body=b"12345", modified_at=at)
    sandbox.oss.restore(BUCKET, "cold.mp4")

    assert workspace.scan("--dry-run").json["would_register"] == 2
    assert workspace.scan().json["registered"] == 2


def test_a_changed_form_of_file_urls_is_refused_by_scan_and_dry_run(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    workspace.scan()
    workspace.configure(workspace.watch(more='file_url_encoding = "raw"'))
    for arguments in ([], ["--dry-run"]):
        ran = workspace.scan(*arguments)
        assert ran.status == 2
        assert "second media" in ran.err


def test_a_throttled_account_is_used_at_what_it_gives(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Throttling is an answer: the rate is lowered, nothing is given up, no attempt counts."""
    sandbox.oss.fill(BUCKET, [f"{n:04}.mp4" for n in range(400)])
    sandbox.vod.calls_per_second = 8

    done = workspace.scan()

    assert done.status == 0, done.err
    assert (done.json["registered"], done.json["pending"]) == (400, 0)
    assert [event for event in done.events if event["event"] == "throttle.lowered"]
    assert len(sandbox.vod.media) == 400


@pytest.mark.long
def test_a_dead_vod_is_exit_5_also_for_entries_that_were_refused_before(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    retry = '[retry]\nmax_attempts = 5\nfirst_delay = "10h"\nmax_delay = "10h"'
    workspace.configure(more=retry)
    sandbox.oss.put(BUCKET, "a.mp4")
    sandbox.vod.refuse(BUCKET, "a.mp4")
    workspace.scan()
    text = workspace.config.read_text().replace('"10h"', '"1s"')
    workspace.config.write_text(
        text.replace(f'[vod]\nendpoint = "{sandbox.url}"', '[vod]\nendpoint = "http://127.0.0.1:9"')
    )

    dead = workspace.scan()

    assert dead.status == 5
    assert "could not be reached" in dead.err
    assert dead.json["pending"] == 1


def test_a_new_ledger_is_not_made_beside_the_log_of_another(workspace: Workspace) -> None:
    workspace.ledger.rename(workspace.folder / "old.db")
    workspace.folder.joinpath("ledger.db-wal").write_bytes(b"left by a crash")
    ran = workspace.run("ledger", "init")
    assert ran.status == 4
    assert "ledger.db-wal" in ran.err
    assert not workspace.ledger.exists()


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "latin-1"])
def test_odd_keys_survive_csv_and_any_locale(
    workspace: Workspace, sandbox: Sandbox, encoding: str
) -> None:
    keys = sorted(["a\rb.mp4", "a\nb.mp4", 'a"b,c.mp4', "视频🎬.mp4"])
    for key in keys:
        sandbox.oss.put(BUCKET, key)
    env = workspace.env | {"PYTHONIOENCODING": encoding}
    assert workspace.run("scan", env=env).status == 0
    done = workspace.run("export", "--output-format", "csv", env=env)
    assert done.status == 0
    rows = list(csv.DictReader(io.StringIO(done.raw.decode("utf-8"), newline="")))
    assert [row["key"] for row in rows] == keys


def test_status_shows_a_watch_that_was_never_scanned(workspace: Workspace) -> None:
    (watch,) = workspace.run("status", "--output-format", "json").json["watches"]
    assert (watch["watch"], watch["pending"], watch["last_complete_scan_at"]) == ("videos", 0, None)
    header, row = workspace.run("status", "--output-format", "csv").out.splitlines()
    assert (header.split(",")[0], row.split(",")[0]) == ("watch", "videos")

"""`backfill --list-manifest-from`: a bucket inventory in place of a listing, end to end."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_backfill import FILTERED, QUICK, fill, registered
from tests.cli.test_main_job import ODD_KEYS
from tests.support.held_calls import held_calls
from tests.support.inventories import ADDRESS, FOLDER, SHELF, VERSIONED, Shelf, packed, row
from tests.support.lock_owner import entries, until
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from tests.support.workspace import Ran
    from watcher.sandbox import Sandbox

READ = ("--list-manifest-from", ADDRESS)
OLD = datetime(2025, 4, 14, 7, 6, tzinfo=UTC)  # as `row` has it


@pytest.fixture
def shelf(sandbox: Sandbox) -> Shelf:
    """An empty bucket for inventories."""
    return Shelf(sandbox)


def event(ran: Ran, name: str) -> dict[str, Any]:
    (found,) = [each for each in ran.events if each["event"] == name]
    return found


def reported(ran: Ran) -> dict[str, Any]:
    """Return what the only scan came to, but what it cost."""
    (scan,) = ran.json["scans"]
    left_out = {"list_calls", "duration_s", "start", "start_below"}
    return {name: value for name, value in scan.items() if name not in left_out}


def requests(sandbox: Sandbox) -> dict[str, int]:
    operations = [call.operation for call in sandbox.oss.journal]
    return {name: operations.count(name) for name in ("ListObjectsV2", "GetObject")}


def state(workspace: Workspace) -> dict[str, str]:
    return {entry["key"]: entry["state"] for entry in workspace.entries()}


def test_it_registers_what_a_listing_would_and_counts_the_same(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    """Odd keys, archived objects, symlinks and folders; no list request is made."""
    fill(sandbox, *ODD_KEYS, *(f"a/{n:04}.mp4" for n in range(40)), "note.txt", "folder/")
    sandbox.oss.put(BUCKET, "frozen.mp4", storage_class="ColdArchive", modified_at=OLD)
    sandbox.oss.put(BUCKET, "link.mp4", type="Symlink", modified_at=OLD)
    sandbox.oss.put_raw_key(BUCKET, b"\xff.mp4", modified_at=OLD)
    shelf.picture()
    listed = workspace.backfill("--dry-run")
    sandbox.oss.journal.clear()

    done = workspace.backfill(*READ)

    assert done.status == 0, done.err
    assert reported(done) == reported(listed)
    assert len(registered(sandbox)) == done.json["registered"] == listed.json["would_register"]
    assert requests(sandbox) == {
        "ListObjectsV2": 0,
        "GetObject": 5,
    }  # the manifest, its checksum, three files
    assert done.json["scans"][0]["list_calls"] == 3
    assert workspace.scan().json["scans"][0]["new"] == 0


def test_it_logs_how_old_the_inventory_is_and_that_a_scan_must_follow(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    workspace.configure(workspace.watch(source=f"oss://{BUCKET}/in/"))
    fill(sandbox, "in/a.mp4", "in/b.txt", "out/c.mp4")
    now_s = sandbox.clock.now_ms() // 1000
    shelf.picture(creationTimestamp=str(now_s - 7200))

    done = workspace.backfill(*READ)

    logged = event(done, "inventory.read")
    assert (logged["watch"], logged["inventory"], logged["listed"], logged["skipped"]) == (
        "videos",
        ADDRESS,
        2,
        {"outside": 1},
    )
    assert 7200 <= logged["age_s"] < 7300
    assert logged["made_at"] == datetime.fromtimestamp(now_s - 7200, UTC).isoformat().replace(
        "+00:00", "Z"
    )
    assert "run a scan" in logged["note"]
    assert "inventory.lacking" not in done.err
    assert "list_calls_per_day" not in event(done, "scan.finished")


@pytest.mark.parametrize(("options", "expected", "excluded"), FILTERED)
def test_filters_and_bounds_hold(
    workspace: Workspace,
    shelf: Shelf,
    options: tuple[str, ...],
    expected: list[str],
    excluded: dict[str, int],
) -> None:
    """As for a listing: what lies outside of the bounds is not counted."""
    sandbox = shelf.sandbox
    fill(sandbox, "a/1.mp4", "a/2.mp4", "b/1.mp4")
    fill(sandbox, "c.mov", days_old=20)
    fill(sandbox, "large.mp4", body=b"x" * 2000)
    fill(sandbox, "note.txt", "z.txt")
    shelf.picture(files=2)

    done = workspace.backfill(*READ, *options)

    assert done.status == 0, done.err
    assert registered(sandbox) == expected
    bounded = options[0] in {"--start-after", "--end-with"}
    assert reported(done)["excluded"] == (excluded if bounded else excluded | {"extension": 2})
    assert reported(done)["listed"] == (len(expected) if bounded else 7)


def test_keys_that_are_not_utf8_are_bounded_too(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    for key in (b"a\xff.mp4", b"b\xff.mp4", b"c\xff.mp4"):
        sandbox.oss.put_raw_key(BUCKET, key, modified_at=OLD)
    shelf.picture()
    done = workspace.backfill(*READ, "--start-after", "b", "--end-with", "c")
    assert (reported(done)["listed"], reported(done)["excluded"]) == (1, {"key_not_utf8": 1})


def test_old_versions_and_delete_markers_are_no_objects(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    sandbox.oss.put(BUCKET, "a.mp4", b"12345", modified_at=OLD)
    rows = [
        row("a.mp4", VersionId="2"),
        row("a.mp4", VersionId="1", IsLatest="false", Size="7"),
        row("gone.mp4", VersionId="2", IsDeleteMarker="true", Size="", ETag=""),
        row("gone.mp4", VersionId="1", IsLatest="false"),
    ]
    shelf.put(packed(rows, VERSIONED), columns=VERSIONED)

    done = workspace.backfill(*READ)

    assert registered(sandbox) == ["a.mp4"]
    assert event(done, "inventory.read")["skipped"] == {"delete_marker": 1, "old_version": 2}
    lacking = event(done, "inventory.lacking")
    assert (lacking["level"], lacking["columns"]) == ("warning", ["StorageClass", "ObjectType"])
    assert "archived objects and symlinks are treated as ordinary objects" in lacking["note"]


def test_a_file_that_was_altered_is_incomplete_and_the_next_run_completes(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    """Objects that were read before stay recorded and are only compared."""
    fill(sandbox, *(f"{n:05}.mp4" for n in range(30)))
    shelf.picture(files=2)
    good = sandbox.oss.body(SHELF, f"{FOLDER}/data/1.csv.gz")
    altered = bytearray(good)
    altered[4] ^= 1
    sandbox.oss.put(SHELF, f"{FOLDER}/data/1.csv.gz", bytes(altered))

    cut_short = workspace.backfill(*READ)

    assert cut_short.status == 5
    assert reported(cut_short)["complete"] is False
    assert "does not match its MD5checksum" in cut_short.err
    assert "inventory.read" not in cut_short.err
    known = reported(cut_short)["new"]
    assert 15 <= known == cut_short.json["registered"]  # the altered file's at least
    sandbox.oss.put(SHELF, f"{FOLDER}/data/1.csv.gz", good)
    done = workspace.backfill(*READ)
    assert done.status == 0
    counts = {name: reported(done)[name] for name in ("complete", "listed", "new")}
    assert counts == {"complete": True, "listed": 30, "new": 30 - known}
    assert len({media.media_id for media in sandbox.vod.media.values()}) == 30


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_cut_short_in_the_middle_the_same_command_completes(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf, number: signal.Signals
) -> None:
    """It reads from the front, and adds only what is missing."""
    fill(sandbox, *(f"{n:05}.mp4" for n in range(200)))
    shelf.picture(files=12)
    sandbox.vod.remove_bucket(BUCKET)
    last = f"{FOLDER}/data/11.csv.gz"
    with (
        held_calls(sandbox, "GetObject", keys=(last,), effect="none") as let_go,
        workspace.begin("backfill", *READ) as child,
    ):
        until(lambda: entries(workspace) > 0, child)
        child.send_signal(number)
        let_go()
        _, err = child.communicate(timeout=30)
    assert child.returncode == (130 if number == signal.SIGINT else -number)
    assert ("run the command again to continue" in err) == (number == signal.SIGINT)
    assert 0 < len(state(workspace)) < 200
    sandbox.vod.add_bucket(BUCKET)
    workspace.configure(vod=QUICK)

    done = workspace.backfill(*READ)

    assert done.status == 0, done.err
    assert (reported(done)["complete"], reported(done)["listed"]) == (True, 200)
    assert len(registered(sandbox)) == 200
    assert set(state(workspace).values()) == {"registered"}


def test_a_dry_run_predicts_what_the_real_run_then_does(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    fill(sandbox, *(f"{n:05}.mp4" for n in range(123)), body=b"12345")
    shelf.picture()
    before = workspace.ledger.read_bytes()
    options = (*READ, "--start-after", "00009.mp4", "--exclude", "*0.mp4")

    predicted = workspace.backfill("--dry-run", *options)

    assert predicted.status == 0, predicted.err
    assert workspace.ledger.read_bytes() == before
    assert not sandbox.vod.journal
    done = workspace.backfill(*options)
    assert predicted.json["would_register"] == done.json["registered"] == 101
    assert predicted.json["would_call"] == done.json["register_calls"]
    assert predicted.json["list_calls"] == done.json["scans"][0]["list_calls"] == 3
    assert reported(predicted) == reported(done)


def test_each_watch_over_the_bucket_takes_its_part(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    workspace.configure(
        workspace.watch("a", f"oss://{BUCKET}/a/"), workspace.watch("b", f"oss://{BUCKET}/b/")
    )
    fill(sandbox, "a/1.mp4", "b/1.mp4", "b/2.mp4", "c/1.mp4")
    shelf.picture(files=1)
    done = workspace.backfill(*READ)
    assert [(scan["watch"], scan["listed"], scan["list_calls"]) for scan in done.json["scans"]] == [
        ("a", 1, 1),
        ("b", 2, 1),
    ]
    assert registered(sandbox) == ["a/1.mp4", "b/1.mp4", "b/2.mp4"]

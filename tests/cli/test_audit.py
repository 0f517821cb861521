"""The completeness proof, exact to the object, as a command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_main_job import ODD_KEYS
from tests.support.audits import LONG_AGO, audited, delete_rows, in_ledger, only, record
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


def test_every_object_of_a_busy_bucket_is_counted_where_it_belongs(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Added, removed, overwritten, refused, queued, excluded and lost objects count apart."""
    workspace.configure(workspace.watch(more='min_size = "2B"\nexclude = ["tmp/**"]'))
    for key in (
        "kept.mp4",
        "removed.mp4",
        "seen-changed.mp4",
        "unseen-changed.mp4",
        "lost.mp4",
        "bad.mp4",
    ):
        sandbox.oss.put(BUCKET, key, b"12345", modified_at=LONG_AGO)
    sandbox.vod.refuse(BUCKET, "bad.mp4")
    assert workspace.scan().status == 6
    sandbox.oss.put(BUCKET, "seen-changed.mp4", b"54321")
    sandbox.vod.remove_bucket(BUCKET)
    sandbox.oss.put(BUCKET, "waits.mp4", b"12345")
    assert workspace.scan().status == 5
    for key in ("a.txt", "b.ts", "dir/", "tmp/a.mp4"):
        sandbox.oss.put(BUCKET, key, b"12345")
    sandbox.oss.put(BUCKET, "empty.mp4", b"")
    sandbox.oss.put(BUCKET, "small.mp4", b"1")
    sandbox.oss.put(BUCKET, "link.mp4", type="Symlink")
    sandbox.oss.put(BUCKET, "cold.mp4", b"12345", storage_class="Archive")
    sandbox.oss.put_raw_key(BUCKET, b"\xff.mp4", b"12345")
    sandbox.oss.put(
        BUCKET, "new.mp4", b"12345", modified_at=sandbox.clock.now() + timedelta(seconds=5)
    )
    sandbox.oss.put(BUCKET, "back-dated.mp4", b"12345", modified_at=LONG_AGO)
    sandbox.oss.put(BUCKET, "unseen-changed.mp4", b"54321")
    sandbox.oss.delete(BUCKET, "removed.mp4")
    delete_rows(workspace, "lost.mp4")
    calls = len(sandbox.vod.journal)

    report = audited(workspace, status=6)

    reasons = (
        "ambiguous_extension",
        "archived",
        "directory",
        "empty",
        "exclude",
        "extension",
        "key_not_utf8",
    )
    assert only(report) == {
        "complete": True,
        "listed": 17,
        "excluded": dict.fromkeys((*reasons, "symlink", "too_small"), 1),
        "registered": 3,
        "pending": 1,
        "failed": 1,
        "changed": 2,
        "gone": 1,
        "new": 1,
        "unaccounted": 2,
    }
    assert report["unaccounted_keys"] == [
        f"oss://{BUCKET}/back-dated.mp4",
        f"oss://{BUCKET}/lost.mp4",
    ]
    assert len(sandbox.vod.journal) == calls
    assert {entry["key"] for entry in workspace.entries() if entry["changed"]} == {
        "seen-changed.mp4"
    }


def test_a_scan_records_what_the_audit_missed(workspace: Workspace, sandbox: Sandbox) -> None:
    """The next step that is shown is the cure."""
    sandbox.oss.put(BUCKET, "a.mp4")
    workspace.scan()
    sandbox.oss.put(BUCKET, "late.mp4", modified_at=LONG_AGO)
    audited = workspace.run("audit")
    assert audited.status == 6
    assert f"1 object is unaccounted for:\n  oss://{BUCKET}/late.mp4\n" in audited.out
    assert "run `oss-vod-watcher scan`" in audited.out
    assert "accounted for\n" not in audited.out

    assert workspace.scan().status == 0

    proven = workspace.run("audit")
    assert proven.status == 0
    assert (
        "it adds up: listed 2 = excluded 0 + registered 2 + pending 0 + failed 0 + new 0"
        in proven.out
    )
    assert "every matching object is accounted for\n" in proven.out


def test_new_begins_with_the_very_second_in_which_the_last_complete_scan_began(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """By OSS's clock, not ours; before a first complete scan nothing is new."""
    sandbox.clock_offset_s = -600
    sandbox.oss.put(BUCKET, "a.mp4")
    assert only(audited(workspace, status=6)) == {"complete": True, "listed": 1, "unaccounted": 1}
    workspace.scan()
    ((started_at,),) = in_ledger(workspace, "SELECT complete_started_at FROM watch")
    start = datetime.fromtimestamp(started_at / 1000, UTC)
    sandbox.oss.put(BUCKET, "at.mp4", modified_at=start)
    sandbox.oss.put(BUCKET, "before.mp4", modified_at=start - timedelta(seconds=1))

    report = audited(workspace, status=6)

    assert (only(report)["new"], report["unaccounted_keys"]) == (1, [f"oss://{BUCKET}/before.mp4"])


def test_a_scan_of_another_place_is_no_excuse(workspace: Workspace, sandbox: Sandbox) -> None:
    """A watch with another prefix was never scanned there: all of it is unaccounted."""
    workspace.configure(workspace.watch(source=f"oss://{BUCKET}/a/"))
    workspace.scan()
    workspace.configure(workspace.watch(source=f"oss://{BUCKET}/b/"))
    sandbox.oss.put(BUCKET, "b/1.mp4", modified_at=sandbox.clock.now() + timedelta(seconds=5))
    assert only(audited(workspace, status=6))["unaccounted"] == 1


def test_odd_keys_are_shown_exactly(workspace: Workspace, sandbox: Sandbox) -> None:
    """Keys are exact for programs and escaped for people; every second one has its own row."""
    keys = sorted(
        {
            *ODD_KEYS,
            "\x00.mp4",
            "a\x00b.mp4",
            "\ue000.mp4",
            "\uffff.mp4",
            "\U00010000.mp4",
            "\U0010ffff.mp4",
        }
    )
    record(workspace, sandbox, *keys)
    lost = keys[::2]
    delete_rows(workspace, *lost)

    assert audited(workspace, status=6)["unaccounted_keys"] == [
        f"oss://{BUCKET}/{key}" for key in lost
    ]

    lines = [
        json.loads(line)
        for line in workspace.run("audit", "--output-format", "jsonl").out.split("\n")
        if line
    ]
    assert [line["unaccounted"] for line in lines[:1]] == [len(lost)]
    assert lines[1:] == [{"unaccounted_key": f"oss://{BUCKET}/{key}"} for key in lost]
    shown = workspace.run("audit").out
    assert all(char.isprintable() or char == "\n" for char in shown)
    delete_rows(workspace, "a\tb.mp4", "line\nbreak.mp4")
    assert f"  oss://{BUCKET}/line\\nbreak.mp4\n" in workspace.run("audit").out


def test_rows_and_objects_are_missed_at_the_borders_of_pages(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Keys at and between page ends count; neighbours of the prefix do not."""
    workspace.configure(workspace.watch(source=f"oss://{BUCKET}/p/"), workspace.watch("rest"))
    keys = [f"p/{n:05}.mp4" for n in range(2500)]
    holes = {0, 998, 999, 1000, 1001, 1999, 2000, 2001, 2499}
    gone = {f"p/{n:05}.mp4x.mp4" for n in (0, 999, 1000, 1999, 2499)} | {"p/!.mp4"}
    record(workspace, sandbox, "o.mp4", "p.mp4", "p0.mp4", "q.mp4", *keys, *gone)
    delete_rows(workspace, *(keys[n] for n in holes))
    for key in (*gone, "o.mp4", "p.mp4", "p0.mp4"):
        sandbox.oss.delete(BUCKET, key)

    report = audited(workspace, "--watch", "videos", status=6)

    expected = {
        "listed": 2500,
        "pending": 2500 - len(holes),
        "gone": len(gone),
        "unaccounted": len(holes),
    }
    assert only(report) == {"complete": True, **expected}
    assert report["unaccounted_keys"] == [f"oss://{BUCKET}/{keys[n]}" for n in sorted(holes)]
    both = audited(workspace, status=6)["watches"][1]
    assert (both["excluded"], both["pending"], both["gone"]) == ({"other_watch": 2500}, 1, 3)


def test_more_rows_than_a_page_may_lie_between_two_objects(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    keys = [f"{n:05}.mp4" for n in range(3500)]
    record(workspace, sandbox, *keys)
    for key in keys[1:-1]:
        sandbox.oss.delete(BUCKET, key)
    assert only(audited(workspace)) == {"complete": True, "listed": 2, "pending": 2, "gone": 3498}


def test_keys_that_are_not_utf8_hide_no_row(workspace: Workspace, sandbox: Sandbox) -> None:
    """They fill whole pages, between keys that have rows and keys that lost them."""
    record(
        workspace, sandbox, "a.mp4", "b.mp4", "\U00010000.mp4", "\U00010000x.mp4", "\U0010ffff.mp4"
    )
    for n in range(2100):
        sandbox.oss.put_raw_key(BUCKET, b"\xef\xff%04d.mp4" % n)  # between "b" and what is astral
    delete_rows(workspace, "b.mp4", "\U00010000x.mp4")
    sandbox.oss.delete(BUCKET, "a.mp4")
    sandbox.oss.delete(BUCKET, "\U00010000.mp4")

    report = audited(workspace, status=6)

    excluded = {"key_not_utf8": 2100}
    assert only(report) == {
        "complete": True,
        "listed": 2103,
        "excluded": excluded,
        "pending": 1,
        "gone": 2,
        "unaccounted": 2,
    }
    assert report["unaccounted_keys"] == [
        f"oss://{BUCKET}/b.mp4",
        f"oss://{BUCKET}/\U00010000x.mp4",
    ]


def test_overlapping_watches_count_each_row_once(workspace: Workspace, sandbox: Sandbox) -> None:
    """A row counts for its own watch, or for the first that covers it if that one is removed."""
    movies = workspace.watch("movies", f"oss://{BUCKET}/a/", 'include = ["*.mov"]')
    workspace.configure(movies, workspace.watch("all"))
    record(workspace, sandbox, "a/1.mov", "a/2.mp4", "a/3.mp4", "b/4.mov", "b/5.mp4")
    sandbox.oss.delete(BUCKET, "a/3.mp4")
    sandbox.oss.put(BUCKET, "a/9.mov", modified_at=LONG_AGO)

    report = audited(workspace, status=6)

    first, second = report["watches"]
    assert (first["listed"], first["excluded"], first["pending"], first["gone"]) == (
        3,
        {"other_watch": 1},
        1,
        0,
    )
    assert (second["listed"], second["excluded"], second["pending"], second["gone"]) == (
        5,
        {"other_watch": 2},
        3,
        1,
    )
    assert report["unaccounted_keys"] == [f"oss://{BUCKET}/a/9.mov"]

    workspace.configure(movies, workspace.watch("renamed"))
    orphaned = audited(workspace, status=6)
    first, second = orphaned["watches"]
    assert (first["excluded"], first["pending"], first["gone"]) == ({}, 2, 1)
    assert (second["excluded"], second["pending"], second["gone"]) == ({"other_watch": 3}, 2, 0)


_FORGET_OTHER = """
DELETE FROM entry
 WHERE key = 'a.mp4' AND bucket_id = (SELECT id FROM bucket WHERE name = 'other-bucket')
"""


def test_two_buckets_with_the_same_keys_are_distinguished(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.create_bucket("other-bucket")
    workspace.configure(workspace.watch("one"), workspace.watch("two", "oss://other-bucket/"))
    sandbox.oss.fill("other-bucket", ["a.mp4", "b.mp4"], modified_at=LONG_AGO)
    sandbox.vod.remove_bucket("other-bucket")
    record(workspace, sandbox, "a.mp4", "b.mp4")
    in_ledger(workspace, _FORGET_OTHER)
    sandbox.oss.delete("other-bucket", "b.mp4")

    report = audited(workspace, status=6)

    assert report["unaccounted_keys"] == ["oss://other-bucket/a.mp4"]
    assert [(watch["pending"], watch["gone"]) for watch in report["watches"]] == [(2, 0), (0, 1)]
    assert only(audited(workspace, "--watch", "one")) == {
        "complete": True,
        "listed": 2,
        "pending": 2,
    }


@pytest.mark.parametrize(("rules", "status"), [('include = ["*.mov"]', 0), ('include = ["*"]', 6)])
def test_a_row_counts_by_its_state_whatever_the_rules_say_now(
    workspace: Workspace, sandbox: Sandbox, rules: str, status: int
) -> None:
    """An object that the present rules select and no scan has seen under them is unaccounted."""
    sandbox.oss.put(BUCKET, "b.txt", modified_at=LONG_AGO)
    record(workspace, sandbox, "a.mp4")
    workspace.configure(workspace.watch(more=rules))
    found = only(audited(workspace, status=status))
    assert (found["listed"], found["pending"], found.get("unaccounted", 0)) == (2, 1, status // 6)


def test_from_now_on_is_decided_as_a_scan_would_and_not_remembered(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(workspace.watch().replace('"all"', '"now"'))
    sandbox.oss.put(BUCKET, "old.mp4", modified_at=LONG_AGO)
    assert only(audited(workspace)) == {
        "complete": True,
        "listed": 1,
        "excluded": {"before_start": 1},
    }
    assert in_ledger(workspace, "SELECT * FROM source_start") == []

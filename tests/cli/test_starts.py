"""`start = "now"`: all that is uploaded after the first attempt to list is registered."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.workspace import BUCKET, Workspace
from watcher.model import Anchor
from watcher.rules.starts import is_anchored, start_below
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.long  # real processes: alike on every interpreter

DAY = timedelta(days=1)
SHORTLY = timedelta(seconds=10)  # more than a moment may be too early
NOW = 'start = "now"'

REFUSALS = {
    "403": Fault(operation="ListObjectsV2", kind="access_denied"),
    "404": Fault(operation="ListObjectsV2", kind="error", status=404, code="NoSuchBucket"),
    "400": Fault(operation="ListObjectsV2", kind="error", status=400, code="InvalidArgument"),
    "skew": Fault(operation="ListObjectsV2", kind="clock_skew"),
    "token": Fault(operation="ListObjectsV2", kind="expired_token"),
    "html": Fault(operation="ListObjectsV2", kind="html"),
    "truncated": Fault(operation="ListObjectsV2", kind="truncated"),
    "no date": Fault(operation="ListObjectsV2", kind="missing_date"),
    "reset": Fault(operation="ListObjectsV2", kind="reset"),
    "503": Fault(operation="ListObjectsV2", kind="service_unavailable"),
}


def from_now(workspace: Workspace, *sources: str) -> None:
    """Configure a watch from now on for each source."""
    workspace.configure(
        *(
            workspace.watch(f"w{n}", source).replace('start = "all"', NOW)
            for n, source in enumerate(sources or (f"oss://{BUCKET}/",))
        )
    )


def put(sandbox: Sandbox, key: str, age: timedelta = timedelta()) -> None:
    sandbox.oss.put(BUCKET, key, modified_at=sandbox.clock.now() - age)


def next_second() -> None:
    """Wait until what is uploaded from here on has another LastModified than what was before."""
    time.sleep(1.01 - time.time() % 1)  # noqa: TID251 (a real service's clock)


def keys_after_scan(workspace: Workspace, status: int = 0) -> set[str]:
    """Scan; return the keys that the ledger knows."""
    done = workspace.scan()
    assert done.status == status, done.err
    return {entry["key"] for entry in workspace.entries()}


def moments(workspace: Workspace) -> dict[str, tuple[int, str]]:
    with closing(sqlite3.connect(f"file:{workspace.ledger}?mode=ro", uri=True)) as db:
        return {
            source: (at, clock) for source, at, clock in db.execute("SELECT * FROM source_start")
        }


# When the moment is taken


@pytest.mark.parametrize("kind", REFUSALS)
def test_what_is_uploaded_while_scans_are_refused_is_no_history(
    workspace: Workspace, sandbox: Sandbox, kind: str
) -> None:
    from_now(workspace)
    put(sandbox, "old.mp4", DAY)
    next_second()
    sandbox.hook = faults = Faults(REFUSALS[kind])
    refused = workspace.scan()
    assert refused.status == 5, refused.err
    put(sandbox, "new.mp4")
    faults.clear()

    assert keys_after_scan(workspace) == {"new.mp4"}
    audit = workspace.run("audit", "--output-format", "json")
    assert (audit.status, audit.json["watches"][0]["excluded"]) == (0, {"before_start": 1})


def test_what_is_uploaded_while_oss_cannot_be_reached_is_no_history(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    from_now(workspace)
    put(sandbox, "old.mp4", DAY)
    next_second()
    there = workspace.config.read_text()
    workspace.config.write_text(
        there.replace(
            f'endpoint = "{sandbox.url}"\nstart', 'endpoint = "http://127.0.0.1:9"\nstart'
        )
    )
    assert workspace.scan().status == 5
    put(sandbox, "new.mp4")
    workspace.config.write_text(there)

    assert keys_after_scan(workspace) == {"new.mp4"}


def test_a_watch_that_is_in_the_file_at_ledger_init_has_that_moment(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.ledger.unlink()
    from_now(workspace)
    put(sandbox, "old.mp4", DAY)
    next_second()
    workspace.init()
    put(sandbox, "new.mp4")
    next_second()

    assert keys_after_scan(workspace) == {"new.mp4"}


def test_a_later_watch_has_the_moment_of_its_own_first_attempt(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """A scan of another watch is none."""
    from_now(workspace, f"oss://{BUCKET}/a/", f"oss://{BUCKET}/b/")
    assert workspace.scan("--watch", "w0").status == 0
    put(sandbox, "b/before.mp4", SHORTLY)
    put(sandbox, "a/new.mp4")
    next_second()
    sandbox.hook = faults = Faults(REFUSALS["403"])
    assert workspace.scan("--watch", "w1").status == 5
    put(sandbox, "b/new.mp4")
    faults.clear()

    assert keys_after_scan(workspace) == {"a/new.mp4", "b/new.mp4"}


@pytest.mark.parametrize(
    "command", [("scan", "--dry-run"), ("audit",), ("status",), ("backfill", "--dry-run")]
)
def test_what_only_looks_is_no_attempt(
    workspace: Workspace, sandbox: Sandbox, command: tuple[str, ...]
) -> None:
    from_now(workspace)
    put(sandbox, "old.mp4", DAY)
    assert workspace.run(*command).status == 0
    assert moments(workspace) == {}


# Whose clock it is of


@pytest.mark.parametrize("ahead_s", [-7200, -60, 60, 7200])
@pytest.mark.parametrize("first", ["listing", "403", "html"])
def test_a_moment_of_our_clock_is_moved_to_that_of_oss_and_only_ever_earlier(
    workspace: Workspace, sandbox: Sandbox, ahead_s: int, first: str
) -> None:
    """`ahead_s`: how far our clock is ahead of OSS's.  Only OSS itself has a Date that counts."""
    workspace.ledger.unlink()
    from_now(workspace)
    workspace.init()
    ((ours, _),) = moments(workspace).values()
    sandbox.clock_offset_s = -ahead_s
    if first != "listing":
        sandbox.hook = faults = Faults(REFUSALS[first])
        assert workspace.scan().status == 5
        is_oss = first != "html"
        assert moments(workspace)[f"oss://{BUCKET}/"][1] == ("oss" if is_oss else "ours")
        faults.clear()
    workspace.scan()

    ((at, clock),) = moments(workspace).values()
    assert clock == "oss"
    assert at - ours == pytest.approx(min(0, -ahead_s * 1000), abs=4000)
    assert at <= ours


def test_a_moment_lies_before_the_first_answer_whatever_our_clock_said(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """It was an hour ahead at `ledger init`, and is right since."""
    workspace.ledger.unlink()
    from_now(workspace)
    workspace.init()
    with closing(sqlite3.connect(workspace.ledger)) as db, db:
        db.execute("UPDATE source_start SET start_at = start_at + 3600000")
    sandbox.hook = faults = Faults(REFUSALS["403"])
    assert workspace.scan().status == 5
    next_second()
    put(sandbox, "new.mp4")
    faults.clear()
    assert keys_after_scan(workspace) == {"new.mp4"}


def test_two_sources_of_a_bucket_are_moved_together(workspace: Workspace, sandbox: Sandbox) -> None:
    """The second is never answered itself before its source changes."""
    workspace.ledger.unlink()
    from_now(workspace, f"oss://{BUCKET}/a/", f"oss://{BUCKET}/b/")
    workspace.init()
    sandbox.clock_offset_s = -3600
    workspace.scan("--watch", "w0")
    assert {clock for _, clock in moments(workspace).values()} == {"oss"}


# When `source` changes

EDITS: dict[str, tuple[list[str], list[str], list[str], list[str]]] = {
    # before, after, keys that keep their moment, keys that begin with the edit
    "narrowed": (["v/"], ["v/a/"], ["v/a/1.mp4"], []),
    "widened": (["v/a/"], ["v/"], ["v/a/1.mp4"], ["v/b/1.mp4"]),
    "to the whole bucket": (["v/"], [""], ["v/1.mp4"], ["w/1.mp4"]),
    "split": (["v/"], ["v/a/", "v/b/"], ["v/a/1.mp4", "v/b/1.mp4"], []),
    "joined": (["v/a/", "v/b/"], ["v/"], ["v/a/1.mp4", "v/b/1.mp4"], ["v/c/1.mp4"]),
    "a slash dropped": (["v/"], ["v"], ["v/1.mp4"], ["v-old/1.mp4"]),
    "a slash added": (["v"], ["v/"], ["v/1.mp4"], []),
    "moved": (["v/"], ["w/"], [], ["w/1.mp4"]),
    "reordered": (["v/", "w/"], ["w/", "v/"], ["v/1.mp4", "w/1.mp4"], []),
    "nested": (["v/"], ["v/a/", "v/"], ["v/a/1.mp4", "v/1.mp4"], []),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_key_keeps_its_moment_when_the_source_changes(
    workspace: Workspace, sandbox: Sandbox, edit: str
) -> None:
    """Uploads between the first attempt and the edit are registered if a source covered them."""
    before, after, kept, begun = EDITS[edit]
    for key in (*kept, *begun):
        put(sandbox, key.replace("1.mp4", "old.mp4"), DAY)
    from_now(workspace, *(f"oss://{BUCKET}/{prefix}" for prefix in before))
    assert keys_after_scan(workspace) == set()
    next_second()
    sandbox.hook = faults = Faults(REFUSALS["403"])
    workspace.scan()  # so that no earlier scan finds them
    for key in kept:
        put(sandbox, key)
    for key in begun:
        put(sandbox, key, SHORTLY)
    from_now(workspace, *(f"oss://{BUCKET}/{prefix}" for prefix in after))
    faults.clear()

    assert keys_after_scan(workspace) == set(kept)
    for key in (*kept, *begun):
        put(sandbox, key.replace("1.mp4", "2.mp4"))
    later = {key.replace("1.mp4", "2.mp4") for key in (*kept, *begun)}
    assert keys_after_scan(workspace) == set(kept) | later
    assert workspace.run("audit").status == 0


@pytest.mark.parametrize("between", ["all", "2026-01-01T00:00:00Z"])
def test_now_means_the_same_after_another_start(workspace: Workspace, between: str) -> None:
    from_now(workspace)
    keys_after_scan(workspace)
    known = moments(workspace)
    workspace.configure(workspace.watch("w0").replace('"all"', f'"{between}"'))
    workspace.scan()
    from_now(workspace)
    next_second()
    workspace.scan()
    assert moments(workspace) == known


prefixes = st.text("ab/", max_size=3)


@given(
    st.lists(st.tuples(prefixes, st.integers(1, 9)), max_size=6),
    prefixes,
    st.text("ab/", max_size=5),
)
def test_a_key_never_counts_from_a_later_moment_than_one_of_its_anchors(
    tried: list[tuple[str, int]], prefix: str, key: str
) -> None:
    anchors: list[Anchor] = []
    for each, at in sorted(tried, key=lambda pair: pair[1]):
        if not is_anchored(each, anchors):
            anchors.append(Anchor(prefix=each, at=at))
    if not key.startswith(prefix):
        return
    ever = min((at for each, at in tried if key.startswith(each)), default=99)
    assert start_below(prefix, anchors, otherwise=99).of(key) == ever

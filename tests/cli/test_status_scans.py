"""`status` after a backfill, after a scan that was stopped, and with older ledgers."""

from __future__ import annotations

import html
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.history_configs import WatchAs
from tests.support.in_memory_app import World
from tests.support.ledgers import HOUR, NOW, adopt, finish, obj, record, sleep
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from watcher.discovery.scan_log import STOPPED
from watcher.ledger.sqlite import Ledger, LedgerReader, ProcessLock
from watcher.model import ScanEnd
from watcher.rules.filters import Filters

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.sandbox import Sandbox

KEYS = ["a.mp4", "b.mp4", "c.mov", "d.txt"]
FILTERS = {
    "all": ([], "", (4, 3)),
    "globs": (
        ["--include", "*.mp4", "--exclude", "b*"],
        "--include '*.mp4' --exclude 'b*'",
        (4, 1),
    ),
    "ages": (["--max-age", "52w", "--min-age", "0s"], "--max-age 52w", (4, 3)),
    "sizes": (["--min-size", "1B", "--max-size", "1.5K"], "--min-size 1B --max-size 1536B", (4, 3)),
    "keys": (
        ["--start-after", "a.mp4", "--end-with", "c.mov"],
        "--start-after a.mp4 --end-with c.mov",
        (2, 2),
    ),
    "a list": (["--files-from", "list"], "--files-from (2 keys)", (2, 2)),
}


@pytest.fixture
def filled(workspace: Workspace, sandbox: Sandbox) -> Workspace:
    for key in KEYS:
        sandbox.oss.put(BUCKET, key, b"x")
    (workspace.folder / "list").write_text("a.mp4\nc.mov\n", encoding="utf-8")
    return workspace


def row(workspace: Workspace) -> dict[str, Any]:
    (found,) = workspace.run("status", "--output-format", "json").json["watches"]
    return dict(found)


@pytest.mark.parametrize("kind", FILTERS)
def test_status_says_what_a_backfill_covered(filled: Workspace, kind: str) -> None:
    arguments, covered, (listed, matched) = FILTERS[kind]
    assert (row(filled)["last_scan"], row(filled)["last_backfill"]) == (None, None)
    assert filled.backfill(*arguments).status == 0

    found, shown = row(filled), filled.run("status").out
    backfill = found["last_backfill"]

    assert (backfill["complete"], backfill["error"], backfill["hint"]) == (True, None, None)
    assert (backfill["listed"], backfill["matched"], backfill["covered"]) == (
        listed,
        matched,
        covered,
    )
    assert found["last_complete_scan_at"] is None  # a backfill does not bring a watch up to date
    assert (found["last_scan"]["complete"], found["last_scan"]["at"]) == (True, backfill["at"])
    assert "never" not in shown
    assert "backfilled" in shown
    expected = f"{listed} objects listed, {matched} selected. " + (
        f"Filters: {covered}." if covered else "No filters."
    )
    assert expected in " ".join(shown.split())


def test_a_scan_after_a_backfill_is_shown_beside_it(filled: Workspace) -> None:
    assert filled.backfill().status == 0
    assert filled.scan().status == 0
    found, shown = row(filled), filled.run("status").out
    assert found["last_scan"]["at"] > found["last_backfill"]["at"]
    assert found["last_complete_scan_at"] <= found["last_scan"]["at"]
    assert "backfilled" not in shown
    assert "4 objects listed, 3 selected" in shown


def test_the_page_says_what_a_backfill_covered(filled: Workspace) -> None:
    assert filled.backfill("--include", "*.mp4").status == 0
    filled.configure(
        filled.watch(more='schedule = "0 0 29 2 *"'), more='[http]\nlisten = "127.0.0.1:0"'
    )
    with Running(filled) as running:
        page = html.unescape(running.get("/")[1])
        assert "backfill complete" in page
        assert "4 objects listed, 2 selected. Filters: --include '*.mp4'." in page
        assert "backfilled" in page
        assert running.stop() == 0


@pytest.mark.parametrize("kind", ["scan", "backfill"])
def test_one_that_was_interrupted_says_so_and_how_to_resume(
    workspace: Workspace, sandbox: Sandbox, kind: str
) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:05}.txt" for n in range(5000)])
    workspace.configure(workspace.watch(more="list_calls_per_second = 1\nlist_concurrency = 1"))
    running = workspace.begin(kind, "--output-format", "json")
    while len(sandbox.oss.journal) < 2:  # so one page is recorded
        sleep(0.05)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == 130
    last, shown = row(workspace)["last_scan"], workspace.run("status").out
    assert (last["complete"], last["error"]) == (False, STOPPED)
    assert "resume" in last["hint"]
    assert STOPPED in shown
    assert last["hint"] in shown


def test_a_scan_stopped_before_an_answer_leaves_what_was_known() -> None:
    """It says nothing new; one that saw a page does."""
    world = World([WatchAs("w")])
    try:
        world.scan("w")
        assert ends(world.path)["w"] == "complete"
        world.clock.stopping = True
        assert not world.scan("w").complete
        assert ends(world.path)["w"] == "complete"
    finally:
        world.remove()


def ends(path: Path) -> dict[str, str]:
    with LedgerReader(path) as reader:
        return {
            each.watch: "none" if each.last_scan is None else each.last_scan.error or "complete"
            for each in reader.status()
        }


@pytest.fixture
def ledger(path: Path) -> Any:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as opened:
        adopt(opened, "w", "second")
        yield opened


def refused(at: int) -> ScanEnd:
    return ScanEnd(kind="scan", at=at, complete=False, error="OSS said no", hint="Cure.")


def test_another_source_has_its_own_last_scan(path: Path, ledger: Ledger) -> None:
    ledger.discovery.end_scan("w", refused(NOW), source="oss://b/")
    assert ends(path) == {"w": "OSS said no", "second": "none"}
    other = ScanEnd(kind="scan", at=NOW, complete=False, error="of another source")
    ledger.discovery.end_scan(
        "w", other, source="oss://b/elsewhere/"
    )  # this process has the watch otherwise
    assert ends(path) == {"w": "OSS said no", "second": "none"}
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE watch SET prefix = 'elsewhere/' WHERE name = 'w'")
    adopt(ledger, "w", "second")
    assert ends(path) == {"w": "none", "second": "none"}


def test_a_watch_that_is_no_longer_configured_shows_no_last_scan(
    path: Path, ledger: Ledger
) -> None:
    """No process scans it, so that there is nothing to cure."""
    record(ledger, obj("a.mp4"), watch="second")
    for watch in ("w", "second"):
        ledger.discovery.end_scan(watch, refused(NOW), source="oss://b/")
    adopt(ledger, "w")
    assert ends(path) == {"w": "OSS said no", "second": "none"}


def test_an_older_ledger_knows_when_the_last_complete_scan_was(path: Path, ledger: Ledger) -> None:
    finish(ledger, now=NOW)
    with LedgerReader(path) as reader:
        (first, _) = reader.status()
    assert first.last_scan == ScanEnd(kind="scan", at=NOW, complete=True)


def test_text_that_sqlite_cannot_hold_is_kept_as_far_as_it_can(path: Path, ledger: Ledger) -> None:
    end = ScanEnd(kind="scan", at=NOW, complete=False, error="\udcff\0" + "x" * 9000, hint="\ud800")
    ledger.discovery.end_scan("w", end, source="oss://b/")
    assert ends(path)["w"].startswith("\\udcff")
    assert len(ends(path)["w"]) <= 2000


@pytest.mark.parametrize("part", ["covered", "error", "hint"])
def test_no_secret_is_kept_from_any_source(path: Path, ledger: Ledger, part: str) -> None:
    end = ScanEnd(kind="backfill", at=NOW, complete=False, **{part: "Signature=c2VjcmV0&x=1"})  # type: ignore[arg-type]
    ledger.discovery.end_scan("w", end, source="oss://b/")
    with LedgerReader(path) as reader:
        last = reader.status()[0].last_scan
    assert last
    assert getattr(last, part) == "Signature=***&x=1"


def test_the_age_of_the_backlog_is_shown_by_lane(path: Path, ledger: Ledger) -> None:
    record(ledger, obj("old.mp4", at=NOW - 30 * HOUR), now=NOW - HOUR)
    record(ledger, obj("new.mp4", at=NOW))
    with LedgerReader(path) as reader:
        (first, second) = reader.status()
    assert (first.oldest_fresh_at, first.oldest_backfill_at, first.oldest_pending_at) == (
        NOW,
        NOW - HOUR,
        NOW - HOUR,
    )
    assert (second.oldest_fresh_at, second.oldest_backfill_at, second.oldest_pending_at) == (
        None,
        None,
        None,
    )


def test_filters_are_shown_as_they_are_typed() -> None:
    assert Filters().options() == ""
    every = Filters(
        include=("a b", "*.mp4"),
        exclude=("it's",),
        min_age_ms=90_000,
        max_age_ms=0,
        min_size_bytes=1024,
        max_size_bytes=0,
        start_after="影",
        end_with="片",
    )
    assert every.options() == (
        "--include 'a b' --include '*.mp4' --exclude 'it'\"'\"'s' --min-age 1m30s --max-age 0s "
        "--min-size 1K "
        "--max-size 0B --start-after '影' --end-with '片'"
    )

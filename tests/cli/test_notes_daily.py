"""A note is logged once a day, by whichever process; results show it each time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ledgers import NOW, adopt, sleep
from tests.support.workspace import BUCKET, Ran, Workspace
from watcher.discovery.scan_log import log_finished
from watcher.discovery.selector import ScanTarget
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.model.reports import ScanReport
from watcher.rules.advice import ambiguous_note
from watcher.rules.listing_bill import costly_note
from watcher.rules.selection import Rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from watcher.sandbox import Sandbox

DAY = 86_400_000
NOTES = {
    "ambiguous": ([ambiguous_note("w", 1), ambiguous_note("w", 70)], ambiguous_note("other", 1)),
    "costly": (
        [
            costly_note("w", n, gb, "https://inside")
            for n, gb in ((1_000_001, 449.28), (2_000_000, 0.5))
        ],
        costly_note("w", 1_000_001, 449.28, "https://elsewhere"),
    ),
    "nothing selected": (
        [f'Watch "w" selects none of the {n} objects below oss://b/.' for n in (3, 4)],
        "another",
    ),
    "more patterns": (
        [f'{n} more patterns match no key of watch "w".' for n in (2, 12)],
        "another",
    ),
}


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as opened:
        adopt(opened, "w", "second")
        yield opened


@pytest.mark.parametrize("kind", NOTES)
def test_a_note_is_due_once_a_day_whatever_its_counts(ledger: Ledger, kind: str) -> None:
    (first, again), other = NOTES[kind]
    due = ledger.discovery.due_notes
    assert due("w", [first], now_ms=NOW) == [first]
    assert due("w", [again], now_ms=NOW + DAY - 1) == []
    assert due("w", [again, other], now_ms=NOW + DAY - 1) == [other]
    assert due("second", [first], now_ms=NOW) == [first]  # each watch has its own
    assert due("w", [again], now_ms=NOW + DAY) == [again]
    assert due("w", [first], now_ms=NOW + DAY + 1) == []


def test_a_clock_that_was_set_back_keeps_no_note_for_long(ledger: Ledger) -> None:
    note = ambiguous_note("w", 1)
    assert ledger.discovery.due_notes("w", [note], now_ms=NOW) == [note]
    assert ledger.discovery.due_notes("w", [note], now_ms=NOW - 30 * DAY) == [note]
    assert ledger.discovery.due_notes("w", [note], now_ms=NOW - 30 * DAY + 1) == []


def test_notes_do_not_pile_up(ledger: Ledger) -> None:
    for n in range(50):
        note = f"note {chr(65 + n)}"
        assert ledger.discovery.due_notes("w", [note], now_ms=NOW + n * DAY // 2) == [note]
    with closing(sqlite3.connect(ledger._path)) as db:
        assert db.execute("SELECT count(*) FROM note").fetchone() == (2,)


def test_another_source_has_its_own_notes(ledger: Ledger) -> None:
    note = ambiguous_note("w", 1)
    assert ledger.discovery.due_notes("w", [note], now_ms=NOW) == [note]
    with closing(sqlite3.connect(ledger._path)) as db, db:
        db.execute("UPDATE watch SET prefix = 'elsewhere/'")
    adopt(ledger, "w", "second")
    assert ledger.discovery.due_notes("w", [note], now_ms=NOW) == [note]


def test_a_costly_listing_is_logged_once_a_day_and_not_by_the_first_scan(ledger: Ledger) -> None:
    inside = "https://oss-cn-shanghai-internal.aliyuncs.com"
    target = ScanTarget(
        name="w",
        source_url="oss://b/",
        rules=Rules(bucket="b"),
        start="all",
        starts_per_day=24,
        cheaper_at=inside,
    )
    report = ScanReport(
        watch="w", complete=True, listed=2_000_000, list_calls=2000, list_bytes=10**9
    )
    found = []
    for n, is_usual in enumerate((False, True, True)):
        events: dict[str, dict[str, Any]] = {}
        log_finished(
            lambda event, events=events, **fields: events.update({event: fields}),
            replace(report, listed=report.listed + n),
            target,
            records=ledger.discovery,
            is_usual=is_usual,
            now_ms=NOW,
        )
        assert ("list_gb_per_day" in events["scan.finished"]) == is_usual
        found.append(inside in events.get("listing.costly", {}).get("note", ""))
    assert found == [False, True, False]


def logged(ran: Ran) -> bool:
    (finished,) = (event for event in ran.events if event["event"] == "scan.finished")
    return ".ts" in finished.get("note", "")


def test_scans_run_by_a_timer_log_it_once_a_day(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "slice-0.ts")
    ran = []
    for n in range(4):
        ran.append(workspace.run("scan"))
        sandbox.oss.put(BUCKET, f"slice-{n + 1}.ts")
        if n == 2:
            with closing(sqlite3.connect(workspace.ledger)) as db, db:
                db.execute("UPDATE note SET at = at - ?", (DAY,))
    assert [logged(each) for each in ran] == [True, False, False, True]
    assert all("note: " in each.out for each in ran)
    assert logged(workspace.run("scan", "--dry-run"))  # a person looks

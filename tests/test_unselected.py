"""An entry that no watch selects any more waits and is shown, and is in no lag, no alert and no exit status."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.daemons import NO_PAGE
from tests.ledgers import HOUR, NOW, REFUSED, adopt, claim, obj, record, settle, sleep
from tests.running import Running
from tests.workspace import BUCKET
from watcher.ledger import Ledger, LedgerReader, ProcessLock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workspace import Workspace
    from watcher.sandbox import Sandbox


@pytest.fixture
def left(workspace: Workspace, sandbox: Sandbox) -> Workspace:
    """One entry that could not be registered, and that no watch selects now."""
    sandbox.oss.put(BUCKET, "a.mp4")
    sandbox.vod.remove_bucket(BUCKET)
    assert workspace.scan().status == 5
    sandbox.vod.add_bucket(BUCKET)
    return workspace


@pytest.mark.parametrize("rule", ['exclude = ["a*"]', 'include = ["*.mov"]', 'min_size = "1G"'])
def test_it_is_shown_as_pending_and_counts_in_nothing_else(left: Workspace, sandbox: Sandbox, rule: str) -> None:
    assert left.run("status", "--output-format", "json").json["watches"][0]["oldest_pending_s"] > 0
    left.configure(left.watch(more=rule))
    for command in (left.scan, left.backfill):
        ran = command()
        assert (ran.status, ran.json["pending"], ran.json["registered"]) == (0, 1, 0)
    (row,) = left.run("status", "--output-format", "json").json["watches"]
    assert (row["pending"], row["oldest_pending_s"]) == (1, None)
    assert left.run("audit").status == 0
    assert not sandbox.vod.media


def test_the_metrics_of_a_daemon_show_no_lag_for_it(left: Workspace) -> None:
    left.configure(left.watch(more='exclude = ["a*"]\nschedule = "1s"'), more=NO_PAGE.replace('""', '"127.0.0.1:0"'))
    with Running(left) as running:
        running.until_told("scan.finished")
        _, metrics = running.get("/metrics")
    assert re.search(r'entries\{state="pending",watch="videos"\} 1\.0', metrics), metrics
    assert all(line.endswith(" 0.0") for line in re.findall(r"backlog_oldest_seconds\{.*", metrics)), metrics


@pytest.mark.parametrize("refused", [False, True])
def test_the_lag_is_that_of_the_others(path: Path, *, refused: bool) -> None:
    """Also where it was refused before, and waits in a queue of its own."""
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger)
        record(ledger, obj("old.mp4"), now=NOW - HOUR)
        if refused:
            settle(ledger, claim(ledger) or pytest.fail("nothing"), REFUSED)
        ledger.intake.reassign(lambda *_: None, now_ms=NOW)
        assert oldest(path) is None
        record(ledger, obj("new.mp4"))
        assert oldest(path) == NOW
        ledger.intake.reassign(lambda *_: "w", now_ms=NOW)
        assert oldest(path) == NOW - HOUR


def oldest(path: Path) -> int | None:
    with LedgerReader(path) as reader:
        (row,) = reader.status()
    return row.oldest_pending_at

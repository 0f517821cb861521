"""An entry that no watch selects any more waits and is shown.

It is in no lag, no alert and no exit status.
"""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import NO_PAGE
from tests.support.ledgers import HOUR, NOW, REFUSED, adopt, claim, obj, record, settle, sleep
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET
from watcher.ledger.sqlite import Ledger, LedgerReader, ProcessLock
from watcher.model import Breaker, BreakerKind
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workspace import Workspace
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
def test_it_is_shown_as_pending_and_counts_in_nothing_else(
    left: Workspace, sandbox: Sandbox, rule: str
) -> None:
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
    left.configure(
        left.watch(more='exclude = ["a*"]\nschedule = "1s"'),
        more=NO_PAGE.replace('""', '"127.0.0.1:0"'),
    )
    with Running(left) as running:
        running.until_logged("scan.finished")
        _, metrics = running.get("/metrics")
    assert re.search(r'entries\{state="pending",watch="videos"\} 1\.0', metrics), metrics
    assert all(
        line.endswith(" 0.0") for line in re.findall(r"backlog_oldest_seconds\{.*", metrics)
    ), metrics


@pytest.mark.parametrize("refused", [False, True])
def test_the_lag_is_that_of_the_others(path: Path, *, refused: bool) -> None:
    """Also where it was refused before, and waits in a queue of its own."""
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger)
        record(ledger, obj("old.mp4"), now=NOW - HOUR)
        if refused:
            settle(ledger, claim(ledger) or pytest.fail("nothing"), REFUSED)
        ledger.assignments.reassign(lambda *_: None, now_ms=NOW)
        assert oldest(path) is None
        record(ledger, obj("new.mp4"))
        assert oldest(path) == NOW
        ledger.assignments.reassign(lambda *_: "w", now_ms=NOW)
        assert oldest(path) == NOW - HOUR


def oldest(path: Path) -> int | None:
    with LedgerReader(path) as reader:
        (row,) = reader.status()
    return row.oldest_pending_at


@pytest.mark.parametrize("kind", BreakerKind)
@pytest.mark.parametrize("bucket", ["b", ""])
def test_a_breaker_that_stops_no_entry_of_a_watch_does_not_count(
    path: Path, kind: BreakerKind, bucket: str
) -> None:
    """A breaker counts while an entry waits or is in a call, in either lane, refused or not."""
    breaker = Breaker(bucket=bucket, kind=kind, reason="VOD said no.", hint="Cure.", opened_at=NOW)
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger, "w", "second")
        ledger.breakers.put(breaker)
        assert counts(path, ledger, bucket) == set()
        for watch, at in (("w", NOW), ("second", NOW - 30 * HOUR)):  # fresh, and of a backfill
            record(ledger, obj(f"{watch}.mp4", at=at), watch=watch)
            assert counts(path, ledger, bucket) == {bucket}
            ledger.assignments.reassign(lambda *_: None, now_ms=NOW)
            assert counts(path, ledger, bucket) == set()
        ledger.assignments.reassign(lambda *_: "second", now_ms=NOW)
        claimed = claim(ledger, watches=["second"]) or pytest.fail("nothing")
        assert counts(path, ledger, bucket) == {bucket}
        settle(ledger, claimed, REFUSED)
        assert counts(path, ledger, bucket) == {bucket}
        adopt(ledger, "w")  # the other watch is removed
        assert counts(path, ledger, bucket) == set()
        if kind is not BreakerKind.STREAK:  # that one has no streak behind it
            assert ledger.breakers.all() == (breaker,)  # it is remembered, to be probed first


def counts(path: Path, ledger: Ledger, bucket: str) -> set[str]:
    with LedgerReader(path) as reader:
        found = {breaker.bucket for breaker in reader.breakers()}
    assert ledger.breakers.stops_any(bucket) == (bucket in found)
    return found


ELSEWHERE = "second-bucket"
CURES = {"bucket": "Add the bucket in the VOD console", "account": "vod:RegisterMedia"}
UNSELECTED = {
    "excluded": lambda it: it.watch(more='exclude = ["a*"]\nschedule = "1s"'),
    "watch removed": lambda it: it.watch("second", f"oss://{ELSEWHERE}/", more='schedule = "1s"'),
}


@pytest.mark.parametrize("how", UNSELECTED)
@pytest.mark.parametrize("scope", ["bucket", "account"])
def test_a_daemon_shows_no_breaker_for_it(
    workspace: Workspace, sandbox: Sandbox, how: str, scope: str
) -> None:
    """Not in `status`, /status.json, /readyz, /metrics or on the page; selected again, it shows."""
    sandbox.oss.put(BUCKET, "a.mp4")
    sandbox.oss.create_bucket(ELSEWHERE)
    if scope == "bucket":
        sandbox.vod.remove_bucket(BUCKET)
    else:
        sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="access_denied"))
    assert workspace.scan().status == 5
    assert "calls for" in workspace.run("status").out

    http = '[http]\nlisten = "127.0.0.1:0"'
    workspace.configure(UNSELECTED[how](workspace), more=http)
    with Running(workspace) as running:
        running.until_logged("scan.finished")
        running.until(lambda: running.get("/readyz") == (200, "ok\n"), "ready")
        metrics = running.get("/metrics")[1]
        found = re.findall(r"breaker_open\{bucket=\"(.*)\"\} (\S+)", metrics)
        assert dict(found).keys() >= {"", BUCKET}
        assert {value for _, value in found} == {"0.0"}, metrics
        assert re.search(r"^oss_vod_watcher_degraded 0\.0$", metrics, re.MULTILINE)
        assert "Calls are stopped" not in running.get("/")[1]
        assert "Grant" not in running.get("/status.json")[1]
        assert "calls for" not in workspace.run("status").out
        assert not running.logged("daemon.degraded")

        workspace.configure(workspace.watch(more='schedule = "1s"'), more=http)
        running.send(signal.SIGHUP)
        running.until(lambda: "no calls" in running.get("/readyz")[1], "not ready")
        running.until(lambda: "Calls are stopped" in running.get("/")[1], "on the page")
        cure = CURES[scope]
        assert cure in running.get("/readyz")[1]
        assert cure in running.get("/")[1]
        running.until_logged("daemon.degraded")
        assert cure in "".join(running.logged("daemon.degraded")[0]["reasons"])
        report = json.loads(running.get("/status.json")[1])
        breaker = report["breaker"] if scope == "account" else report["watches"][0]["breaker"]
        assert set(breaker) == {"reason", "hint", "since", "next_probe_at"}
        assert cure in breaker["hint"]
        shown = workspace.run("status").out
        assert "calls for" in shown
        assert cure in shown

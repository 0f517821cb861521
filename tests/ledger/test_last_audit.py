"""When an audit last proved that nothing is missing: kept in the ledger, shown by the metrics."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.audits import LONG_AGO, audited, delete_rows
from tests.support.daemons import EVERY_SECOND
from tests.support.privileged import folder_for_all, needs_root, run_as, uid_of
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from watcher.ledger.sqlite import LedgerReader
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

SECOND = "second-bucket"
ON_ANY_PORT = '[http]\nlisten = "127.0.0.1:0"'


@pytest.fixture
def scanned(workspace: Workspace, sandbox: Sandbox) -> Workspace:
    """Two watches with an object each, both registered."""
    sandbox.oss.create_bucket(SECOND)
    for bucket in (BUCKET, SECOND):
        sandbox.oss.fill(bucket, ["a.mp4"], modified_at=LONG_AGO)
    workspace.configure(workspace.watch(), workspace.watch("second", f"oss://{SECOND}/"))
    assert workspace.scan().status == 0
    return workspace


def kept(workspace: Workspace) -> int | None:
    with LedgerReader(workspace.ledger) as reader:
        return reader.last_audit_at()


def test_a_proof_for_all_watches_is_kept_and_the_file_s_bytes_stay(scanned: Workspace) -> None:
    assert kept(scanned) is None
    before, began_ms = scanned.ledger.read_bytes(), time.time() * 1000  # noqa: TID251 (a real process)
    audited(scanned)
    first = kept(scanned)
    assert first
    assert began_ms - 1 <= first <= time.time() * 1000  # noqa: TID251
    assert scanned.ledger.read_bytes() == before
    assert {path.name for path in scanned.folder.glob("ledger.db?*")} <= {
        "ledger.db-wal",
        "ledger.db-shm",
    } | {
        "ledger.db.lock"  # of the scan
    }
    audited(scanned)
    second = kept(scanned)
    assert second
    assert second > first
    assert scanned.scan().status == 0
    assert kept(scanned) == second
    audited(scanned, "--watch", "second", "--watch", "videos")
    third = kept(scanned)
    assert third
    assert third > second


@pytest.mark.parametrize("why", ["one watch", "unaccounted", "incomplete"])
def test_an_audit_that_proves_less_is_not_kept(
    scanned: Workspace, sandbox: Sandbox, why: str
) -> None:
    match why:
        case "one watch":
            audited(scanned, "--watch", "second")
        case "unaccounted":
            delete_rows(scanned, "a.mp4")
            audited(scanned, status=6)
        case _:
            sandbox.hook = Faults(Fault(operation="ListObjectsV2", kind="access_denied", skip=1))
            audited(scanned, status=5)
    assert kept(scanned) is None


def test_a_daemon_shows_an_audit_that_runs_beside_it(scanned: Workspace) -> None:
    tables = (
        scanned.watch(more=EVERY_SECOND),
        scanned.watch("second", f"oss://{SECOND}/", EVERY_SECOND),
    )
    scanned.configure(*tables, more=ON_ANY_PORT)
    with Running(scanned) as running:
        running.until_logged("scan.finished", times=2)
        assert "last_audit_timestamp_seconds " not in re.sub(r"#.*", "", running.get("/metrics")[1])
        audited(scanned)
        at = (kept(scanned) or 0) / 1000
        found = re.search(
            r"^oss_vod_watcher_last_audit_timestamp_seconds (\S+)$", figures(running), re.MULTILINE
        )
        assert found
        assert float(found[1]) == pytest.approx(at, abs=0.01)
        assert running.stop() == 0
    assert kept(scanned) == round(at * 1000)


def figures(running: Running) -> str:
    running.until(
        lambda: "\noss_vod_watcher_last_audit_timestamp_seconds " in running.get("/metrics")[1],
        "shown",
    )
    return running.get("/metrics")[1]


def test_an_audit_without_permission_to_write_says_that_it_is_not_kept(sandbox: Sandbox) -> None:
    needs_root("run as another user")
    sandbox.oss.put(BUCKET, "a.mp4")
    with folder_for_all() as outside:
        workspace = Workspace(outside, sandbox)
        assert workspace.run("ledger", "init").status == 0
        assert workspace.scan().status == 0
        workspace.config.chmod(0o644)
        workspace.ledger.chmod(0o644)
        assert workspace.ledger.stat().st_uid != uid_of("nobody")
        outside.chmod(0o777)  # SQLite wants to make its log there to read at all
        ran = run_as("nobody", workspace, ["audit"])
        assert ran.status == 0, ran.err
        assert "every matching object is accounted for" in ran.out
        assert "note: the metrics do not show this audit" in ran.err
        assert kept(workspace) is None

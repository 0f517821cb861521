"""An audit that is cut short, lied to, or beside others at work: it claims no more than it saw."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.audits import LONG_AGO, audited, delete_rows, only, record
from tests.support.workspace import BUCKET, Workspace
from watcher.operations.audit import AuditedWatch, AuditReport
from watcher.sandbox.hook import NoHook
from watcher.sandbox.http_server import Answer, HungUp
from watcher.sandbox.oss.answers import OssRefused

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox
    from watcher.sandbox.http_server import Request

pytestmark = pytest.mark.long

FORBIDDEN = Answer(
    status=403, body=OssRefused(403, "AccessDenied", "You have no right.").body("id", "host")
)


class Breaks(NoHook):
    """Passes on so many list calls, then refuses; or hangs up on one of them."""

    def __init__(self, *, good: int = 10**9, hang_up_on: int = 0) -> None:
        self._good, self._hang_up_on, self.lists = good, hang_up_on, 0

    def before_effect(self, service: str, request: Request) -> Answer | None:
        if service != "oss" or "list-type" not in dict(request.query):
            return None
        self.lists += 1
        if self.lists == self._hang_up_on:
            raise HungUp
        return None if self.lists <= self._good else FORBIDDEN


def test_an_incomplete_listing_proves_nothing_and_calls_nothing_gone_beyond(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """Exit 5, also with unaccounted objects; rows are judged up to the last key seen."""
    keys = [f"{n:05}.mp4" for n in range(2500)]
    record(workspace, sandbox, *keys)
    for key in (keys[5], keys[999], keys[2400]):
        sandbox.oss.delete(BUCKET, key)
    delete_rows(workspace, keys[7], keys[1700])
    sandbox.hook = Breaks(good=1)

    report = audited(workspace, status=5)

    (watch,) = report["watches"]
    assert (watch["complete"], watch["listed"], watch["pending"], watch["gone"]) == (
        False,
        1000,
        999,
        2,
    )
    assert report["unaccounted_keys"] == [f"oss://{BUCKET}/{keys[7]}"]
    sandbox.hook = Breaks(good=1)
    shown = workspace.run("audit")
    assert "AccessDenied" in shown.err
    assert 'nothing is proven: the listing of "videos" is incomplete' in shown.out
    sandbox.hook = Breaks(good=0)
    assert only(audited(workspace, status=5)) == {}


def test_a_page_that_failed_once_is_asked_for_again(workspace: Workspace, sandbox: Sandbox) -> None:
    """Whichever page it is, the first one too: nothing is counted twice, nothing left out."""
    record(workspace, sandbox, *(f"{n:05}.mp4" for n in range(1500)))
    workspace.configure(workspace.watch().replace('"all"', '"now"'))
    sandbox.oss.put(BUCKET, "z.mp4", modified_at=LONG_AGO)
    before_start = {"before_start": 1}
    for number in (1, 2):
        sandbox.hook = Breaks(hang_up_on=number)
        assert only(audited(workspace)) == {
            "complete": True,
            "listed": 1501,
            "excluded": before_start,
            "pending": 1500,
        }


def test_an_empty_answer_is_not_believed_before_a_scan_believes_it(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    record(workspace, sandbox, "a.mp4", "b.mp4")
    for key in ("a.mp4", "b.mp4"):
        sandbox.oss.delete(BUCKET, key)

    doubted = workspace.run("audit")

    assert doubted.status == 5
    assert f"nothing below oss://{BUCKET}/" in doubted.err
    assert only(audited(workspace, status=5)) == {}
    for _ in range(3):
        workspace.scan()
    assert only(audited(workspace)) == {"complete": True, "gone": 2}


def test_a_watch_that_never_saw_anything_may_be_empty(workspace: Workspace) -> None:
    assert only(audited(workspace)) == {"complete": True}
    workspace.scan()
    assert only(audited(workspace)) == {"complete": True}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_audit_says_that_it_is_none(
    workspace: Workspace, sandbox: Sandbox, number: signal.Signals, status: int
) -> None:
    slow = "list_calls_per_second = 1"
    workspace.configure(
        workspace.watch(more=slow), workspace.watch("more", f"oss://{BUCKET}/0", slow)
    )
    sandbox.oss.fill(BUCKET, [f"{n:05}.mp4" for n in range(9_000)])
    command = [
        sys.executable,
        "-m",
        "watcher",
        "-c",
        str(workspace.config),
        "audit",
        "--output-format",
        "json",
    ]
    child = subprocess.Popen(
        command, env=workspace.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not sandbox.oss.journal:
        time.sleep(0.01)  # noqa: TID251 (waits for another process)
    child.send_signal(number)
    out, err = child.communicate(timeout=30)

    assert child.returncode == status
    assert "interrupted" in err
    assert "Traceback" not in err
    first, second = json.loads(out)["watches"]
    assert not first["complete"]
    assert (first["listed"] > 0, first["unaccounted"], second["complete"], second["listed"]) == (
        True,
        first["listed"],
        False,
        0,
    )


def test_it_stays_true_while_objects_are_put_and_scans_record_them(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    """New objects never count as unaccounted, nor rows recorded meanwhile as gone."""
    sandbox.oss.fill(BUCKET, [f"{n:05}-old.mp4" for n in range(3000)])
    sandbox.vod.remove_bucket(BUCKET)
    workspace.scan()
    done, puts = threading.Event(), 0

    def put() -> None:
        nonlocal puts
        while not done.wait(0.002):
            sandbox.oss.put(BUCKET, f"{puts * 7919 % 3000:05}-{puts}.mp4")
            puts += 1

    def scan() -> None:
        while not done.is_set():
            workspace.scan()

    threads = [threading.Thread(target=put), threading.Thread(target=scan)]
    for thread in threads:
        thread.start()
    try:
        reports = [audited(workspace) for _ in range(6)]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert puts > 100
    assert all("gone" not in only(report) for report in reports)
    assert only(reports[-1])["pending"] > 3000


def test_it_makes_neither_ledger_nor_lock_and_leaves_the_bytes_alone(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, ["a.mp4", "b.mp4"], modified_at=LONG_AGO)
    workspace.scan()
    delete_rows(workspace, "b.mp4")
    for path in workspace.folder.glob("ledger.db?*"):
        path.unlink()
    before, calls = workspace.ledger.read_bytes(), len(sandbox.vod.journal)

    audited(workspace, status=6)

    assert workspace.ledger.read_bytes() == before
    assert sorted(path.name for path in workspace.folder.iterdir()) == ["ledger.db", "watcher.toml"]
    assert len(sandbox.vod.journal) == calls
    workspace.ledger.unlink()
    assert workspace.run("audit").status == 4
    assert sorted(path.name for path in workspace.folder.iterdir()) == ["watcher.toml"]


def test_usage_and_credentials_are_exit_2(workspace: Workspace, sandbox: Sandbox) -> None:
    unknown = workspace.run("audit", "--watch", "missing")
    assert unknown.status == 2
    assert "Configured are: videos" in unknown.err
    bare = {
        name: value
        for name, value in workspace.env.items()
        if not name.startswith("ALIBABA_CLOUD_ACCESS")
    }
    assert (
        workspace.run("audit", env=bare | {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}).status
        == 2
    )
    assert not sandbox.oss.journal


def test_the_vod_service_need_not_be_there(workspace: Workspace, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    workspace.scan()
    text = workspace.config.read_text()
    workspace.config.write_text(
        text.replace(f'[vod]\nendpoint = "{sandbox.url}"', '[vod]\nendpoint = "http://127.0.0.1:9"')
    )
    assert only(audited(workspace)) == {"complete": True, "listed": 1, "registered": 1}


def test_counts_that_do_not_add_up_are_no_proof() -> None:
    right = AuditedWatch(watch="a", complete=True, listed=2, registered=1, new=1, changed=1, gone=9)
    assert AuditReport(watches=[right]).exit_status == 0
    wrong = AuditedWatch(watch="a", complete=True, listed=3, registered=1, new=1)
    assert AuditReport(watches=[right, wrong]).exit_status == 5

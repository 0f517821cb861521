"""`run` beside other commands, and under a configuration that changes."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import EVERY_SECOND, NO_PAGE, known, put
from tests.support.held_calls import held_calls
from tests.support.lock_owner import until
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET, Workspace
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("seconds")


# Beside others


def test_a_second_one_is_refused(daemon: Running, workspace: Workspace) -> None:
    second = workspace.run("run")
    assert (second.status, str(daemon.pid) in second.err) == (3, True)
    assert daemon.stop() == 0
    assert workspace.run("scan").status == 0


def test_a_scan_beside_it_records_and_leaves_registering_to_it(
    daemon: Running, sandbox: Sandbox
) -> None:
    daemon.workspace.configure(daemon.workspace.watch(more='schedule = "1h"'), more=NO_PAGE)
    daemon.send(signal.SIGHUP)
    daemon.until_logged("daemon.reloaded")
    daemon.until_logged("scan.finished", times=2)
    put(sandbox, "a.mp4")
    beside = daemon.workspace.scan()
    assert (beside.status, beside.json["registered"]) == (0, 0)
    assert f"registering: pid {daemon.pid}" in beside.err
    daemon.until_logged("batch.settled")
    assert daemon.stop() == 0


def test_beside_a_one_shot_it_lists_and_takes_over_when_that_ends(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    put(sandbox, "a.mp4")
    with held_calls(sandbox, "RegisterMedia", next=1) as let_go:
        one_shot = workspace.begin("scan")
        until(lambda: list(workspace.folder.glob("ledger.db.lock")), one_shot)
        with Running(workspace) as running:
            degraded = running.until_logged("daemon.degraded")
            assert degraded["reasons"] == [f"registering: pid {one_shot.pid}"]
            running.until_logged("scan.finished")
            put(sandbox, "b.mp4")
            let_go()
            one_shot.communicate(timeout=30)
            running.until_logged("daemon.ready", times=2)
            running.until(lambda: known(sandbox) == {"a.mp4", "b.mp4"}, "both are registered")
            assert running.stop() == 0
    assert one_shot.returncode == 0


@pytest.mark.parametrize("replaced", [False, True])
def test_whose_ledger_is_removed_or_replaced_it_exits_4(
    daemon: Running, sandbox: Sandbox, *, replaced: bool
) -> None:
    workspace = daemon.workspace
    put(sandbox, "a.mp4")
    daemon.until_logged("batch.settled")
    workspace.run("ledger", "backup", str(workspace.folder / "backup.db"))
    if replaced:
        (workspace.folder / "backup.db").replace(workspace.ledger)
    else:
        workspace.ledger.unlink()
    assert daemon.ended() == 4
    assert "removed" in daemon.logged("daemon.stopping")[0]["reason"]
    assert workspace.run("scan").status == 4, "the log of the other one is still beside it"


# Another configuration


def test_a_broken_file_is_reported_and_the_old_one_stays_in_force(
    daemon: Running, sandbox: Sandbox
) -> None:
    daemon.workspace.config.write_text("[[watch]]\nname = 1\n", encoding="utf-8")
    daemon.send(signal.SIGHUP)
    refused = daemon.until_logged("daemon.reload_refused")
    assert "watch" in refused["reason"]
    put(sandbox, "a.mp4")
    daemon.until_logged("batch.settled")
    assert daemon.stop() == 0
    assert not daemon.logged("daemon.reloaded")


def test_watches_come_change_and_go_and_no_backlog_is_lost(
    daemon: Running, sandbox: Sandbox
) -> None:
    workspace = daemon.workspace
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="access_denied"))
    put(sandbox, "a/1.mp4", "b/2.mp4", "b/3.mov")
    daemon.until_logged("breaker.opened")
    daemon.until_logged("scan.finished", matched=3)
    sandbox.hook = Faults()
    only_a = workspace.watch(name="a", source=f"oss://{BUCKET}/a/", more=EVERY_SECOND)
    only_b = workspace.watch(
        name="b", source=f"oss://{BUCKET}/b/", more=f'{EVERY_SECOND}\ninclude = ["*.mp4"]'
    )
    workspace.configure(only_a, only_b, more='[http]\nlisten = "127.0.0.1:1"')
    daemon.send(signal.SIGHUP)
    assert "http" in daemon.until_logged("daemon.reloaded")["note"]
    daemon.until(
        lambda: known(sandbox) == {"a/1.mp4", "b/2.mp4"}, "what a watch selects is registered"
    )
    only_b = only_b.replace("*.mp4", "*.m*")
    workspace.configure(only_b, more=NO_PAGE)
    daemon.send(signal.SIGHUP)
    daemon.until_logged("daemon.reloaded", times=2)
    daemon.until(
        lambda: "b/3.mov" in known(sandbox), "a pending one goes to the watch that selects it now"
    )
    assert daemon.stop() == 0
    by_key = {entry["key"]: entry["watch"] for entry in workspace.entries()}
    assert by_key == {"a/1.mp4": "a", "b/2.mp4": "b", "b/3.mov": "b"}


def test_what_waits_goes_to_the_watch_that_selects_it_now_without_a_scan(
    daemon: Running, sandbox: Sandbox
) -> None:
    workspace = daemon.workspace
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="access_denied"))
    put(sandbox, "a/1.mp4")
    daemon.until_logged("breaker.opened")
    sandbox.hook = Faults()
    renamed = workspace.watch(name="a", source=f"oss://{BUCKET}/a/", more='schedule = "0 0 29 2 *"')
    workspace.configure(renamed, more=NO_PAGE)
    daemon.send(signal.SIGHUP)
    daemon.until(lambda: known(sandbox) == {"a/1.mp4"}, "it is registered")
    assert daemon.stop() == 0
    assert [entry["watch"] for entry in workspace.entries()] == ["a"]


def test_a_call_that_ends_during_a_reload_keeps_the_form_of_file_urls_and_the_old_file_in_force(
    daemon: Running, sandbox: Sandbox
) -> None:
    workspace = daemon.workspace
    denied = Fault(operation="RegisterMedia", kind="access_denied")
    sandbox.hook = Faults(denied)
    put(sandbox, "a.mp4")
    daemon.until_logged("breaker.opened")
    with held_calls(sandbox, "ListObjectsV2", denied, next=1):
        starts = len(daemon.logged("scan.started"))
        daemon.until_logged(
            "scan.started", times=starts + 1
        )  # the reload waits for it, and has looked at the file before
        workspace.configure(
            workspace.watch(more=f'{EVERY_SECOND}\nfile_url_encoding = "raw"'), more=NO_PAGE
        )
        daemon.send(signal.SIGHUP)
        time.sleep(1.5)  # noqa: TID251 (nothing shows that it waits)
        with (
            contextlib.closing(sqlite3.connect(workspace.ledger)) as ledger,
            ledger,
        ):  # as if a call had been in flight
            ledger.execute("UPDATE entry SET state = 'registered', media_id = 'm', due_at = NULL")
    assert "second media" in daemon.until_logged("daemon.reload_refused")["reason"]
    scans = len(daemon.logged("scan.finished"))
    daemon.until_logged("scan.finished", times=scans + 2)
    assert daemon.stop() == 0


def test_a_form_of_file_url_that_would_double_every_media_is_refused(
    daemon: Running, sandbox: Sandbox
) -> None:
    workspace = daemon.workspace
    put(sandbox, "a.mp4")
    daemon.until_logged("batch.settled")
    other_form = f'{EVERY_SECOND}\nfile_url_encoding = "raw"'
    workspace.configure(workspace.watch(more=other_form), more=NO_PAGE)
    daemon.send(signal.SIGHUP)
    assert "second media" in daemon.until_logged("daemon.reload_refused")["reason"]
    put(sandbox, "b.mp4")
    daemon.until_logged("batch.settled", times=2)
    assert daemon.stop() == 0

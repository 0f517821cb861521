"""The messages of `run` to systemd."""

from __future__ import annotations

import resource
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.crash_workspace import states
from tests.support.daemons import EVERY_SECOND, NO_PAGE, put
from tests.support.held_calls import held_calls
from tests.support.running_daemon import Running

if TYPE_CHECKING:
    from tests.support.daemons import Systemd
    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("seconds")


def test_systemd_hears_of_ready_reload_life_and_stop_in_that_order(
    workspace: Workspace, systemd: Systemd
) -> None:
    with Running(workspace, env=systemd.env) as running:
        running.until(lambda: systemd.has_heard("READY"), "READY=1")
        running.until_logged("scan.finished")
        running.until(lambda: systemd.has_heard("WATCHDOG"), "WATCHDOG=1")
        running.send(signal.SIGHUP)
        running.until_logged("daemon.reloaded")
        running.until(lambda: systemd.listen() and "WATCHDOG" in systemd.heard[-1], "it lives on")
        assert running.stop() == 0
    systemd.listen()
    order = [
        name
        for message in systemd.heard
        for name in message
        if name in {"READY", "RELOADING", "STOPPING"}
    ]
    assert order == ["READY", "RELOADING", "READY", "STOPPING"]
    assert "queued" in systemd.heard[0]["STATUS"]
    after = [
        message["STATUS"]
        for message in systemd.heard
        if "last scan: videos, complete" in message.get("STATUS", "")
    ]
    assert after, "no status names a scan"


def test_systemd_gets_no_sign_of_life_while_a_call_hangs(
    workspace: Workspace, sandbox: Sandbox, systemd: Systemd
) -> None:
    workspace.configure(
        workspace.watch(more=EVERY_SECOND), vod="concurrent_calls = 1", more=NO_PAGE
    )
    put(sandbox, "a.mp4")
    with (
        held_calls(sandbox, "RegisterMedia") as let_go,
        Running(workspace, env=systemd.env | {"WATCHDOG_USEC": "2000000"}) as running,
    ):
        degraded = running.until_logged("daemon.degraded")
        assert any("registering" in reason for reason in degraded["reasons"])
        systemd.listen()
        time.sleep(1.5)  # noqa: TID251
        assert not [message for message in systemd.listen() if "WATCHDOG" in message]
        let_go()
        running.until_logged("batch.settled")
        running.until_logged("daemon.ready", times=2)
        running.until(
            lambda: [message for message in systemd.listen() if "WATCHDOG" in message],
            "it lives again",
        )


def test_systemd_gets_no_sign_of_life_while_a_call_hangs_and_a_scan_waits_for_the_disk(
    workspace: Workspace, sandbox: Sandbox, systemd: Systemd
) -> None:
    """The wait of one worker excuses no other worker."""
    workspace.configure(
        workspace.watch(more=EVERY_SECOND), vod="concurrent_calls = 1", more=NO_PAGE
    )
    with (
        Running(workspace, env=systemd.env | {"WATCHDOG_USEC": "2000000"}) as running,
        held_calls(sandbox, "RegisterMedia") as let_go,
    ):
        running.until_logged("scan.finished")
        put(sandbox, "a.mp4")
        running.until(
            lambda: "claimed" in states(workspace.ledger).values(), "the call is under way"
        )
        resource.prlimit(
            running.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY)
        )  # no file grows further
        put(sandbox, "b.mp4")
        running.until(
            lambda: any(
                "registering" in str(each["reasons"]) and "disk" in str(each["reasons"])
                for each in running.logged("daemon.degraded")
            ),
            "both are reported",
        )
        systemd.listen()
        time.sleep(1.5)  # noqa: TID251
        assert not [message for message in systemd.listen() if "WATCHDOG" in message]
        resource.prlimit(
            running.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )
        let_go()
        running.until_logged("daemon.ready", times=2)
        running.until(
            lambda: [message for message in systemd.listen() if "WATCHDOG" in message],
            "it lives again",
        )

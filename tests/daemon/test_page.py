"""The page of a working daemon agrees with the ledger and the log."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import EVERY_SECOND, known, put
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox

ON_ANY_PORT = '[http]\nlisten = "127.0.0.1:0"\n[retry]\nfirst_delay = "100ms"\nmax_delay = "1s"'


@pytest.fixture
def shown(workspace: Workspace) -> Iterator[Running]:
    """A daemon with a page."""
    workspace.configure(workspace.watch(more=EVERY_SECOND), more=ON_ANY_PORT)
    with Running(workspace) as running:
        running.until_logged("scan.finished")
        yield running


def figure(running: Running, name: str) -> float:
    """Return the value of a metric, 0 if it is missing."""
    found = re.search(
        rf"^{re.escape(f'oss_vod_watcher_{name}')} (\S+)$", running.get("/metrics")[1], re.MULTILINE
    )
    return float(found[1]) if found else 0.0


def test_counts_match_the_work_done(shown: Running, sandbox: Sandbox) -> None:
    put(sandbox, *(f"{n}.mp4" for n in range(25)), "bad.mp4")
    sandbox.vod.refuse("media-bucket", "bad.mp4")
    shown.until_logged("media.failed")
    shown.until(lambda: len(known(sandbox)) == 25, "the others are registered")
    shown.until(
        lambda: figure(shown, 'registered_total{new_register="true",watch="videos"}') == 25,
        "counted",
    )
    assert figure(shown, 'failed_total{reason="refused",watch="videos"}') == 1
    shown.until(
        lambda: figure(shown, 'entries{state="failed",watch="videos"}') == 1, "read from the ledger"
    )
    calls = len(sandbox.vod.journal)
    shown.until(
        lambda: figure(shown, 'register_calls_total{code="OK"}') == calls, "every call is counted"
    )
    listed = figure(shown, 'listed_objects_total{watch="videos"}')
    assert listed >= 26
    assert figure(shown, 'list_calls_total{watch="videos"}') >= len(shown.logged("scan.finished"))
    shown_status = json.loads(shown.get("/status.json")[1])
    asked = json.loads(shown.workspace.run("status", "--output-format", "json").out)
    for each in (shown_status, asked):
        for watch in each["watches"]:
            watch.pop("last_complete_scan_at")  # another second, another scan
            watch.pop("list_gb_per_day")
    assert shown_status == asked
    assert shown.stop() == 0


def test_the_daemon_is_ready_except_while_calls_are_stopped(
    shown: Running, sandbox: Sandbox
) -> None:
    assert shown.get("/livez")[0] == shown.get("/readyz")[0] == 200
    sandbox.hook = Faults(Fault(operation="RegisterMedia", kind="access_denied"))
    put(sandbox, "a.mp4")
    shown.until(lambda: shown.get("/readyz")[0] == 503, "not ready")
    status, reasons = shown.get("/readyz")
    assert (status, "no calls at all" in reasons) == (503, True)
    assert shown.get("/livez")[0] == 200
    assert figure(shown, 'breaker_open{bucket=""}') == 1
    sandbox.hook = Faults()
    shown.until(lambda: shown.get("/readyz")[0] == 200, "ready again")
    assert shown.stop() == 0


def test_a_reloaded_watch_is_shown_and_counts_continue(shown: Running, sandbox: Sandbox) -> None:
    workspace = shown.workspace
    put(sandbox, "a.mp4")
    shown.until(
        lambda: figure(shown, 'registered_total{new_register="true",watch="videos"}') == 1, "one"
    )
    sandbox.oss.create_bucket("another-bucket")
    another = workspace.watch(name="another", source="oss://another-bucket/", more=EVERY_SECOND)
    workspace.configure(workspace.watch(more=EVERY_SECOND), another, more=ON_ANY_PORT)
    shown.send(signal.SIGHUP)
    shown.until_logged("scan.finished", watch="another")
    assert figure(shown, 'registered_total{new_register="true",watch="videos"}') == 1
    shown.until(
        lambda: 'watch="another"' in shown.get("/metrics")[1], "the new watch has its figures"
    )
    assert "another" in shown.get("/")[1]
    assert shown.stop() == 0


@pytest.mark.long
def test_three_thousand_metrics_requests_do_not_slow_a_backlog(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, [f"{n:04}.mp4" for n in range(8000)])
    workspace.configure(vod="calls_per_second = 20", more=ON_ANY_PORT)
    with Running(workspace) as running:
        running.until_logged("batch.settled", times=20)
        host, _, port = running.logged("daemon.ready")[0]["listen"].rpartition(":")
        connections = [http.client.HTTPConnection(host, int(port), timeout=10) for _ in range(3)]
        before, began = len(running.logged("batch.settled")), time.monotonic()  # noqa: TID251 (a real process)
        for n in range(3000):
            connections[n % 3].request("GET", "/metrics")
            answer = connections[n % 3].getresponse()
            assert answer.read()
            assert answer.status == 200
        took_s = time.monotonic() - began  # noqa: TID251
        calls = len(running.logged("batch.settled")) - before
        for connection in connections:
            connection.close()
        assert calls >= 0.8 * 20 * took_s - 2
        assert running.stop() == 0


def test_a_port_in_use_is_an_error_and_nothing_is_touched(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        workspace.configure(more=f'[http]\nlisten = "127.0.0.1:{port}"')
        before = workspace.ledger.read_bytes()
        refused = workspace.run("run")
    assert (refused.status, f"127.0.0.1:{port}" in refused.err) == (2, True)
    assert workspace.ledger.read_bytes() == before

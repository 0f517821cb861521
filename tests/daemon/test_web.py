"""The page and the metrics over real HTTP: allowed hosts, headers, probes, shutdown."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support.http_get import get
from tests.support.page_fixture import Served, remember, served
from watcher.errors import AddressUnusable
from watcher.ledger.sqlite import LedgerReader
from watcher.observe.health import Health
from watcher.observe.web import WebServer
from watcher.observe.web.app import ENDPOINTS, Application

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = ("/", "/?span=day", "/search", "/search?q=mp4", "/entry?bucket=b&key=gone.mp4", "/nope")
ALL = (
    *PAGES,
    "/livez",
    "/readyz",
    "/metrics",
    "/status.json",
    "/static/style.css",
    "/static/refresh.js",
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("page")) as it:
        remember(it.view, now_ms=it.view.now_ms())
        yield it


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9464", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:9464"]
)
def test_loopback_names_are_allowed(page: Served, host: str) -> None:
    assert get(page, "/", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "",
        None,
        "[::1",
        "a b",
    ],
)
@pytest.mark.parametrize("target", ["/", "/metrics", "/livez", "/static/style.css"])
def test_on_loopback_other_host_names_are_refused(
    page: Served, target: str, host: str | None
) -> None:
    """A page elsewhere whose name is made to resolve to 127.0.0.1 must read nothing."""
    got = get(page, target, host=host)
    assert got.status == 421
    assert "Use localhost, 127.0.0.1 or [::1]" in got.text


def test_elsewhere_probes_need_no_allowed_host_and_the_rest_does(
    tmp_path: Path,
) -> None:
    with served(tmp_path, listen="0.0.0.0:0", allowed_hosts=["watcher.example.com"]) as it:
        for target in ALL:
            stranger, friend = (
                get(it, target, host="10.1.2.3:9464"),
                get(it, target, host="watcher.example.com:80"),
            )
            assert stranger.status == (
                200 if target in {"/livez", "/readyz", "/metrics"} else 421
            ), target
            assert friend.status == (404 if target == "/nope" else 200), target
        assert get(it, "/", host="localhost").status == 421
        assert "[http] allowed_hosts" in get(it, "/", host="localhost").text


@pytest.mark.parametrize("target", ALL)
def test_every_response_has_the_security_headers(page: Served, target: str) -> None:
    headers = get(page, target).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert {value for name, value in policy.items() if name.endswith("-src")} == {
        "'none'",
        "'self'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] is None


@pytest.mark.parametrize("target", PAGES)
def test_a_page_holds_nothing_inline_and_names_no_other_host(page: Served, target: str) -> None:
    text = get(page, target).text
    assert re.findall(r"<script(?! src=\"/static/)", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", text) == []
    for address in re.findall(r"(?:href|src|action)=\"([^\"]*)\"", text):
        assert address.startswith(("/", "#")), address
        assert not address.startswith("//")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_the_server_is_read_only(page: Served, method: str) -> None:
    got = get(page, "/", method=method)
    assert got.status == 405
    assert got.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("target", ALL)
def test_head_has_the_headers_of_get(page: Served, target: str) -> None:
    got, head = get(page, target), get(page, target, method="HEAD")
    assert head.body == b""
    assert (head.status, head.headers["Content-Type"]) == (got.status, got.headers["Content-Type"])
    assert abs(int(head.headers["Content-Length"]) - len(got.body)) < 50  # ages grow meanwhile


def test_probes_say_why(page: Served) -> None:
    for health, livez, readyz in [
        (Health(live=True, ready=True), (200, "ok\n"), (200, "ok\n")),
        (
            Health(live=True, ready=False, reasons=("one", "two\nlines\x1b[0m")),
            (200, "ok\n"),
            (503, None),
        ),
        (
            Health(live=False, ready=True, reasons=("one", "two\nlines\x1b[0m")),
            (503, None),
            (503, None),
        ),
    ]:
        page.health.append(health)
        for target, (status, text) in (("/livez", livez), ("/readyz", readyz)):
            got = get(page, target)
            assert (got.status, got.text) == (status, text or "one\ntwo\\nlines\\x1b[0m\n")
    page.health.append(Health(live=True, ready=False, reasons=("registering: pid 4711",)))
    assert "Degraded registering: pid 4711" in get(page).visible_text
    page.health.append(Health(live=True, ready=True))


def test_metrics_agree_with_the_ledger(page: Served) -> None:
    got = get(page, "/metrics")
    assert got.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'oss_vod_watcher_entries{state="pending",watch="w"} 113.0' in got.text
    assert 'oss_vod_watcher_scan_interval_seconds{watch="w"} 60.0' in got.text


def test_status_json_equals_the_output_of_the_command(page: Served) -> None:
    shown = json.loads(get(page, "/status.json").text)
    with LedgerReader(page.path, beside=True) as reader:
        rows = reader.status()
    assert [(each["watch"], each["pending"], each["failed"]) for each in shown["watches"]] == [
        (row.watch, row.pending, row.failed) for row in rows
    ]
    assert list(shown) == ["watches", "breaker", "calls_per_second"]


def test_the_table_of_endpoints_matches_the_routes(page: Served) -> None:
    answered = Application(page.view, loopback=True, allowed_hosts=())._routes
    assert [endpoint.path.partition("?")[0] for endpoint in ENDPOINTS] == list(answered)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/entry?bucket=b&key=%FF", 400),
        ("/entry?" + "&".join(f"a{n}=1" for n in range(50)), 400),
        ("/search?q=" + quote("é" * 3000), 200),
        ("/search?q=a&after=nonsense", 200),
        ("/search?q=a&after=%5B1%2C%22%5Cud800%22%5D", 200),
        ("/static/../server.py", 404),
        ("/static/%2e%2e/server.py", 404),
        ("/entry", 404),
        ("//evil.example/", 404),
    ],
)
def test_odd_addresses_do_no_harm(page: Served, target: str, status: int) -> None:
    assert get(page, target).status == status


def test_a_port_in_use_is_refused_with_a_cure(page: Served) -> None:
    with pytest.raises(AddressUnusable) as caught:
        WebServer(page.server.address, allowed_hosts=[], view=page.view)
    assert caught.value.exit_status == 2
    assert "[http] listen" in str(caught.value)
    assert caught.value.hint


def test_an_address_of_another_machine_is_refused(page: Served) -> None:
    with pytest.raises(AddressUnusable):
        WebServer("192.0.2.1:0", allowed_hosts=[], view=page.view)


def test_the_server_closes_within_a_second_despite_open_connections(tmp_path: Path) -> None:
    def threads() -> int:
        return sum(thread.name == "web" for thread in threading.enumerate())

    before = threads()
    with served(tmp_path, filled=False) as it:
        host, _, port = it.server.address.rpartition(":")
        with socket.create_connection((host, int(port))) as idle:
            idle.sendall(b"GET / HTTP/1.1\r\n")
            began = time.monotonic()  # noqa: TID251 (real threads take real time)
            it.server.close()
            assert time.monotonic() - began < 1.5  # noqa: TID251
            it.server.close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((host, int(port)))
    assert threads() == before

"""The messages to systemd, over a real datagram socket."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from watcher.daemon.sd_notify import ServiceManager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW_US = 123_456_789


class Listener:
    """Systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(5)

    def heard(self) -> list[str]:
        """Return the assignments of the next message."""
        return self.socket.recv(65_536).decode().split("\n")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(str(tmp_path / "notify"))
    yield made
    made.socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> ServiceManager:
    return manager(NOTIFY_SOCKET=str(tmp_path / "notify"))


def manager(**env: str) -> ServiceManager:
    return ServiceManager(env, monotonic_us=lambda: NOW_US)


def test_ready_comes_with_a_status(listener: Listener, systemd: ServiceManager) -> None:
    systemd.ready("12 pending")
    assert listener.heard() == ["READY=1", "STATUS=12 pending"]


def test_a_reload_carries_the_monotonic_clock_by_which_systemd_orders_it(
    listener: Listener, systemd: ServiceManager
) -> None:
    systemd.reloading()
    assert listener.heard() == ["RELOADING=1", f"MONOTONIC_USEC={NOW_US}"]


def test_every_message_is_one_datagram_in_the_words_of_the_protocol(
    listener: Listener, systemd: ServiceManager
) -> None:
    systemd.status("last scan 3 s ago")
    systemd.alive()
    systemd.extend_start(90.5)
    systemd.stopping("waiting for 2 calls")
    heard = [listener.heard() for _ in range(4)]
    assert heard == [
        ["STATUS=last scan 3 s ago"],
        ["WATCHDOG=1"],
        ["EXTEND_TIMEOUT_USEC=90500000"],
        ["STOPPING=1", "STATUS=waiting for 2 calls"],
    ]


def test_a_socket_in_the_abstract_space_is_reached_too() -> None:
    name = f"oss-vod-watcher-test-{os.getpid()}"
    listener = Listener(f"\0{name}")
    manager(NOTIFY_SOCKET=f"@{name}").ready("")
    assert listener.heard() == ["READY=1", "STATUS="]
    listener.socket.close()


@pytest.mark.parametrize("text", ["a\nREADY=1", "a\r\x1b[31mb", "\udc80", "\u2028"])
def test_a_status_stays_one_line_and_cannot_say_anything_else(
    listener: Listener, systemd: ServiceManager, text: str
) -> None:
    systemd.status(text)
    (line,) = listener.heard()
    assert line.startswith("STATUS=")
    assert line.isprintable()


def test_a_status_holds_no_secret(listener: Listener, systemd: ServiceManager) -> None:
    systemd.status("GET https://vod/?Signature=abc%3D&x=1 failed")
    assert "abc%3D" not in listener.heard()[0]


def test_a_status_is_cut_before_systemd_would_pass_over_the_whole_message(
    listener: Listener, systemd: ServiceManager
) -> None:
    systemd.ready("影" * 3000)
    ready, status = listener.heard()
    assert ready == "READY=1"
    assert status.endswith("影…")
    assert len(f"{ready}\n{status}".encode()) < 4096


@pytest.mark.parametrize("address", ["", "relative", "/no/such/folder/socket", "/" + "x" * 500])
def test_where_silent_listens_nothing_is_said_and_nothing_raised(address: str) -> None:
    silent = manager(NOTIFY_SOCKET=address) if address else manager()
    silent.ready("x")
    silent.alive()


@pytest.mark.parametrize(
    ("env", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "120000000"}, 120.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours_only_if_systemd_says_so(
    env: dict[str, str], seconds: float | None
) -> None:
    assert manager(**env).watchdog_s == seconds

"""Rows: a daemon whose bucket does not change."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.growing import say
from tests.bench.measuring import NotMeasured
from tests.bench.report import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.station import Station

_PERIODS = 3  # the first scans of the process are not what is measured
_LONGEST_S = 120.0  # from one scan to the next


def idle(station: Station) -> Iterator[Row]:
    """Yield the cost of a daemon with a scan each minute, between the ends of two scans."""
    say(f"{station.stub.n:,} objects: a daemon with nothing to do, for two minutes")
    daemon = subprocess.Popen(station.command("run"), env=station.env, stdout=-3, stderr=-3)
    try:
        for _ in range(_PERIODS):
            station.stub.counted()
            before_s, began = _cpu_s(daemon.pid), time.perf_counter()
            _next_scan(station)
        cpu_s, took_s = _cpu_s(daemon.pid) - before_s, time.perf_counter() - began
        calls = station.stub.counted()["list_calls"]
    finally:
        daemon.terminate()
        daemon.wait()
    yield Row(
        what=(
            f"idle daemon with {station.stub.n:,} unchanged objects, a scan each minute: share of "
            "a core"
        ),
        ours=f"{cpu_s:.2f} s CPU and {calls:,.0f} requests in {took_s:.0f} s",
        figure=cpu_s / took_s * 100,
        unit="%",
    )


def _next_scan(station: Station) -> None:
    """Wait until another scan is complete."""
    before, deadline = _scanned_at(station), time.perf_counter() + _LONGEST_S
    while _scanned_at(station) == before:
        if time.perf_counter() > deadline:
            raise NotMeasured("the daemon did not scan")
        time.sleep(0.1)  # noqa: TID251 (real time is what this is about)


def _scanned_at(station: Station) -> int:
    with contextlib.closing(sqlite3.connect(station.ledger)) as db:
        return int(db.execute("SELECT max(complete_at) FROM watch").fetchone()[0])


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

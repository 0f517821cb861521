"""Rows: how full the quota is, and what a registered object costs in the ledger."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.bench.growing import say
from tests.bench.measuring import NotMeasured, measure
from tests.bench.report import Row
from tests.bench.station import BUCKET, Station, Stub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUOTA = 50
_LATENCY_S = 0.1
_ONE_AT_A_TIME = 60
_FAST = "calls_per_second = 1000\nconcurrent_calls = 16"  # far above the real quota, so that the run ends


def quota(folder: Path, n: int, *, shape: str) -> Iterator[Row]:
    """Yield how n objects are registered at 100 ms a call and 50 calls a second."""
    say(f"{n:,} objects registered at {QUOTA} calls a second")
    with Stub(folder, n, shape=shape) as stub:
        stub.slow_down(register_s=_LATENCY_S)
        station = Station(folder / "quota", stub)
        station.configure(vod=f"calls_per_second = {QUOTA}\nconcurrent_calls = 8")
        ours = station.scan()
        counts = stub.counted()
        if ours.json["registered"] != n:
            raise NotMeasured(f"{ours.json['registered']} of {n} were registered")
        rate = n / ours.wall_s
        theirs = _one_at_a_time(station)
    calls, span_s = counts["register_calls"], counts["register_span_s"]
    yield Row(
        what=f"register at 100 ms and {QUOTA} calls/s, wall", ours=f"{rate:.0f} objects/s",
        peer=f"one at a time: {theirs:.1f} objects/s", figure=rate / theirs, at_least=40,
    )  # fmt: skip
    yield Row(
        what="share of the quota while there is a backlog", ours=f"{calls:,.0f} calls in {span_s:.1f} s",
        figure=(calls - 1) / span_s / QUOTA * 100, unit="%", at_least=95,
    )  # fmt: skip
    most = counts["most_register_calls_in_a_second"]
    yield Row(what="most calls that arrived in any second", figure=most, unit="calls", at_most=QUOTA + 1)
    yield Row(what="objects a call", figure=counts["registered_items"] / calls, unit="")


def _one_at_a_time(station: Station) -> float:
    """Return objects a second of the obvious script, on its first few."""
    database = station.ledger.with_name("obvious.db")
    arguments = [station.stub.url, BUCKET, str(database), str(_ONE_AT_A_TIME), "register"]
    told = measure([sys.executable, "-m", "tests.bench.peers.obvious", *arguments], env=station.env).json
    return float(told["new"] / told["wall_s"])


def ledger(folder: Path, n: int, *, shape: str) -> Iterator[Row]:
    """Yield what n objects take in the ledger once VOD has registered them."""
    say(f"{n:,} objects registered as fast as it goes, for the ledger's size")
    with Stub(folder, n, shape=shape) as stub:
        station = Station(folder / "ledger", stub)
        station.configure(vod=_FAST)
        done = station.scan()
        if done.json["registered"] != n:
            raise NotMeasured(f"{done.json['registered']} of {n} were registered")
        left, vacuumed = station.ledger_bytes() / n, station.vacuumed_bytes() / n
    where = f"{n:,} objects, keys of 60 bytes"
    yield Row(
        what="ledger, registered, as the scan leaves it (aim: 240)", ours=where, figure=left, unit="B/object",
        at_most=300,
    )  # fmt: skip
    yield Row(what="ledger after VACUUM (aim: 200)", ours=where, figure=vacuumed, unit="B/object")
    yield Row(
        what="registering without a quota", ours=f"{n / done.wall_s:,.0f} objects/s",
        figure=done.cpu_s / done.json["register_calls"] * 1000, unit="ms CPU a call",
    )  # fmt: skip

"""Rows: how full the quota is, and what a registered object costs in the ledger."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.bench.growing import say
from tests.bench.measuring import NotMeasured, cheapest, measure
from tests.bench.report import Row
from tests.bench.station import BUCKET, Station, Stub
from watcher.rules.batching import MAX_ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

QUOTA = 50
_LATENCY_S = 0.1
_ONE_AT_A_TIME = 60
# Far above the real quota, so that the run ends.
_FAST = "calls_per_second = 1000\nconcurrent_calls = 16"


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
        what=f"register at 100 ms and {QUOTA} calls/s, wall",
        ours=f"{rate:.0f} objects/s",
        peer=f"one at a time: {theirs:.1f} objects/s",
        figure=rate / theirs,
        at_least=40,
    )
    yield Row(
        what="share of the quota while there is a backlog",
        ours=f"{calls:,.0f} calls in {span_s:.1f} s",
        figure=(calls - 1) / span_s / QUOTA * 100,
        unit="%",
        at_least=95,
    )
    most = counts["most_register_calls_in_a_second"]
    yield Row(
        what="most calls that arrived in any second", figure=most, unit="calls", at_most=QUOTA + 1
    )
    yield Row(what="objects a call", figure=counts["registered_items"] / calls, unit="")


def _one_at_a_time(station: Station) -> float:
    """Return objects a second of the obvious script, on its first few."""
    database = station.ledger.with_name("obvious.db")
    arguments = [station.stub.url, BUCKET, str(database), str(_ONE_AT_A_TIME), "register"]
    measured = measure(
        [sys.executable, "-m", "tests.bench.peers.obvious", *arguments], env=station.env
    ).json
    return float(measured["new"] / measured["wall_s"])


def queues(folder: Path, sizes: Sequence[int], *, seconds: float) -> Iterator[Row]:
    """Yield the cost of a call with so many entries due, and how full the quota is.

    All entries are due at one instant; the quota is measured with the most entries.
    """
    with Stub(folder, 1_000) as stub:
        stub.slow_down(register_s=_LATENCY_S)
        for n in sizes:
            say(f"{n:,} entries that are due at one instant")
            station = Station(
                folder / f"queue-{n}", stub, prefix="queue/"
            )  # nothing is listed there
            station.configure(vod=f"calls_per_second = {QUOTA}\nconcurrent_calls = 8")
            station.scan()
            idle = cheapest([station.scan(), station.scan()])
            station.queue(n)
            stub.counted()
            is_cut_short = n > seconds * QUOTA * MAX_ITEMS
            cost = (
                station.run("scan", stop_after_s=seconds, status=143)
                if is_cut_short
                else station.run("scan")
            )
            counts = stub.counted()
            calls, span_s = counts["register_calls"], counts["register_span_s"]
            yield Row(
                what=f"a call with {n:,} entries due at one instant",
                ours=f"{calls:,.0f} calls",
                figure=(cost.cpu_s - idle.cpu_s) / calls * 1000,
                unit="ms CPU",
                at_most=3,
            )
            if is_cut_short:
                yield Row(
                    what=f"share of the quota with {n:,} entries queued",
                    ours=f"{calls:,.0f} calls in {span_s:.1f} s",
                    figure=(calls - 1) / span_s / QUOTA * 100,
                    unit="%",
                    at_least=98,
                )
                most = counts["most_register_calls_in_a_second"]
                yield Row(
                    what=f"most calls in any second, {n:,} queued",
                    figure=most,
                    unit="calls",
                    at_most=QUOTA + 1,
                )


def retried(folder: Path, n: int) -> Iterator[Row]:
    """Yield what `retry --all-failed` costs with n failed entries, and a call after it."""
    say(f"{n:,} failed entries retried")
    with Stub(folder, 1_000) as stub:
        stub.slow_down(register_s=_LATENCY_S)
        station = Station(folder / "retried", stub, prefix="queue/")
        station.configure(vod=f"calls_per_second = {QUOTA}\nconcurrent_calls = 8")
        station.scan()
        idle = cheapest([station.scan(), station.scan()])
        station.queue(n)
        station.call_all_failed()
        retry = station.run("retry", "--all-failed")
        yield Row(
            what=f"`retry --all-failed` of {n:,} entries",
            ours=f"{retry.wall_s:.1f} s",
            figure=retry.cpu_s / n * 1e6,
            unit="us CPU an entry",
            at_most=20,
        )
        stub.counted()
        short = station.run("scan", stop_after_s=1.0 + idle.wall_s, status=143)
        stub.counted()
        cost = station.run("scan", stop_after_s=20.0, status=143)
        calls = stub.counted()["register_calls"]
        yield Row(
            what=f"a call after `retry --all-failed` of {n:,}",
            ours=f"first second: {short.cpu_s:.1f} s CPU",
            figure=(cost.cpu_s - idle.cpu_s) / calls * 1000,
            unit="ms CPU",
            at_most=3,
        )


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
        what="ledger, registered, as the scan leaves it (aim: 240)",
        ours=where,
        figure=left,
        unit="B/object",
        at_most=300,
    )
    yield Row(what="ledger after VACUUM (aim: 200)", ours=where, figure=vacuumed, unit="B/object")
    yield Row(
        what="registering without a quota",
        ours=f"{n / done.wall_s:,.0f} objects/s",
        figure=done.cpu_s / done.json["register_calls"] * 1000,
        unit="ms CPU a call",
    )

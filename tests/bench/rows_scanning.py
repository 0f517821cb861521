"""Rows: scans end to end, beside the script at 1000 keys a page.

The script is measured on its first objects and stretched to the size of the bucket.  Neither pays
for its start here: its imports are not counted, and ours are what a scan of nothing costs.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tests.bench.growing import nobody_registers, say
from tests.bench.idling import idle
from tests.bench.measuring import NotMeasured, cheapest, measure
from tests.bench.report import Row, attempted
from tests.bench.station import BUCKET, NO_LIMIT, Station
from tests.bench.stub import mix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.growing import Size

CONNECTIONS = 16  # the default of list_concurrency
_SAMPLE, _SLOW_SAMPLE, _OBVIOUS_SAMPLE = 50_000, 20_000, 3_000
_LATENCY_S = 0.08
_MILLION = 1_000_000
_TERMINATED = 128 + signal.SIGTERM
_TURNS = 3
_LEAST_S = 0.001  # less than what a scan of nothing costs is noise
_NOTHING = "there-is-nothing-below-this/"


class _Script:
    """The script, stretched: seconds that its first and its next pass over n objects take."""

    def __init__(self, station: Station, module: str, sample: int) -> None:
        self._station, self._module, self._n = station, module, station.stub.n
        self.first = self.seconds("cpu_s", sample)
        self.again = self.seconds("cpu_s", sample)

    def seconds(self, which: str, sample: int) -> float:
        database = self._station.ledger.with_name(f"{self._module}.db")
        arguments = [self._station.stub.url, BUCKET, str(database), str(sample), "list"]
        command = [sys.executable, "-m", f"tests.bench.peers.{self._module}", *arguments]
        result: dict[str, float] = measure(command, env=self._station.env).json
        return result[which] / result["objects"] * self._n


def rows(station: Station, size: Size) -> Iterator[Row]:
    """Yield them, for one size with every object registered."""
    start_s = _start_s(station)
    first_s = size.first.cpu_s - start_s
    say(f"{size.n:,} {size.kind} objects: the script")
    script = _Script(station, "tuned", _SAMPLE)
    peer = _peer_of(size)
    yield Row(
        what=f"first scan of {_objects(size)}, listed to durable ledger, CPU",
        ours=f"{first_s:.2f} s",
        peer=f"{peer}: {script.first:.1f} s",
        figure=script.first / first_s,
        at_least=6,
    )
    yield Row(
        what=f"the start of a scan, which the rows of {_objects(size)} do not count, CPU",
        ours=f"{start_s:.2f} s",
        figure=start_s,
        unit="s",
    )
    yield from attempted(
        lambda: _looked_at(station, size, script.again, start_s), what=f"rescan, {size.kind}, plain"
    )
    yield _remembered(size, script.again, start_s)
    yield from requests(size)


def remembered(station: Station, size: Size) -> Iterator[Row]:
    """Yield what the rescan of a smaller size costs that finds every remembered range as it was."""
    more = [
        station.scan() for _ in range(_TURNS)
    ]  # it costs less than what disturbs it: the cheapest counts
    size = replace(size, again=cheapest([size.again, *more]))
    script = _Script(station, "tuned", _SAMPLE)
    yield _remembered(size, script.again, _start_s(station))


def _remembered(size: Size, script_s: float, start_s: float) -> Row:
    again_s = max(_LEAST_S, size.again.cpu_s - start_s)
    return Row(
        what=f"rescan of {_objects(size)}, unchanged ranges, CPU",
        ours=f"{again_s:.2f} s",
        peer=f"{_peer_of(size)}: {script_s:.1f} s",
        figure=script_s / again_s,
        at_least=35 if size.n >= _MILLION else 25,
    )


def more(station: Station, size: Size) -> Iterator[Row]:
    """Yield what is measured of one bucket only."""
    start_s = _start_s(station)
    script = _Script(station, "tuned", _SAMPLE)
    obvious = _Script(station, "obvious", _OBVIOUS_SAMPLE)
    first_s = size.first.cpu_s - start_s
    yield Row(
        what="the first scan beside the obvious script, CPU",
        ours=f"{first_s:.2f} s",
        peer=f"obvious script ({_OBVIOUS_SAMPLE:,} of the keys, stretched): {obvious.first:.0f} s",
        figure=obvious.first / first_s,
    )
    for setting, globs in (("include", mix.INCLUDE), ("exclude", mix.EXCLUDE)):
        yield from attempted(
            partial(_by_globs, station, size, setting, globs, script.again),
            what=f"rescan, {setting}",
        )
    yield from attempted(
        lambda: _limit(station, size.again.cpu_s - start_s), what="share of the fetch-only limit"
    )
    yield from attempted(
        lambda: _far_away(station, script, _peer_of(size)), what="rescan at 80 ms a page"
    )
    if size.n >= _MILLION:
        yield from attempted(lambda: idle(station), what="idle daemon")
    yield from attempted(lambda: stopped(station), what="SIGTERM during a scan")


def _objects(size: Size) -> str:
    return f"{size.n:,} {size.kind}"


def _peer_of(size: Size) -> str:
    return f"script at 1000 keys, WAL ({min(size.n, _SAMPLE):,} of the keys, stretched)"


def requests(size: Size) -> Iterator[Row]:
    """Yield what a size costs in list requests and memory."""
    most = 1.05 if size.n > _MILLION else 1.4
    for what, calls, bound in (
        ("first scan", size.first_calls, most),
        ("rescan", size.again_calls, 1.05),
    ):
        yield Row(
            what=f"list requests per 1000 objects, {what} of {_objects(size)}",
            ours=f"{calls:,.0f} requests",
            figure=calls / size.n * 1000,
            unit="",
            at_most=bound if size.n >= _MILLION else None,
        )
    yield Row(
        what=f"peak memory of a scan of {_objects(size)}",
        ours=f"first {size.first.rss_mb:.0f} MB, again {size.again.rss_mb:.0f} MB",
        figure=size.rss_mb,
        unit="MB",
        at_most=160,
    )


def memory_growth(smaller: Size, larger: Size, *, at_most: float | None) -> Row:
    """Return how much more memory the larger bucket takes."""
    return Row(
        what=f"peak memory of a scan: {_objects(larger)} objects minus {smaller.n:,}",
        ours=f"{larger.rss_mb:.1f} MB - {smaller.rss_mb:.1f} MB",
        figure=larger.rss_mb - smaller.rss_mb,
        unit="MB",
        at_most=at_most,
    )


def _start_s(station: Station) -> float:
    """Return the CPU time of a scan that lists nothing: interpreter, imports and ledger."""
    empty = Station(station.ledger.parent / "empty", station.stub, prefix=_NOTHING, keep=True)
    with nobody_registers(empty):
        return min(empty.scan().cpu_s for _ in range(5))


def _looked_at(station: Station, size: Size, script_s: float, start_s: float) -> Iterator[Row]:
    """Look at every object, first plainly, then to remember the ranges again.

    Scans are plain where most ranges change.
    """
    say(f"{size.n:,} {size.kind} objects: scans that trust no remembered range")
    with station.remembering_nothing():
        plain_s = min(station.scan().cpu_s for _ in range(_TURNS)) - start_s
    full_s = min(station.scan("--full").cpu_s for _ in range(_TURNS)) - start_s
    for what, ours_s in (("plain", plain_s), ("`--full`, which remembers them again", full_s)):
        yield Row(
            what=f"rescan of {_objects(size)}, {what}, CPU",
            ours=f"{ours_s:.2f} s",
            peer=f"{_peer_of(size)}: {script_s:.1f} s",
            figure=script_s / ours_s,
            at_least={"mixed": 10, "tidy": 12}[size.kind],
        )


def _by_globs(
    station: Station, size: Size, setting: str, globs: Sequence[str], script_s: float
) -> Iterator[Row]:
    """Look at every object of a watch that takes part of the bucket by globs."""
    say(f"{size.n:,} {size.kind} objects: a watch with `{setting}`")
    listed = ", ".join(f'"{glob}"' for glob in globs)
    settings = f"{setting} = [{listed}]\n{NO_LIMIT}"
    part = Station(station.ledger.parent / setting, station.stub)
    part.configure(watch=settings)
    empty = Station(station.ledger.parent / f"{setting}-empty", station.stub, prefix=_NOTHING)
    empty.configure(watch=settings)
    with nobody_registers(part):
        part.scan()
    with nobody_registers(empty):
        start_s = min(empty.scan().cpu_s for _ in range(_TURNS))
    part.call_all_registered()
    scans = [part.scan("--full") for _ in range(_TURNS)]
    (scan,) = scans[0].json["scans"]
    ours_s = min(scan.cpu_s for scan in scans) - start_s
    yield Row(
        what=f"rescan of {_objects(size)}, `{setting}` takes {scan['matched']:,}, CPU",
        ours=f"{ours_s:.2f} s",
        peer=f"{_peer_of(size)}: {script_s:.1f} s",
        figure=script_s / ours_s,
        at_least=9,
    )


def _limit(station: Station, again_s: float) -> Iterator[Row]:
    say(f"{station.stub.n:,} objects: fetching the pages and throwing them away")
    fetch = [
        sys.executable,
        "-m",
        "tests.bench.listers",
        "fetch",
        station.stub.url,
        BUCKET,
        str(CONNECTIONS),
    ]
    limit_s = min(measure(fetch, env=station.env).json["cpu_s"] for _ in range(3))
    yield Row(
        what="rescan, unchanged ranges, as a share of the fetch-only limit, CPU",
        ours=f"{again_s:.2f} s",
        peer=f"the same pages thrown away: {limit_s:.2f} s",
        figure=limit_s / again_s,
        unit="",
        at_least=0.5,
    )


def _far_away(station: Station, script: _Script, peer: str) -> Iterator[Row]:
    say("rescan at 80 ms a page")
    station.configure(watch=f"list_concurrency = 64\n{NO_LIMIT}")
    station.stub.slow_down(list_s=_LATENCY_S)
    try:
        ours = station.scan().wall_s
        theirs = script.seconds("wall_s", _SLOW_SAMPLE)
    finally:
        station.stub.slow_down()
        station.configure()
    yield Row(
        what=f"rescan of {station.stub.n:,} at 80 ms a page, 64 in flight, wall",
        ours=f"{ours:.2f} s",
        peer=f"{peer.replace(f'{_SAMPLE:,}', f'{_SLOW_SAMPLE:,}')}: {theirs:.0f} s",
        figure=theirs / ours,
        at_least=20,
    )


def stopped(station: Station) -> Iterator[Row]:
    """Stop the first scan of a new ledger when a tenth of it is listed."""
    say("SIGTERM during a scan")
    stub = station.stub
    fresh = Station(station.ledger.parent / "stopped", stub)
    latency_s = 0.02 if stub.n >= 100 * 1000 else 0.5
    stub.slow_down(list_s=latency_s)
    stub.counted()
    with nobody_registers(fresh):
        process = subprocess.Popen(fresh.command("scan"), env=fresh.env, stdout=-3, stderr=-3)
        while process.poll() is None and stub.steer("counts")["list_calls"] <= stub.n // 10_000:
            pass
        asked = time.perf_counter()
        process.terminate()
        status = process.wait()
        seconds = time.perf_counter() - asked
    stub.slow_down()
    stub.counted()
    if status != _TERMINATED:
        raise NotMeasured(f"the scan ended before it could be stopped (exit {status})")
    yield Row(
        what=f"SIGTERM during a first scan of {stub.n:,}: stopped after",
        ours=f"{latency_s} s a request",
        figure=seconds,
        unit="s",
        at_most=5 + latency_s,
    )

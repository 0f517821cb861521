"""Rows: audits, and how soon the program answers at all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.bench.growing import say
from tests.bench.measuring import cheapest, measure
from tests.bench.report import Row
from tests.bench.station import Station

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.growing import Size

_TURNS = 5


def audits(station: Station, smaller: Size, larger: Size) -> Iterator[Row]:
    """Yield the cost of an audit of the larger size, whose workspace is given.

    Empty its ledger before the last one.
    """
    assert smaller.audit
    assert larger.audit
    say(f"{larger.n:,} objects: an audit that finds no row")
    station.forget_all()
    lost = station.run("audit", status=6)
    for what, cost in (("audit", larger.audit), ("audit if no object has a row", lost)):
        yield Row(
            what=f"{what}: {larger.n:,} objects, memory vs {smaller.n:,}",
            ours=f"{cost.wall_s:.1f} s, {cost.rss_mb:.0f} MB",
            peer=f"{smaller.audit.rss_mb:.0f} MB",
            figure=cost.rss_mb / smaller.audit.rss_mb,
        )


def start(station: Station) -> Iterator[Row]:
    """Yield the time of `--help` and of a bare interpreter, and the cost of one-shots."""
    say("--help")
    ours = min(station.run("--help").wall_s for _ in range(_TURNS))
    bare = min(
        measure([sys.executable, "-c", "pass"], env=station.env).wall_s for _ in range(_TURNS)
    )
    yield Row(
        what="`--help` vs a bare interpreter, wall",
        ours=f"{ours * 1000:.0f} ms",
        peer=f"{bare * 1000:.0f} ms",
        figure=ours / bare,
    )
    nothing = Station(station.ledger.parent / "nothing", station.stub, prefix="nothing-is-here/")
    nothing.scan()
    for what, libraries, at_most in (
        ("scan", "oss2, pydantic, click", 0.35),
        ("status", "pydantic, click", 0.15),
    ):
        say(f"{what}, of an empty bucket")
        arguments = (what, "--output-format", "json")
        cost = cheapest([nothing.run(*arguments) for _ in range(_TURNS)]).cpu_s
        alone = [
            sys.executable,
            "-c",
            f"import {libraries}\nclass Model(pydantic.BaseModel): x: int",
        ]
        floor = cheapest([measure(alone, env=station.env) for _ in range(_TURNS)]).cpu_s
        yield Row(
            what=f"`{what}` of an empty bucket, CPU, vs importing {libraries}",
            ours=f"{cost:.2f} s",
            peer=f"{floor:.2f} s",
            figure=cost,
            unit="s",
            at_most=at_most,
        )

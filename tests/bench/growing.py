"""One bucket size: a first scan to a durable ledger, and scans that find nothing new."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from tests.bench.measuring import NotMeasured, cheapest
from tests.bench.station import Station, Stub
from tests.bench.stub.shapes import MIXED
from watcher import config as configuration
from watcher.clock import SystemClock
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.wiring.ownership import ownership_of
from watcher.wiring.resolved import ResolvedConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.measuring import Cost

AUDITED = 200_000  # objects; larger buckets are not audited


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The cost of n objects."""

    n: int
    kind: str  # "mixed" or "tidy"
    first: Cost
    first_calls: float  # list requests
    again: Cost  # every remembered range as it was
    again_calls: float
    ledger_bytes: int
    audit: Cost | None

    @property
    def rss_mb(self) -> float:
        """The most memory that a scan took."""
        return max(self.first.rss_mb, self.again.rss_mb)

    def as_json(self) -> dict[str, object]:
        """Return the figures for machines."""
        return asdict(
            replace(self, first=replace(self.first, out=""), again=replace(self.again, out=""))
        )


def say(text: str) -> None:
    """Tell on stderr what is being measured."""
    print(f"bench: {text} ...", file=sys.stderr, flush=True)


@contextlib.contextmanager
def nobody_registers(station: Station) -> Iterator[None]:
    """Own the ledger as a daemon that registers nothing.

    A scan beside it then only lists and records.
    """
    config = configuration.load(station.config)
    resolved = ResolvedConfig(config, [watch.name for watch in config.watches], endless=True)
    with SystemClock() as clock, ProcessLock(station.ledger) as lock:
        if not lock.try_acquire():
            raise NotMeasured("the ledger's lock is not free")
        with Ledger(station.ledger, lock, wait=lambda _: False) as ledger:
            ownership_of(ledger, lock, resolved, clock).adopt()
        yield


@contextlib.contextmanager
def grown(folder: Path, n: int, *, shape: str) -> Iterator[tuple[Station, Size]]:
    """Measure one size; yield its workspace and the figures.

    Every object is registered by then.
    """
    kind = kind_of(shape)
    say(f"{n:,} {kind} objects: rendering the bucket")
    with Stub(folder, n, shape=shape) as stub:
        station = Station(folder / f"{kind}-{n}", stub)
        say(f"{n:,} {kind} objects: first scan")
        with nobody_registers(station):
            first = station.scan()
        first_calls = stub.counted()["list_calls"]
        station.call_all_registered()
        say(f"{n:,} {kind} objects: scans that find nothing new")
        station.scan()
        stub.counted()
        again = station.scan()
        again_calls = stub.counted()["list_calls"]
        again = cheapest([again, station.scan(), station.scan()])
        (before,), (now,) = first.json["scans"], again.json["scans"]
        found = (before["new"], now["listed"], now["matched"], again.json["pending"])
        if found != (before["matched"], n, before["matched"], 0):
            raise NotMeasured(
                f"new in the first scan, listed and matched again, pending: {found} of {n}"
            )
        yield (
            station,
            Size(
                n=n,
                kind=kind,
                first=first,
                first_calls=first_calls,
                again=again,
                again_calls=again_calls,
                ledger_bytes=station.ledger_bytes(),
                audit=station.run("audit") if n <= AUDITED else None,
            ),
        )


def kind_of(shape: str) -> str:
    """Return what a bucket of a shape is called in the rows."""
    return shape if shape == MIXED else "tidy"

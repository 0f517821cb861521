"""`make bench`: our costs beside those of other programs, in one run on one machine.

Compare the ratios.

A stub server of our own stands for OSS, S3 and VOD; it verifies no signature, while everyone
signs.  CPU time is that of whole processes unless said otherwise.  There are two buckets: a mixed
one, as they are (`tests.bench.stub.mix`), and a tidy one, all alike, of which nothing is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import plot, rows_listing, rows_program, rows_registering, rows_scanning
from tests.bench.growing import AUDITED, Size, grown, kind_of
from tests.bench.measuring import NotMeasured
from tests.bench.report import Row, as_json, attempted, machine, table
from tests.bench.station import Station, Stub
from tests.bench.stub.shapes import MIXED, TIDY

if TYPE_CHECKING:
    from collections.abc import Iterator

_BIG = 10_000_000
_FEWEST = 1000


def parser() -> argparse.ArgumentParser:
    """Return what the command line may hold."""
    found = argparse.ArgumentParser(prog="make bench BENCH_ARGS=...", description=__doc__)
    found.add_argument(
        "--objects", type=int, metavar="N", help="objects of the largest bucket (default 1,000,000)"
    )
    found.add_argument(
        "--quick", action="store_true", help="some minutes: 100,000 objects, shorter samples"
    )
    found.add_argument("--big", action="store_true", help="10,000,000 objects too; 6 GB of disk")
    found.add_argument(
        "--shape",
        choices=TIDY,
        default="dated",
        help="keys of the tidy bucket (default %(default)s)",
    )
    found.add_argument("--json", type=Path, metavar="PATH", help="write the table for machines too")
    found.add_argument("--plot", type=Path, metavar="PATH", help="draw how cost grows, a PNG")
    found.add_argument("--strict", action="store_true", help="exit 1 if a figure misses its bound")
    return found


class Bench:
    """One run: rows, and figures by size."""

    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        self._folder = folder
        self._shape = given.shape
        self._n: int = given.objects or (100_000 if given.quick else 1_000_000)
        self._quick: bool = given.quick
        self._big: bool = given.big
        self._pages_n = min(self._n, 50_000 if given.quick else 200_000)
        self._quota_n = min(self._n, 4_000 if given.quick else 20_000)
        self._ledger_n = min(self._n, 20_000 if given.quick else 100_000)
        self._queued_n = min(self._n, 100_000) if given.quick else 1_000_000
        self._queue_s = 15.0 if given.quick else 30.0
        self.sizes: list[Size] = []

    def rows(self) -> Iterator[Row]:
        """Measure, and yield what was found."""
        for shape in (MIXED, self._shape):
            yield from attempted(
                partial(self._pages, shape), what=f"list and parse a page, {kind_of(shape)}"
            )
        for shape in (MIXED, self._shape):
            yield from attempted(partial(self._growth, shape), what=f"scans, {kind_of(shape)}")
        yield from attempted(
            lambda: rows_registering.quota(self._folder, self._quota_n, shape=self._shape),
            what="filling the quota",
        )
        queued = [1_000, self._queued_n]
        yield from attempted(
            lambda: rows_registering.queues(self._folder, queued, seconds=self._queue_s),
            what="long queues",
        )
        yield from attempted(
            lambda: rows_registering.retried(self._folder, self._queued_n), what="retrying all"
        )
        yield from attempted(
            lambda: rows_registering.ledger(self._folder, self._ledger_n, shape=self._shape),
            what="the ledger's size",
        )

    def _pages(self, shape: str) -> Iterator[Row]:
        with Stub(self._folder, self._pages_n, shape=shape) as stub:
            station = Station(self._folder / f"pages-{shape}", stub)
            yield from rows_listing.rows(station, kind_of(shape))
            if shape != MIXED:
                yield from rows_listing.others(station)
                yield from rows_program.start(station)

    def _growth(self, shape: str) -> Iterator[Row]:
        of_kind: list[Size] = []
        smaller = sorted({max(_FEWEST, self._n // 100), max(_FEWEST, self._n // 10)} - {self._n})
        if self._quick and shape != MIXED:
            smaller = []
        for n in smaller:
            with grown(self._folder, n, shape=shape) as (station, size):
                of_kind.append(size)
                if len(of_kind) > 1 and n <= AUDITED:
                    yield from rows_scanning.remembered(station, size)
                    yield from rows_program.audits(station, of_kind[0], size)
        with grown(self._folder, self._n, shape=shape) as (station, size):
            of_kind.append(size)
            yield from rows_scanning.rows(station, size)
            if shape == MIXED:
                yield from rows_scanning.more(station, size)
        if self._big and shape == MIXED:
            with grown(self._folder, _BIG, shape=shape) as (station, big):
                of_kind.append(big)
                yield from rows_scanning.requests(big)
                yield from attempted(
                    lambda: rows_scanning.stopped(station), what="SIGTERM during a scan"
                )
                yield rows_scanning.memory_growth(size, big, at_most=16)
        elif smaller:
            yield rows_scanning.memory_growth(of_kind[0], size, at_most=None)
        self.sizes += of_kind


def main() -> int:
    """Measure, print, write; return the exit status."""
    given = parser().parse_args()
    with ExitStack() as stack:
        bench = Bench(
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))), given
        )
        rows = list(bench.rows())
    facts = machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()), end="\n\n")
    print(table(rows))
    if given.json:
        results = {
            "machine": facts,
            "rows": as_json(rows),
            "sizes": [size.as_json() for size in bench.sizes],
        }
        given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if given.plot:
        try:
            plot.draw(bench.sizes, given.plot)
        except NotMeasured as why:
            print(f"bench: {why}", file=sys.stderr)
    missed = [row.what for row in rows if row.met is False]
    if missed:
        print(f"\nmissed: {'; '.join(missed)}")
    return 1 if given.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Rows: a page listed and parsed, beside oss2, rclone, s5cmd and obstore."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.bench.growing import say
from tests.bench.measuring import NotMeasured, cheapest, measure, program
from tests.bench.report import Row, attempted
from tests.bench.station import BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.station import Station

_TURNS = 3
_AT_LEAST = {  # times oss2's
    ("mixed", "keys"): 9,
    ("mixed", "all fields"): 8,
    ("tidy", "keys"): 14,
    ("tidy", "all fields"): 10,
}


def rows(station: Station, kind: str) -> Iterator[Row]:
    """Yield ours and oss2's CPU time for a page of 1000 objects.

    It is the least of three runs over the whole bucket.
    """
    say(f"{station.stub.n:,} {kind} objects: pages, ours and oss2's")
    keys, fields = (_run(station, "listers", what) for what in ("keys", "fields"))
    oss2 = _run(station, "peers.oss2_pages")
    for what, ours in (("keys", keys), ("all fields", fields)):
        yield _row(f"{kind}, {what}", ours, "oss2 at 1000 keys a page", oss2, _AT_LEAST[kind, what])


def others(station: Station) -> Iterator[Row]:
    """Yield ours beside rclone, s5cmd and obstore."""
    n, url = station.stub.n, station.stub.url

    def other(name: str, *arguments: str) -> float:
        """Return milliseconds of CPU a page of a whole process."""
        found = program(name)
        if not found:
            raise NotMeasured(f"{name} is not installed")
        costs = [measure([found, *arguments], env=station.env, keep=False) for _ in range(_TURNS)]
        return _a_page(cheapest(costs).cpu_s, n)

    keys, fields = (_run(station, "listers", what) for what in ("keys", "fields"))

    def with_rclone() -> Iterator[Row]:
        store = f":s3,provider=Other,env_auth,list_version=2,endpoint='{url}':{BUCKET}"
        yield _row(
            "keys",
            keys,
            "rclone",
            other("rclone", "lsf", "-R", "--fast-list", "--config", "", store),
            12,
        )

    def with_s5cmd() -> Iterator[Row]:
        peer = other("s5cmd", "--endpoint-url", url, "ls", f"s3://{BUCKET}/*")
        yield _row("all fields", fields, "s5cmd", peer, 12)

    def with_obstore() -> Iterator[Row]:
        yield _row("all fields", fields, "obstore", _run(station, "peers.obstore_pages"), 2.5)

    say(f"{n:,} objects: pages of rclone, s5cmd and obstore")
    yield from attempted(with_rclone, what="list and parse, vs rclone")
    yield from attempted(with_s5cmd, what="list and parse, vs s5cmd")
    yield from attempted(with_obstore, what="list and parse, vs obstore")


def _run(station: Station, module: str, *arguments: str) -> float:
    """Return milliseconds of CPU a page, imports not counted."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *arguments, station.stub.url, BUCKET]
    return _a_page(
        min(measure(command, env=station.env).json["cpu_s"] for _ in range(_TURNS)), station.stub.n
    )


def _a_page(cpu_s: float, n: int) -> float:
    return cpu_s / n * 1e6


def _row(what: str, ours: float, peer_name: str, peer: float, at_least: float) -> Row:
    return Row(
        what=f"list and parse a page, {what}, vs {peer_name.split(' at ', maxsplit=1)[0]}",
        ours=f"{ours:.2f} ms CPU",
        peer=f"{peer_name}: {peer:.2f} ms CPU",
        figure=peer / ours,
        at_least=at_least,
    )

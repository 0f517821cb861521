"""`python -m tests.bench.stub`: a bucket and a VOD on a loopback port, which is printed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
from pathlib import Path

from tests.bench.stub.bucket import Bucket
from tests.bench.stub.server import Stub, serve
from tests.bench.stub.shapes import MIXED, SHAPES


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stub", description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000, metavar="N")
    parser.add_argument("--shape", choices=SHAPES, default=MIXED)
    parser.add_argument(
        "--folder", type=Path, help="keep rendered buckets here, about 320 bytes an object"
    )
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as own, contextlib.suppress(KeyboardInterrupt):
        path = (given.folder or Path(own)) / f"{given.shape}-{given.objects}.xml"
        asyncio.run(serve(Stub(Bucket(path, given.shape, given.objects)), given.port))


if __name__ == "__main__":
    main()

"""Our listing without a ledger: what fetching, parsing and reading a page cost.

`python -m tests.bench.listers keys|fields|fetch ENDPOINT BUCKET [CONNECTIONS]` prints objects,
seconds of wall clock and of CPU.  `keys` and `fields` read every page on one thread; `fetch` throws
the bodies away: the limit that no listing with this transport can pass, since it knows beforehand
where every page starts.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

from watcher.oss import BucketSource, connect
from watcher.ports import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.model import Page

PAGE_SIZE = 1000


class _Chain:
    """`ports.CredentialsProvider` over one pair that nobody checks."""

    def get(self) -> Credentials:
        return Credentials("key", "secret")


def report_cost(work: Callable[[], int]) -> None:
    """Do the work, which returns how many objects it saw, and print what it cost as JSON."""
    wall, cpu = time.perf_counter(), time.process_time()
    n = work()
    print(
        json.dumps(
            {"objects": n, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        )
    )


def _source(endpoint: str, bucket: str, connections: int = 1) -> BucketSource:
    client = connect(
        bucket=bucket,
        endpoint=endpoint,
        region="cn-shanghai",
        credentials=_Chain(),
        proxies={},
        no_proxy="",
        ca_bundle="",
    )
    return BucketSource(client, prefix="", connections=connections)


def _pages(endpoint: str, bucket: str) -> Iterator[Page]:
    with closing(_source(endpoint, bucket)) as source:
        page = source.list_objects().page()
        yield page
        while not page.is_last:
            page = source.list_objects(start_after=page.last_key).page()
            yield page


def list_keys(endpoint: str, bucket: str) -> int:
    """Read the key of every object; return how many there are."""
    return sum(len(page.objects.keys) for page in _pages(endpoint, bucket))


def list_fields(endpoint: str, bucket: str) -> int:
    """Read every field of every object, column by column; return how many there are."""
    n = 0
    for page in _pages(endpoint, bucket):
        found = page.objects
        columns = (
            found.keys,
            found.etags,
            found.sizes_bytes,
            found.modified_at,
            found.types,
            found.storage_classes,
        )
        n += min(len(column) for column in columns)
    return n


def fetch_only(endpoint: str, bucket: str, connections: int) -> int:
    """Fetch every page over so many connections, signed; return the keys.

    Of each page only the length is read.
    """
    with urllib.request.urlopen(f"{endpoint}/__stub/cuts?every={PAGE_SIZE}") as answer:  # noqa: S310 (our own stub)
        cuts: list[str] = json.load(answer)
    with (
        closing(_source(endpoint, bucket, connections)) as source,
        ThreadPoolExecutor(connections) as pool,
    ):
        lengths = list(
            pool.map(lambda start_after: source.list_objects(start_after=start_after).n_bytes, cuts)
        )
    return PAGE_SIZE * sum(length > 0 for length in lengths)


def main(how: str, endpoint: str, bucket: str, connections: str = "1") -> None:
    """Do one of them."""
    ways: dict[str, Callable[[], int]] = {
        "keys": lambda: list_keys(endpoint, bucket),
        "fields": lambda: list_fields(endpoint, bucket),
        "fetch": lambda: fetch_only(endpoint, bucket, int(connections)),
    }
    report_cost(ways[how])


if __name__ == "__main__":
    main(*sys.argv[1:])

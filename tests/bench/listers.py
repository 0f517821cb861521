"""Our listing without a ledger: what fetching, parsing and reading a page cost.

`python -m tests.bench.listers keys|fields|fetch ENDPOINT BUCKET [CONNECTIONS]` prints objects, seconds of wall clock
and of CPU.  `keys` and `fields` read every page on one thread; `fetch` throws the bodies away: the limit that no
listing with this transport can pass, since it knows beforehand where every page starts.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from watcher.oss import BucketSource, connect
from watcher.ports import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE_SIZE = 1000


class _Chain:
    """`ports.CredentialsProvider` over one pair that nobody checks."""

    def get(self) -> Credentials:
        return Credentials("key", "secret")


def told(work: Callable[[], int]) -> None:
    """Do the work, which returns how many objects it saw, and print what it cost as JSON."""
    wall, cpu = time.perf_counter(), time.process_time()
    n = work()
    print(json.dumps({"objects": n, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}))


def _client(endpoint: str, bucket: str) -> object:
    return connect(
        bucket=bucket,
        endpoint=endpoint,
        region="cn-shanghai",
        credentials=_Chain(),
        proxies={},
        no_proxy="",
        ca_bundle="",
    )


def list_keys(endpoint: str, bucket: str) -> int:
    """Read the key of every object; return how many there are."""
    source = BucketSource(_client(endpoint, bucket), prefix="")
    n = 0
    for page in source.pages():
        n += len([listed.key for listed in page.objects])
    return n


def list_fields(endpoint: str, bucket: str) -> int:
    """Read all that a scan needs of every object; return how many there are."""
    source = BucketSource(_client(endpoint, bucket), prefix="")
    n = 0
    for page in source.pages():
        n += len([(listed.key, listed.etag, listed.size_bytes, listed.modified_at) for listed in page.objects])
    return n


def fetch_only(endpoint: str, bucket: str, connections: int) -> int:
    """Fetch every page over so many connections, signed, and read no more of it than its length; return its keys."""
    client = _client(endpoint, bucket)
    client._parse_result = lambda response, *_: len(response.read())  # type: ignore[attr-defined]
    with urllib.request.urlopen(f"{endpoint}/__stub/cuts?every={PAGE_SIZE}") as answer:  # noqa: S310 (our own stub)
        cuts: list[str] = json.load(answer)

    def fetch(start_after: str) -> int:
        return int(client.list_objects_v2(start_after=start_after, max_keys=PAGE_SIZE))  # type: ignore[attr-defined]

    with ThreadPoolExecutor(connections) as pool:
        lengths = list(pool.map(fetch, cuts))
    return PAGE_SIZE * sum(length > 0 for length in lengths)


def main(how: str, endpoint: str, bucket: str, connections: str = "1") -> None:
    """Do one of them."""
    ways: dict[str, Callable[[], int]] = {
        "keys": lambda: list_keys(endpoint, bucket),
        "fields": lambda: list_fields(endpoint, bucket),
        "fetch": lambda: fetch_only(endpoint, bucket, int(connections)),
    }
    told(ways[how])


if __name__ == "__main__":
    main(*sys.argv[1:])

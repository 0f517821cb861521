"""oss2's own listing at 1000 keys a page, V4-signed.

Prints objects, seconds of wall clock and of CPU.
"""

import sys

import oss2

from tests.bench.listers import report_cost


def main(endpoint: str, name: str) -> None:
    """List everything."""
    bucket = oss2.Bucket(oss2.AuthV4("key", "secret"), endpoint, name, region="cn-shanghai")
    report_cost(lambda: sum(1 for _ in oss2.ObjectIteratorV2(bucket, max_keys=1000)))


if __name__ == "__main__":
    main(*sys.argv[1:])

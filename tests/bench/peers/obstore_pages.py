"""obstore's listing (Rust) of the same bucket as S3.

Prints objects, seconds of wall clock and of CPU.
"""

import sys

import obstore
from obstore.store import S3Store

from tests.bench.listers import report_cost


def main(endpoint: str, name: str) -> None:
    """List everything."""
    store = S3Store(
        name,
        endpoint=endpoint,
        access_key_id="key",
        secret_access_key="secret",
        region="cn-shanghai",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    report_cost(lambda: sum(map(len, obstore.list(store, chunk_size=1000))))


if __name__ == "__main__":
    main(*sys.argv[1:])

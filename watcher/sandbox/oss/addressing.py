"""Path style and virtual-hosted style: where a request may name its bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.sandbox.hosts import bucket_at, takes_paths
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.routes import place_of

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request


def check_style(request: Request) -> None:
    """Check that a request names its bucket where the host takes it.

    Raises:
        OssRefused: the path names a bucket, and the host is one of the real service.
    """
    bucket, _ = place_of(request)
    if bucket and not bucket_at(request.host) and not takes_paths(request.host):
        raise OssRefused(
            403, "SecondLevelDomainForbidden", "Please use virtual hosted style to access."
        )

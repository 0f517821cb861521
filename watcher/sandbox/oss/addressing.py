"""Path style and virtual-hosted style: where a bucket may be named, and how it is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.sandbox.hosts import bucket_at, takes_paths
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.routes import place_of

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request


def resource_path(request: Request) -> bytes:
    """Return /BUCKET/KEY as signatures have it, whichever style the request was sent in."""
    bucket = bucket_at(request.host)
    return b"/" + bucket.encode("latin-1") + request.path if bucket else request.path


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

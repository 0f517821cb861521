"""What a request must pass before its operation: its bucket, its endpoint, its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.sandbox.hosts import region_at
from watcher.sandbox.oss.addressing import check_style
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.routes import creates_a_bucket, place_of
from watcher.sandbox.oss.signatures.verify import verify

if TYPE_CHECKING:
    from datetime import datetime

    from watcher.sandbox.account import Account
    from watcher.sandbox.http_server import Request
    from watcher.sandbox.oss.objects import ObjectStore
    from watcher.sandbox.oss.signatures.verify import Signer


def admit(request: Request, store: ObjectStore, account: Account, now: datetime) -> Signer:
    """Check a request in the order of the real service, and return who signed it.

    A missing bucket and the endpoint of another region are said to anyone, signed or not.

    Raises:
        OssRefused: a check failed.
    """
    check_style(request)
    region = region_at(request.host)
    name, _ = place_of(request)
    if name and not creates_a_bucket(request):
        bucket = store.bucket(name)
        if region not in {"", bucket.region}:
            raise _wrong_endpoint(name, bucket.region)
        region = bucket.region
    return verify(request, account, now, region=region)


def _wrong_endpoint(bucket: str, region: str) -> OssRefused:
    message = (
        "The bucket you are attempting to access must be addressed using the specified endpoint. "
        "Please send all future requests to this endpoint."
    )
    return OssRefused(
        403, "AccessDenied", message, ec="0003-00001403",
        Bucket=bucket, Endpoint=f"oss-{region}.aliyuncs.com",
    )  # fmt: skip

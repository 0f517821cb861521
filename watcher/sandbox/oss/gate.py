"""What a request must pass before its operation: its bucket, its endpoint, its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.sandbox.account import Grant, Principal
from watcher.sandbox.hosts import region_at
from watcher.sandbox.oss.addressing import check_style
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.buckets import PUBLIC_READ
from watcher.sandbox.oss.checks import check_bucket_name
from watcher.sandbox.oss.headers import OVERRIDES
from watcher.sandbox.oss.routes import creates_a_bucket, operation_of, place_of
from watcher.sandbox.oss.signatures.verify import Signer, is_unsigned, verify

if TYPE_CHECKING:
    from datetime import datetime

    from watcher.sandbox.account import Account
    from watcher.sandbox.http_server import Request
    from watcher.sandbox.oss.objects import ObjectStore, StoredBucket

_READS: Final = frozenset({"GetObject", "GetObjectMeta", "HeadObject"})


def admit(request: Request, store: ObjectStore, account: Account, now: datetime) -> Signer:
    """Check a request in the order of the real service, and return who signed it.

    Objects of a bucket with the access control `public-read` may be read unsigned.

    A missing bucket and the endpoint of another region are said to anyone, signed or not.

    Raises:
        OssRefused: a check failed.
    """
    check_style(request)
    region = region_at(request.host)
    name, key = place_of(request)
    if key and not name:
        check_bucket_name(name)
    if name and not creates_a_bucket(request):
        bucket = store.bucket(name)
        if region not in {"", bucket.region}:
            raise _wrong_endpoint(name, bucket.region)
        region = bucket.region
        if is_unsigned(request) and _is_public_read(request, bucket):
            return Signer(principal=_anyone(name), region="")
    return verify(request, account, now, region=region)


def _is_public_read(request: Request, bucket: StoredBucket) -> bool:
    return (
        bucket.facts.acl == PUBLIC_READ
        and operation_of(request) in _READS
        and not any(name in OVERRIDES for name, _ in request.query)  # they must be signed
    )


def _anyone(bucket: str) -> Principal:
    return Principal(
        access_key_id="", access_key_secret="", grants=(Grant(bucket=bucket, keys=b"*"),)
    )


def _wrong_endpoint(bucket: str, region: str) -> OssRefused:
    message = (
        "The bucket you are attempting to access must be addressed using the specified endpoint. "
        "Please send all future requests to this endpoint."
    )
    return OssRefused(
        403, "AccessDenied", message, ec="0003-00001403",
        Bucket=bucket, Endpoint=f"oss-{region}.aliyuncs.com",
    )  # fmt: skip

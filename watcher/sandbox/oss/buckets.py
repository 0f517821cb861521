"""The OSS operations on buckets. The caller has checked the signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.sandbox.http_server import Answer, Request
from watcher.sandbox.oss.answers import OWNER, OssRefused, element, invalid_argument, iso_date, xml
from watcher.sandbox.oss.checks import STORAGE_CLASSES, page_size
from watcher.sandbox.oss.objects import BucketFacts
from watcher.sandbox.oss.request_xml import body_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.sandbox.oss.objects import StoredBucket
    from watcher.sandbox.oss.operations import Call

MAX_BUCKETS: Final = 1000  # in one answer
DEFAULT_BUCKETS: Final = 100
PUBLIC_READ: Final = "public-read"
_ACLS: Final = ("private", PUBLIC_READ)
_REDUNDANCIES: Final = ("LRS", "ZRS")


def list_buckets(request: Request, buckets: Sequence[StoredBucket]) -> Answer:
    """Answer with the buckets of the account, which come by name.

    Raises:
        OssRefused: a parameter is not valid.
    """
    prefix, marker = (request.parameter(name) or "" for name in ("prefix", "marker"))
    text = request.parameter("max-keys") or str(DEFAULT_BUCKETS)
    limit = page_size("max-keys", text, most=MAX_BUCKETS)
    found = [each for each in buckets if each.name.startswith(prefix) and each.name > marker]
    shown = found[:limit]
    inside = "".join(f"<Bucket>{_where(each)}</Bucket>" for each in shown)
    paging = ""
    if shown != found:
        paging = "".join(
            (
                element("Prefix", prefix),
                element("Marker", marker),
                element("MaxKeys", limit),
                element("IsTruncated", "true"),
                element("NextMarker", shown[-1].name),
            )
        )
    return xml("ListAllMyBucketsResult", f"{paging}{OWNER}<Buckets>{inside}</Buckets>")


def facts_asked_for(request: Request) -> BucketFacts:
    """Return what a PutBucket asks for.

    Raises:
        OssRefused: a value is not valid.
    """
    storage_class, redundancy = "Standard", "LRS"
    if request.body:
        tree = body_tree(request)
        storage_class = tree.findtext("StorageClass", storage_class)
        redundancy = tree.findtext("DataRedundancyType", redundancy)
    if storage_class not in STORAGE_CLASSES:
        raise invalid_argument("StorageClass", storage_class, "is not a storage class")
    if redundancy not in _REDUNDANCIES:
        raise invalid_argument("DataRedundancyType", redundancy, "is not LRS or ZRS")
    return BucketFacts(
        storage_class=storage_class,
        redundancy=redundancy,
        acl=_acl_of(request, otherwise="private"),
    )


def get_bucket_info(call: Call) -> Answer:
    """Answer with the facts of a bucket."""
    bucket = call.bucket
    inside = (
        _where(bucket)
        + element("DataRedundancyType", bucket.facts.redundancy)
        + OWNER
        + _grant(bucket)
    )
    return xml("BucketInfo", f"<Bucket>{inside}</Bucket>")


def get_bucket_location(call: Call) -> Answer:
    """Answer with the region of a bucket."""
    return xml("LocationConstraint", f"oss-{call.bucket.region}")


def get_bucket_acl(call: Call) -> Answer:
    """Answer with who may read and write a bucket."""
    return xml("AccessControlPolicy", OWNER + _grant(call.bucket))


def put_bucket_acl(call: Call) -> Answer:
    """Set who may read and write a bucket."""
    call.store.set_acl(call.bucket, _acl_of(call.request, otherwise=""))
    return Answer()


def delete_bucket(call: Call) -> Answer:
    """Delete an empty bucket, which has no unfinished upload either."""
    call.uploads.check_none(call.bucket)
    call.store.drop_bucket(call.bucket.name)
    return Answer(status=204)


def _where(bucket: StoredBucket) -> str:
    fields = {
        "CreationDate": iso_date(bucket.created_at),
        "ExtranetEndpoint": f"oss-{bucket.region}.aliyuncs.com",
        "IntranetEndpoint": f"oss-{bucket.region}-internal.aliyuncs.com",
        "Location": f"oss-{bucket.region}",
        "Name": bucket.name,
        "Region": bucket.region,
        "StorageClass": bucket.facts.storage_class,
    }
    return "".join(element(name, value) for name, value in fields.items())


def _grant(bucket: StoredBucket) -> str:
    grant = element("Grant", bucket.facts.acl)
    return f"<AccessControlList>{grant}</AccessControlList>"


def _acl_of(request: Request, *, otherwise: str) -> str:
    acl = request.headers.get("x-oss-acl", otherwise)
    if acl == "public-read-write":
        raise OssRefused(501, "NotImplemented", f"The sandbox does not offer {acl}.")
    if acl not in _ACLS:
        raise OssRefused(400, "InvalidArgument", f"no such bucket access control exists: {acl}")
    return acl

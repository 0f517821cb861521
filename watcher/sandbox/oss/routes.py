"""Which OSS operation a request asks for, and of which bucket and key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.sandbox.hosts import bucket_at

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request

# (method, has a key, a parameter or header that the request must have, name). The first that fits
# counts.
_ROUTES: Final = (
    ("GET", False, "bucketInfo", "GetBucketInfo"),
    ("GET", False, "location", "GetBucketLocation"),
    ("GET", False, "list-type", "ListObjectsV2"),
    ("POST", False, "delete", "DeleteMultipleObjects"),
    ("DELETE", False, "", "DeleteBucket"),
    ("PUT", True, "symlink", "PutSymlink"),
    ("PUT", True, "partNumber", "UploadPart"),
    ("PUT", True, "x-oss-copy-source", "CopyObject"),
    ("PUT", True, "", "PutObject"),
    ("GET", True, "symlink", "GetSymlink"),
    ("GET", True, "uploadId", "ListParts"),
    ("GET", True, "", "GetObject"),
    ("HEAD", True, "", "HeadObject"),
    ("POST", True, "append", "AppendObject"),
    ("POST", True, "restore", "RestoreObject"),
    ("POST", True, "uploads", "InitiateMultipartUpload"),
    ("POST", True, "uploadId", "CompleteMultipartUpload"),
    ("DELETE", True, "uploadId", "AbortMultipartUpload"),
    ("DELETE", True, "", "DeleteObject"),
)
NAMES: Final = frozenset({"ListBuckets", "PutBucket", "Unknown"}) | {name for *_, name in _ROUTES}


def place_of(request: Request) -> tuple[str, bytes]:
    """Return the bucket and the key that a request names; either may be empty.

    The bucket stands in the host name (virtual-hosted style) or in the path (path style).
    """
    if bucket := bucket_at(request.host):
        return bucket, request.path.removeprefix(b"/")
    name, _, key = request.path.removeprefix(b"/").partition(b"/")
    return name.decode("latin-1"), key


def resource_path(request: Request) -> bytes:
    """Return /BUCKET/KEY as signatures have it."""
    bucket, key = place_of(request)
    return b"/%s/%s" % (bucket.encode("latin-1"), key) if bucket else b"/"


def operation_of(request: Request) -> str:
    """Return the name of the operation that a request asks for, or "Unknown"."""
    bucket, key = place_of(request)
    if not bucket:
        return "ListBuckets" if request.method == "GET" else "Unknown"
    if request.method == "PUT" and not key and not request.query:
        return "PutBucket"
    sent = {name for name, _ in request.query} | request.headers.keys() | {""}
    for method, with_key, sign, name in _ROUTES:
        if (method, with_key) == (request.method, bool(key)) and sign in sent:
            return name
    return "Unknown"

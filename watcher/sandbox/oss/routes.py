"""Which OSS operation a request asks for, of which bucket and key, and whether it is offered.

A parameter or a header that is not in the table may change what a request means. So such a request
is never taken for the operation that it resembles.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from watcher.sandbox.hosts import bucket_at
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.conditions import CONDITIONS, OF_COPY
from watcher.sandbox.oss.headers import OVERRIDES

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request


class Level(StrEnum):
    """What an operation works on."""

    SERVICE = "service"
    BUCKET = "bucket"
    OBJECT = "object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation, and every parameter and header that it understands."""

    name: str
    method: str
    level: Level
    marks: frozenset[str] = frozenset()  # parameters that make a request this operation
    header: str = ""  # or a header that does
    parameters: frozenset[str] = frozenset()  # further ones
    headers: frozenset[str] = frozenset()  # further ones, of x-oss-* and the preconditions

    def is_asked_for(self, method: str, level: Level, sent: frozenset[str]) -> bool:
        """Return whether a request that sent these parameters and headers means this one."""
        return (
            (method, level) == (self.method, self.level)
            and self.marks <= sent
            and (not self.header or self.header in sent)
        )

    def unknown_of(self, parameters: frozenset[str], headers: frozenset[str]) -> frozenset[str]:
        """Return all that was sent and may change what the request means."""
        known = self.marks | self.parameters | SIGNING_PARAMETERS
        return (parameters - known) | {name for name in headers if not self._knows(name)}

    def _knows(self, header: str) -> bool:
        if header.startswith(_USER_METADATA):
            header = f"{_USER_METADATA}*"
        return header in SIGNING_HEADERS or header == self.header or header in self.headers


_USER_METADATA: Final = "x-oss-meta-"
SIGNING_PARAMETERS: Final = frozenset(
    {
        "Expires", "OSSAccessKeyId", "Signature", "security-token", "x-oss-additional-headers",
        "x-oss-credential", "x-oss-date", "x-oss-expires", "x-oss-security-token",
        "x-oss-signature", "x-oss-signature-version",
    }
)  # fmt: skip
SIGNING_HEADERS: Final = frozenset({"x-oss-date", "x-oss-content-sha256", "x-oss-security-token"})
_STORED: Final = frozenset({"x-oss-storage-class", "x-oss-meta-*"})
_WRITTEN: Final = _STORED | {"x-oss-forbid-overwrite"}
_LISTED: Final = frozenset({"delimiter", "encoding-type", "max-keys", "prefix"})


def _route(
    name: str,
    method: str,
    level: Level,
    *marks: str,
    header: str = "",
    parameters: frozenset[str] = frozenset(),
    headers: frozenset[str] = frozenset(),
) -> Route:
    return Route(
        name=name,
        method=method,
        level=level,
        marks=frozenset(marks),
        header=header,
        parameters=parameters,
        headers=headers,
    )


ROUTES: Final = (
    _route(
        "ListBuckets", "GET", Level.SERVICE, parameters=frozenset({"marker", "max-keys", "prefix"})
    ),
    _route("GetBucketInfo", "GET", Level.BUCKET, "bucketInfo"),
    _route("GetBucketLocation", "GET", Level.BUCKET, "location"),
    _route("GetBucketAcl", "GET", Level.BUCKET, "acl"),
    _route(
        "ListObjectsV2", "GET", Level.BUCKET, "list-type",
        parameters=_LISTED | {"continuation-token", "fetch-owner", "start-after"},
    ),
    _route(
        "DeleteMultipleObjects", "POST", Level.BUCKET, "delete",
        parameters=frozenset({"encoding-type"}),
    ),
    _route(
        "ListMultipartUploads", "GET", Level.BUCKET, "uploads",
        parameters=frozenset(
            {
                "delimiter", "encoding-type", "key-marker", "max-uploads", "prefix",
                "upload-id-marker",
            }
        ),
    ),
    _route("ListObjects", "GET", Level.BUCKET, parameters=_LISTED | {"marker"}),
    _route("PutBucketAcl", "PUT", Level.BUCKET, "acl", headers=frozenset({"x-oss-acl"})),
    _route("PutBucket", "PUT", Level.BUCKET, headers=frozenset({"x-oss-acl"})),
    _route("DeleteBucket", "DELETE", Level.BUCKET),
    _route(
        "PutSymlink", "PUT", Level.OBJECT, "symlink",
        headers=_WRITTEN | {"x-oss-symlink-target"},
    ),
    _route(
        "UploadPartCopy", "PUT", Level.OBJECT, "partNumber", "uploadId",
        header="x-oss-copy-source",
        headers=frozenset({"x-oss-copy-source-range"}) | {OF_COPY + name for name in CONDITIONS},
    ),
    _route("UploadPart", "PUT", Level.OBJECT, "partNumber", "uploadId"),
    _route(
        "CopyObject", "PUT", Level.OBJECT, header="x-oss-copy-source",
        headers=_WRITTEN
        | {"x-oss-metadata-directive"}
        | {OF_COPY + name for name in CONDITIONS},
    ),
    _route("PutObject", "PUT", Level.OBJECT, headers=_WRITTEN),
    _route("GetSymlink", "GET", Level.OBJECT, "symlink"),
    _route(
        "ListParts", "GET", Level.OBJECT, "uploadId",
        parameters=frozenset({"encoding-type", "max-parts", "part-number-marker"}),
    ),
    _route(
        "GetObject", "GET", Level.OBJECT, parameters=frozenset(OVERRIDES),
        headers=CONDITIONS | {"x-oss-range-behavior"},
    ),
    _route("GetObjectMeta", "HEAD", Level.OBJECT, "objectMeta"),
    _route("HeadObject", "HEAD", Level.OBJECT, headers=CONDITIONS),
    _route(
        "AppendObject", "POST", Level.OBJECT, "append", "position",
        headers=_STORED,
    ),
    _route("RestoreObject", "POST", Level.OBJECT, "restore"),
    _route(
        "InitiateMultipartUpload", "POST", Level.OBJECT, "uploads",
        parameters=frozenset({"encoding-type"}), headers=_WRITTEN,
    ),
    _route(
        "CompleteMultipartUpload", "POST", Level.OBJECT, "uploadId",
        parameters=frozenset({"encoding-type"}),
        headers=frozenset({"x-oss-complete-all", "x-oss-forbid-overwrite"}),
    ),
    _route("AbortMultipartUpload", "DELETE", Level.OBJECT, "uploadId"),
    _route("DeleteObject", "DELETE", Level.OBJECT),
)  # fmt: skip
UNKNOWN: Final = "Unknown"
NAMES: Final = frozenset({UNKNOWN}) | {route.name for route in ROUTES}


def place_of(request: Request) -> tuple[str, bytes]:
    """Return the bucket and the key that a request names; either may be empty.

    The bucket stands in the host name (virtual-hosted style) or in the path (path style).
    """
    if bucket := bucket_at(request.host):
        return bucket, request.path.removeprefix(b"/")
    name, _, key = request.path.removeprefix(b"/").partition(b"/")
    return name.decode("latin-1"), key


def resource_path(request: Request) -> bytes:
    """Return /BUCKET/KEY as signatures have it: for path style it is the path as it was sent."""
    bucket = bucket_at(request.host)
    return b"/" + bucket.encode("latin-1") + request.path if bucket else request.path


def creates_a_bucket(request: Request) -> bool:
    """Return whether a request is PutBucket, be it with headers that are not offered."""
    return (
        request.method == "PUT"
        and _level_of(request) == Level.BUCKET
        and {name for name, _ in request.query} <= SIGNING_PARAMETERS
    )


def route_of(request: Request) -> Route:
    """Return the operation that a request asks for.

    Raises:
        OssRefused: it is not offered.
    """
    parameters = frozenset(name for name, _ in request.query)
    headers = frozenset(
        name for name in request.headers if name.startswith("x-oss-") or name in CONDITIONS
    )
    level = _level_of(request)
    for route in ROUTES:
        if route.is_asked_for(request.method, level, parameters | headers):
            if unknown := route.unknown_of(parameters, headers):
                raise _not_offered(f"{route.name} with {', '.join(sorted(unknown))}")
            return route
    raise _not_offered(f"{request.method} on the {level} with {', '.join(sorted(parameters))}")


def operation_of(request: Request) -> str:
    """Return the name of the operation that a request asks for, or "Unknown"."""
    try:
        return route_of(request).name
    except OssRefused:
        return UNKNOWN


def _not_offered(what: str) -> OssRefused:
    return OssRefused(501, "NotImplemented", f"The sandbox does not offer {what}.")


def _level_of(request: Request) -> Level:
    bucket, key = place_of(request)
    if not bucket:
        return Level.SERVICE
    return Level.OBJECT if key else Level.BUCKET

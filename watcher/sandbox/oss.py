"""The local OSS: checks, routes and journals requests; tests look into it and steer it."""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from watcher.sandbox import oss_multipart as multipart
from watcher.sandbox import oss_operations as operations
from watcher.sandbox.oss_answers import OssRefused, element, iso_date, xml
from watcher.sandbox.oss_listing import list_objects
from watcher.sandbox.oss_operations import Call, Operation
from watcher.sandbox.oss_signing import verify
from watcher.sandbox.uploads import Uploads
from watcher.sandbox.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from watcher.sandbox.account import Account
    from watcher.sandbox.clock import SandboxClock
    from watcher.sandbox.index import StoredObject
    from watcher.sandbox.objects import ObjectStore
    from watcher.sandbox.wire import Request

# (method, has a key, parameter or header that tells it from the next) -> name.  The first that fits is meant.
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
_OPERATIONS: Final[Mapping[str, Operation]] = {
    "GetBucketInfo": operations.get_bucket_info,
    "GetBucketLocation": operations.get_bucket_location,
    "ListObjectsV2": list_objects,
    "DeleteMultipleObjects": operations.delete_objects,
    "DeleteBucket": operations.delete_bucket,
    "PutSymlink": operations.put_symlink,
    "CopyObject": operations.copy_object,
    "PutObject": operations.put_object,
    "GetSymlink": operations.get_symlink,
    "GetObject": operations.get_object,
    "HeadObject": operations.head_object,
    "AppendObject": operations.append_object,
    "RestoreObject": operations.restore_object,
    "DeleteObject": operations.delete_object,
    "ListParts": multipart.list_parts,
    "UploadPart": multipart.upload_part,
    "InitiateMultipartUpload": multipart.initiate,
    "CompleteMultipartUpload": multipart.complete,
    "AbortMultipartUpload": multipart.abort,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OssCall:
    """One answered request, as the journal keeps it."""

    operation: str
    bucket: str
    key: bytes
    params: Mapping[str, str]
    status: int
    code: str  # of the error; "" = none


class SandboxOss:
    """OSS of all regions at one address: a V4 signature's region stands for the endpoint asked."""

    def __init__(
        self,
        *,
        account: Account,
        clock: SandboxClock,
        store: ObjectStore,
        region: str,
        bucket_created: Callable[[str], None],
    ) -> None:
        self.journal: list[OssCall] = []
        self._account = account
        self._clock = clock
        self._store = store
        self._uploads = Uploads(store)
        self._region = region
        self._bucket_created = bucket_created
        self._writing = threading.Lock()

    def create_bucket(self, bucket: str, region: str | None = None, *, add_to_vod: bool = True) -> None:
        """Create a bucket, in the sandbox's region unless told otherwise, and add it to VOD unless told not to."""
        self._store.create_bucket(bucket, region or self._region)
        if add_to_vod:
            self._bucket_created(bucket)

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes = b"x",
        *,
        modified_at: datetime | None = None,
        type: str = "Normal",  # noqa: A002 - OSS's word
        storage_class: str = "Standard",
        restored: bool = False,
    ) -> StoredObject:
        """Store an object without HTTP; `modified_at` is cut to whole seconds."""
        return self.put_raw_key(
            bucket, key.encode(), body,
            modified_at=modified_at, type=type, storage_class=storage_class, restored=restored,
        )  # fmt: skip

    def put_raw_key(
        self,
        bucket: str,
        key: bytes,
        body: bytes = b"x",
        *,
        modified_at: datetime | None = None,
        type: str = "Normal",  # noqa: A002 - OSS's word
        storage_class: str = "Standard",
        restored: bool = False,
    ) -> StoredObject:
        """Store an object without HTTP under a key that need not be UTF-8."""
        return self._store.put(
            self._store.bucket(bucket),
            key,
            body,
            modified_at=_milliseconds(modified_at),
            type=type,
            storage_class=storage_class,
            restored=restored,
        )

    def fill(
        self, bucket: str, keys: Iterable[str], body: bytes = b"x", *, modified_at: datetime | None = None
    ) -> None:
        """Store many objects of one body without HTTP: faster and smaller than `put`, for very large buckets."""
        self._store.fill(
            self._store.bucket(bucket), (key.encode() for key in keys), body, modified_at=_milliseconds(modified_at)
        )

    def restore(self, bucket: str, key: str, *, restored: bool = True) -> None:
        """Make an archived object readable, or unreadable again."""
        self._store.restore(self._store.bucket(bucket), key.encode(), restored=restored)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object without HTTP; nothing happens if it is not there."""
        self._store.delete(self._store.bucket(bucket), key.encode())

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """Return what the bucket knows of an object, or None."""
        return self._store.find(self._store.bucket(bucket), key.encode())

    def body(self, bucket: str, key: str) -> bytes:
        """Return an object's bytes.

        Raises:
            OssRefused: it is not there.
        """
        return self._store.body(self._store.bucket(bucket), key.encode())

    def keys(self, bucket: str) -> tuple[bytes, ...]:
        """Return all keys of a bucket in byte order."""
        return self._store.keys(self._store.bucket(bucket))

    def answer(self, request: Request) -> Answer:
        """Answer one request, whatever it is, and write it into the journal."""
        request_id = secrets.token_hex(12).upper()
        name, _, key = request.path.removeprefix(b"/").partition(b"/")
        bucket = name.decode("latin-1")
        operation, code = _operation(request, bucket, key), ""
        try:
            answer = self._perform(operation, request, bucket, key)
        except OssRefused as refused:
            answer, code = self._refusal(refused, request, request_id), refused.code
        with self._writing:
            self.journal.append(
                OssCall(
                    operation=operation, bucket=bucket, key=key, params=dict(request.query),
                    status=answer.status, code=code,
                )
            )  # fmt: skip
        always = {
            "Date": format_datetime(self._clock.now(), usegmt=True),
            "Server": "AliyunOSS",
            "x-oss-request-id": request_id,
        }
        return Answer(status=answer.status, headers={**always, **answer.headers}, body=answer.body)

    def _perform(self, operation: str, request: Request, bucket: str, key: bytes) -> Answer:
        signed_region = verify(request, self._account, self._clock.now())
        if operation == "ListBuckets":
            return self._list_buckets()
        if operation == "PutBucket":
            self.create_bucket(bucket, signed_region or None)
            return Answer(headers={"Location": f"/{bucket}"})
        found = self._store.bucket(bucket)
        if signed_region not in {"", found.region}:
            raise _wrong_endpoint(bucket, found.region)
        if operation not in _OPERATIONS:
            raise OssRefused(501, "NotImplemented", "The sandbox does not know this operation.")
        return _OPERATIONS[operation](
            Call(request=request, store=self._store, uploads=self._uploads, bucket=found, key=key)
        )

    def _refusal(self, refused: OssRefused, request: Request, request_id: str) -> Answer:
        body = refused.body(request_id, request.headers.get("host", ""))
        headers = {"Content-Type": "application/xml"}
        if request.method == "HEAD":  # which has no body to say it in
            headers["x-oss-err"] = base64.b64encode(body).decode("ascii")
        return Answer(status=refused.status, headers=headers, body=body)

    def _list_buckets(self) -> Answer:
        inside = "".join(
            f"<Bucket>{element('Name', each.name)}{element('Location', f'oss-{each.region}')}"
            f"{element('CreationDate', iso_date(each.created_at))}"
            f"{element('ExtranetEndpoint', f'oss-{each.region}.aliyuncs.com')}"
            f"{element('IntranetEndpoint', f'oss-{each.region}-internal.aliyuncs.com')}"
            f"{element('StorageClass', 'Standard')}</Bucket>"
            for each in self._store.buckets()
        )
        owner = "<Owner><ID>1</ID><DisplayName>1</DisplayName></Owner>"
        return xml("ListAllMyBucketsResult", f"{owner}<Buckets>{inside}</Buckets>")


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def _operation(request: Request, bucket: str, key: bytes) -> str:
    """Return the name of what is asked, or "Unknown"."""
    if not bucket:
        return "ListBuckets" if request.method == "GET" else "Unknown"
    if request.method == "PUT" and not key and not request.query:
        return "PutBucket"
    sent = {name for name, _ in request.query} | request.headers.keys() | {""}
    for method, with_key, sign, name in _ROUTES:
        if (method, with_key) == (request.method, bool(key)) and sign in sent:
            return name
    return "Unknown"


def _wrong_endpoint(bucket: str, region: str) -> OssRefused:
    """Return what the endpoint of another region says of a bucket that exists elsewhere."""
    message = (
        "The bucket you are attempting to access must be addressed using the specified endpoint. "
        "Please send all future requests to this endpoint."
    )
    return OssRefused(403, "AccessDenied", message, Bucket=bucket, Endpoint=f"oss-{region}.aliyuncs.com")

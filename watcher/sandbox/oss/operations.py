"""The OSS operations on buckets and objects. The caller has checked the signature."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from watcher.sandbox.bodies import Body
from watcher.sandbox.http_server import Answer, Request
from watcher.sandbox.oss.access import check_object
from watcher.sandbox.oss.answers import OssRefused, element, iso_date, xml
from watcher.sandbox.oss.index import RESTORED
from watcher.sandbox.oss.integrity import CRC64
from watcher.sandbox.oss.objects import ARCHIVES, ObjectStore, StoredBucket
from watcher.sandbox.oss.writes import check_overwrite, storage_class_of

if TYPE_CHECKING:
    from watcher.sandbox.account import Principal
    from watcher.sandbox.oss.index import StoredObject
    from watcher.sandbox.oss.options import OssOptions
    from watcher.sandbox.oss.uploads import Uploads

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operation on one bucket, and on one key if it has one."""

    request: Request
    store: ObjectStore
    uploads: Uploads
    bucket: StoredBucket
    key: bytes
    principal: Principal
    options: OssOptions


Operation = Callable[[Call], Answer]


def put_object(call: Call) -> Answer:
    """Store the body."""
    check_overwrite(call)
    stored = call.store.put(
        call.bucket,
        call.key,
        call.request.content,
        storage_class=storage_class_of(call),
        headers=kept_headers(call.request),
    )
    return Answer(headers={"ETag": f'"{stored.etag}"', CRC64: str(stored.crc64)})


def copy_object(call: Call) -> Answer:
    """Store the content of another key; an archived source must be restored first."""
    source = unquote_to_bytes(call.request.headers["x-oss-copy-source"]).removeprefix(b"/")
    name, _, key = source.partition(b"/")
    bucket = call.store.bucket(name.decode("latin-1"))
    check_object(call.principal, "GetObject", bucket.name, key)
    found = readable(call.store, bucket, key)
    check_overwrite(call)
    replaced = call.request.headers.get("x-oss-metadata-directive", "COPY") == "REPLACE"
    stored = call.store.put(
        call.bucket,
        call.key,
        call.store.body(bucket, key),
        storage_class=storage_class_of(call),
        headers=kept_headers(call.request) if replaced else found.headers,
    )
    facts = element("LastModified", iso_date(stored.modified_at)) + element(
        "ETag", f'"{stored.etag}"'
    )
    return xml(
        "CopyObjectResult",
        facts,
        headers={"ETag": f'"{stored.etag}"', CRC64: str(stored.crc64)},
    )


def head_object(call: Call) -> Answer:
    """Answer with the headers of an object, an archived one too."""
    found = call.store.get(call.bucket, call.key)
    return Answer(headers={**_headers_of(found), "Content-Length": str(found.size_bytes)})


def get_object_meta(call: Call) -> Answer:
    """Answer with the ETag, the size and the time of an object only."""
    found = call.store.get(call.bucket, call.key)
    headers = _headers_of(found)
    kept = {name: headers[name] for name in ("ETag", "Last-Modified", CRC64)}
    return Answer(headers={**kept, "Content-Length": str(found.size_bytes)})


def get_object(call: Call) -> Answer:
    """Answer with the body, or a range of it; a symlink leads to its target."""
    key, found = call.key, call.store.get(call.bucket, call.key)
    if found.type == "Symlink":
        key = unquote_to_bytes(found.headers["x-oss-symlink-target"])
        check_object(call.principal, "GetObject", call.bucket.name, key)
        if call.store.find(call.bucket, key) is None:
            raise OssRefused(
                404, "SymlinkTargetNotExist", "The symlink target object does not exist"
            )
    found = readable(call.store, call.bucket, key)
    if call.request.headers.get("if-match", f'"{found.etag}"').strip('"') != found.etag:
        raise OssRefused(
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold.",
        )
    body, headers = call.store.body(call.bucket, key), _headers_of(found)
    wanted = _RANGE.fullmatch(call.request.headers.get("range", ""))
    if wanted is None or wanted[0] == "bytes=-":
        return Answer(headers=headers, content=body)
    first = int(wanted[1]) if wanted[1] else max(0, len(body) - int(wanted[2]))
    last = min(int(wanted[2]), len(body) - 1) if wanted[1] and wanted[2] else len(body) - 1
    if first > last:  # OSS ignores a range outside the object
        return Answer(headers=headers, content=body)
    shown = {**headers, "Content-Range": f"bytes {first}-{last}/{len(body)}"}
    return Answer(status=206, headers=shown, content=body[first : last + 1])


def delete_object(call: Call) -> Answer:
    """Delete an object, whether it exists or not."""
    call.store.delete(call.bucket, call.key)
    return Answer(status=204)


def put_symlink(call: Call) -> Answer:
    """Store a link; its target need not exist."""
    target = call.request.headers.get("x-oss-symlink-target", "")
    if not target:
        raise OssRefused(400, "InvalidArgument", "The symlink target is missing.")
    headers = {**kept_headers(call.request), "x-oss-symlink-target": target}
    stored = call.store.put(call.bucket, call.key, Body(), type="Symlink", headers=headers)
    return Answer(headers={"ETag": f'"{stored.etag}"'})


def get_symlink(call: Call) -> Answer:
    """Answer with the target of a link."""
    found = call.store.get(call.bucket, call.key)
    if found.type != "Symlink":
        raise OssRefused(400, "NotSymlink", "The object is not symlink")
    return Answer(headers=_headers_of(found))


def restore_object(call: Call) -> Answer:
    """Make an archived object readable at once; OSS needs minutes or hours."""
    if call.store.get(call.bucket, call.key).storage_class not in ARCHIVES:
        raise OssRefused(
            400, "OperationNotSupported", "The operation is not supported for this object's class."
        )
    call.store.restore(call.bucket, call.key, restored=True)
    return Answer(status=202)


def kept_headers(request: Request) -> dict[str, str]:
    """Return the headers of an upload that OSS returns with every GET."""
    kept = {
        name: value
        for name, value in request.headers.items()
        if name.startswith("x-oss-meta-") or name == "content-encoding"
    }
    return {"Content-Type": request.headers.get("content-type", "application/octet-stream"), **kept}


def readable(store: ObjectStore, bucket: StoredBucket, key: bytes) -> StoredObject:
    """Return an object.

    Raises:
        OssRefused: it is not there, or archived and not restored.
    """
    found = store.get(bucket, key)
    if found.storage_class in ARCHIVES and not found.restored:
        raise OssRefused(
            403, "InvalidObjectState", "The operation is not valid for the object's state"
        )
    return found


def _headers_of(found: StoredObject) -> dict[str, str]:
    return {
        "Content-Type": "application/octet-stream",
        **found.headers,
        "ETag": f'"{found.etag}"',
        "Last-Modified": format_datetime(
            datetime.fromtimestamp(found.modified_at // 1000, UTC), usegmt=True
        ),
        "x-oss-object-type": found.type,
        "x-oss-storage-class": found.storage_class,
        CRC64: str(found.crc64),
        **_append_position(found),
        **({"x-oss-restore": RESTORED} if found.restored else {}),
    }


def _append_position(found: StoredObject) -> dict[str, str]:
    if found.type != "Appendable":
        return {}
    return {"x-oss-next-append-position": str(found.size_bytes)}

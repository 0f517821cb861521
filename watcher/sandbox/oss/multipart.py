"""The OSS operations on multipart uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.answers import OssRefused, element, iso_date, xml
from watcher.sandbox.oss.headers import kept_headers
from watcher.sandbox.oss.operations import body_tree
from watcher.sandbox.oss.writes import storage_class_of
from watcher.sandbox.text import key_text

if TYPE_CHECKING:
    from watcher.sandbox.oss.operations import Call

MAX_PARTS: Final = 10_000


def initiate(call: Call) -> Answer:
    """Begin an upload."""
    upload_id = call.uploads.begin(
        call.key, headers=kept_headers(call.request), storage_class=storage_class_of(call)
    )
    return xml("InitiateMultipartUploadResult", _where(call) + element("UploadId", upload_id))


def upload_part(call: Call) -> Answer:
    """Store one part."""
    number = call.request.parameter("partNumber") or ""
    if not number.isdecimal() or not 1 <= int(number) <= MAX_PARTS:
        raise OssRefused(
            400, "InvalidArgument", f"Part number must be an integer between 1 and {MAX_PARTS}."
        )
    etag = call.uploads.put_part(_upload_id(call), int(number), call.request.body)
    return Answer(headers={"ETag": f'"{etag}"'})


def list_parts(call: Call) -> Answer:
    """Answer with all parts so far."""
    now = iso_date(call.bucket.created_at)
    parts = "".join(
        f"<Part>{element('PartNumber', number)}{element('LastModified', now)}"
        f"{element('ETag', quoted)}{element('Size', size)}</Part>"
        for number, etag, size in call.uploads.parts(_upload_id(call))
        for quoted in (f'"{etag}"',)
    )
    ends = element("NextPartNumberMarker", 0) + element("IsTruncated", "false")
    return xml(
        "ListPartsResult", _where(call) + element("UploadId", _upload_id(call)) + ends + parts
    )


def complete(call: Call) -> Answer:
    """Create an object from the parts."""
    parts = [
        (int(node.findtext("PartNumber", "0")), node.findtext("ETag", "").strip('"'))
        for node in body_tree(call.request).iter("Part")
    ]
    stored = call.uploads.complete(call.bucket, _upload_id(call), parts)
    etag = f'"{stored.etag}"'
    return xml(
        "CompleteMultipartUploadResult",
        _where(call) + element("ETag", etag),
        headers={"ETag": etag},
    )


def abort(call: Call) -> Answer:
    """Abort an upload."""
    call.uploads.abort(_upload_id(call))
    return Answer(status=204)


def _upload_id(call: Call) -> str:
    return call.request.parameter("uploadId") or ""


def _where(call: Call) -> str:
    return element("Bucket", call.bucket.name) + element("Key", key_text(call.key))

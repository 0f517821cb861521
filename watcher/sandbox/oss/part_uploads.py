"""The OSS operations that store one part of a multipart upload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.answers import OssRefused, element, iso_date, xml
from watcher.sandbox.oss.conditions import OF_COPY, check_conditions
from watcher.sandbox.oss.copies import source_of
from watcher.sandbox.oss.integrity import CRC64
from watcher.sandbox.oss.multipart import upload_id_of
from watcher.sandbox.oss.restore import check_readable
from watcher.sandbox.oss.symlinks import SYMLINK
from watcher.sandbox.oss.uploads import MAX_PARTS
from watcher.sandbox.text import whole_number

if TYPE_CHECKING:
    from watcher.sandbox.bodies import Body
    from watcher.sandbox.oss.operations import Call

_RANGE: Final = re.compile(r"bytes=([0-9]{1,40})-([0-9]{0,40})")


def upload_part(call: Call) -> Answer:
    """Store the body as one part."""
    number, upload_id = _number_of(call), upload_id_of(call)
    part = call.uploads.put_part(call.bucket, call.key, upload_id, number, call.request.content)
    crc64 = str(part.body.digest.crc64)
    return Answer(headers={"ETag": f'"{part.etag}"', CRC64: crc64})


def upload_part_copy(call: Call) -> Answer:
    """Store an object, or a range of it, as one part. No byte of it is copied."""
    number, upload_id = _number_of(call), upload_id_of(call)
    call.uploads.find(call.bucket, call.key, upload_id)
    part = call.uploads.put_part(call.bucket, call.key, upload_id, number, _copied(call))
    etag = f'"{part.etag}"'
    facts = element("LastModified", iso_date(part.modified_at)) + element("ETag", etag)
    return xml("CopyPartResult", facts, headers={"ETag": etag})


def _number_of(call: Call) -> int:
    number = whole_number(call.request.parameter("partNumber") or "")
    if number is None or not 1 <= number <= MAX_PARTS:
        raise OssRefused(
            400, "InvalidArgument", f"Part number must be an integer between 1 and {MAX_PARTS}."
        )
    return number


def _copied(call: Call) -> Body:
    """Return what a request wants to copy.

    Raises:
        OssRefused: the source is not there, may not be read or is not the one that is wanted.
    """
    headers = call.request.headers
    _check_source(headers["x-oss-copy-source"])
    source = source_of(call)
    found = source.found
    check_conditions(headers, etag=found.etag, modified_at=found.modified_at, prefix=OF_COPY)
    if found.type == SYMLINK:
        raise OssRefused(
            400, "OperationNotSupported", "The operation is not supported for a symlink."
        )
    check_readable(found, call.now_ms)
    body = call.store.body(source.bucket, found.key)
    return _range_of(body, headers.get("x-oss-copy-source-range", ""))


def _check_source(source: str) -> None:
    """Refuse a source that is not `/BUCKET/KEY`."""
    root, _, place = source.partition("/")
    name, _, key = place.partition("/")
    if root or not name or not key:
        ec = "0042-00000301" if source else "0042-00000302"
        raise OssRefused(400, "InvalidArgument", "The source of the copy is not valid.", ec=ec)


def _range_of(body: Body, wanted: str) -> Body:
    """Return a range of a body. A malformed one means the whole body, as the service has it.

    Raises:
        OssRefused: the range reaches beyond the end.
    """
    found = _RANGE.fullmatch(wanted)
    if found is None or (found[2] and int(found[2]) < int(found[1])):
        return body
    first, last = int(found[1]), int(found[2] or len(body) - 1)
    if last >= len(body) or first >= len(body):
        raise OssRefused(416, "InvalidRange", "The requested range cannot be satisfied")
    return body[first : last + 1]

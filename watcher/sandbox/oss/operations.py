"""The OSS operations on objects. The caller has checked the signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watcher.sandbox.http_server import Answer, Request
from watcher.sandbox.oss.answers import http_date
from watcher.sandbox.oss.conditions import check_conditions
from watcher.sandbox.oss.headers import overrides
from watcher.sandbox.oss.integrity import CRC64
from watcher.sandbox.oss.ranges import span_wanted
from watcher.sandbox.oss.restore import check_readable
from watcher.sandbox.oss.symlinks import shown_by
from watcher.sandbox.oss.writes import check_overwrite, facts_of

if TYPE_CHECKING:
    from watcher.sandbox.account import Principal
    from watcher.sandbox.oss.headers import Shown
    from watcher.sandbox.oss.objects import ObjectStore, StoredBucket
    from watcher.sandbox.oss.options import OssOptions
    from watcher.sandbox.oss.ranges import Span
    from watcher.sandbox.oss.uploads import Uploads


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
    now_ms: int  # on the services' clock


Operation = Callable[[Call], Answer]


def put_object(call: Call) -> Answer:
    """Store the body."""
    with call.store.atomic():
        check_overwrite(call)
        stored = call.store.put(call.bucket, call.key, call.request.content, facts_of(call))
    return Answer(headers={"ETag": f'"{stored.etag}"', CRC64: str(stored.crc64)})


def head_object(call: Call) -> Answer:
    """Answer with the headers of an object, an archived one too."""
    shown = shown_by(call)
    _check_conditions(call, shown)
    headers = shown.headers(call.now_ms)
    return Answer(headers={**headers, "Content-Length": str(shown.content.size_bytes)})


def get_object_meta(call: Call) -> Answer:
    """Answer with the ETag, the size and the time of an object only, or of a symlink itself."""
    found = call.store.get(call.bucket, call.key)
    return Answer(
        headers={
            "ETag": f'"{found.etag}"',
            "Last-Modified": http_date(found.modified_at),
            "Content-Length": str(found.size_bytes),
            CRC64: str(found.crc64),
        }
    )


def get_object(call: Call) -> Answer:
    """Answer with the body, or a range of it; a symlink leads to its target."""
    with call.store.atomic():  # or the headers could be those of another body
        shown = shown_by(call)
        body = call.store.body(call.bucket, shown.content.key)
    check_readable(shown.content, call.now_ms)
    _check_conditions(call, shown)
    headers = {**shown.headers(call.now_ms), **overrides(call.request)}
    span = _span_wanted(call, shown)
    if span is None:
        return Answer(headers=headers, content=body)
    return Answer(
        status=206,
        headers={**headers, "Content-Range": span.shown(len(body))},
        content=body[span.first : span.last + 1],
    )


def delete_object(call: Call) -> Answer:
    """Delete an object, whether it exists or not."""
    call.store.delete(call.bucket, call.key)
    return Answer(status=204)


def _check_conditions(call: Call, shown: Shown) -> None:
    check_conditions(call.request.headers, etag=shown.content.etag, modified_at=shown.modified_at)


def _span_wanted(call: Call, shown: Shown) -> Span | None:
    headers = call.request.headers
    standard = headers.get("x-oss-range-behavior", "").lower() == "standard"
    return span_wanted(headers.get("range", ""), shown.content.size_bytes, standard=standard)

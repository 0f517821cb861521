"""AppendObject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.answers import invalid_argument
from watcher.sandbox.oss.integrity import CRC64
from watcher.sandbox.oss.writes import facts_of
from watcher.sandbox.text import whole_number

if TYPE_CHECKING:
    from watcher.sandbox.oss.operations import Call


def append_object(call: Call) -> Answer:
    """Append the body to an appendable object, or create one."""
    text = call.request.parameter("position") or ""
    position = whole_number(text)
    if position is None:
        raise invalid_argument("position", text, "must be a non-negative integer")
    stored = call.store.append(
        call.bucket,
        call.key,
        call.request.content,
        facts_of(call, kind="Appendable"),
        position=position,
    )
    return Answer(
        headers={
            "ETag": f'"{stored.etag}"',
            "x-oss-next-append-position": str(stored.size_bytes),
            CRC64: str(stored.crc64),
        }
    )

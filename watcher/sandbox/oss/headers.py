"""The headers of objects: kept from an upload, and shown with the object."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watcher.sandbox.oss.answers import OssRefused, http_date
from watcher.sandbox.oss.integrity import CRC64
from watcher.sandbox.text import key_bytes

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request
    from watcher.sandbox.oss.index import StoredObject

DEFAULT_TYPE: Final = "application/octet-stream"
_STANDARD: Final = {
    name.lower(): name
    for name in (
        "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language",
        "Content-Type", "Expires",
    )
}  # fmt: skip
OVERRIDES: Final = {f"response-{name}": shown for name, shown in _STANDARD.items()}
"""The parameters that replace a header of an answer, and that header."""
_CONTROL: Final = re.compile(r"[\0-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a read shows: an object, and the object that has its content.

    They differ for a symlink only.
    """

    own: StoredObject
    content: StoredObject

    @property
    def modified_at(self) -> int:
        """When either was last changed, in milliseconds since the epoch."""
        return max(self.own.modified_at, self.content.modified_at)

    def headers(self, now_ms: int) -> dict[str, str]:
        """Return all headers but those of the body."""
        own, content = self.own, self.content
        headers = {
            "Content-Type": DEFAULT_TYPE,
            **own.headers,
            "Accept-Ranges": "bytes",
            "ETag": f'"{content.etag}"',
            "Last-Modified": http_date(self.modified_at),
            "x-oss-object-type": own.type,
            "x-oss-storage-class": content.storage_class,
            CRC64: str(content.crc64),
        }
        if content.type == "Normal":  # whose ETag is the MD5 of the content
            headers["Content-MD5"] = base64.b64encode(bytes.fromhex(content.etag)).decode("ascii")
        if own.type == "Appendable":
            headers["x-oss-next-append-position"] = str(own.size_bytes)
        if restore := content.restore_shown(now_ms):
            headers["x-oss-restore"] = restore
        return headers


def kept_headers(request: Request) -> dict[str, str]:
    """Return the headers of an upload that OSS returns with every GET."""
    kept = {"Content-Type": DEFAULT_TYPE}
    for name, value in request.headers.items():
        if name in _STANDARD:
            kept[_STANDARD[name]] = value
        elif name.startswith("x-oss-meta-"):
            kept[name] = value
    return kept


def overrides(request: Request) -> dict[str, str]:
    """Return the headers that the `response-*` parameters of a GetObject ask for.

    Raises:
        OssRefused: a value would end the header.
    """
    found: dict[str, str] = {}
    for name, value in request.query:
        if name not in OVERRIDES or not value:
            continue
        if _CONTROL.search(value):
            raise OssRefused(400, "InvalidArgument", f"The value of {name} is not valid.")
        found[OVERRIDES[name]] = key_bytes(value).decode("latin-1")
    return found

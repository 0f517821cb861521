"""ListMultipartUploads: one page of the unfinished uploads of a bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from watcher.sandbox.oss.answers import element, iso_date, xml
from watcher.sandbox.oss.checks import page_size
from watcher.sandbox.oss.encoding import KeyEncoding
from watcher.sandbox.text import key_bytes

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Answer
    from watcher.sandbox.oss.operations import Call
    from watcher.sandbox.oss.uploads import Upload

MAX_UPLOADS: Final = 1000  # in one page, and unless the request says less
_BEHIND_ALL_IDS: Final = "\U0010ffff"


@dataclass(slots=True, kw_only=True)
class _Page:
    """Uploads and common prefixes in order, and where the next page begins."""

    uploads: list[Upload] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)
    next_key: bytes = b""
    next_id: str = ""
    truncated: bool = False


def list_multipart_uploads(call: Call) -> Answer:
    """Answer with the uploads behind the markers, by key and then by age.

    Raises:
        OssRefused: a parameter is not valid.
    """
    given = {name: value for name, value in call.request.query if value}
    encoding, limit = (
        KeyEncoding(call.request),
        page_size("max-uploads", given.get("max-uploads", str(MAX_UPLOADS)), most=MAX_UPLOADS),
    )
    prefix, delimiter, marker = (
        key_bytes(given.get(name, "")) for name in ("prefix", "delimiter", "key-marker")
    )
    id_marker = given.get("upload-id-marker", "") if marker else ""
    uploads = call.uploads.of_bucket(call.bucket, after=(marker, id_marker or _BEHIND_ALL_IDS))
    mine = [each for each in uploads if each.key.startswith(prefix)]
    page = _page(mine, prefix=prefix, delimiter=delimiter, marker=marker, limit=limit)
    inside = (
        encoding.shown,
        element("Bucket", call.bucket.name),
        encoding.element("KeyMarker", marker),
        element("UploadIdMarker", id_marker),
        encoding.element("NextKeyMarker", page.next_key),
        element("NextUploadIdMarker", page.next_id),
        encoding.element("Delimiter", delimiter),
        encoding.element("Prefix", prefix),
        element("MaxUploads", limit),
        element("IsTruncated", "true" if page.truncated else "false"),
        *(_shown(each, encoding) for each in page.uploads),
        *(
            f"<CommonPrefixes>{encoding.element('Prefix', each)}</CommonPrefixes>"
            for each in page.prefixes
        ),
    )
    return xml("ListMultipartUploadsResult", "".join(inside))


def _page(
    uploads: list[Upload], *, prefix: bytes, delimiter: bytes, marker: bytes, limit: int
) -> _Page:
    page = _Page()
    for upload in uploads:
        cut = upload.key.find(delimiter, len(prefix)) if delimiter else -1
        common = upload.key[: cut + len(delimiter)] if cut >= 0 else b""
        if common and common in {marker, page.next_key}:
            continue
        if len(page.uploads) + len(page.prefixes) == limit:
            page.truncated = True
            return page
        if common:
            page.prefixes.append(common)
            page.next_key, page.next_id = common, ""
        else:
            page.uploads.append(upload)
            page.next_key, page.next_id = upload.place
    return page


def _shown(upload: Upload, encoding: KeyEncoding) -> str:
    facts = (
        encoding.element("Key", upload.key)
        + element("UploadId", upload.upload_id)
        + element("StorageClass", upload.facts.storage_class)
        + element("Initiated", iso_date(upload.begun_at))
    )
    return f"<Upload>{facts}</Upload>"

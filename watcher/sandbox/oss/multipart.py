"""The OSS operations on one multipart upload, except those that store a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watcher.sandbox.http_server import Answer
from watcher.sandbox.oss.answers import OssRefused, element, invalid_argument, iso_date, xml
from watcher.sandbox.oss.checks import page_size
from watcher.sandbox.oss.encoding import KeyEncoding
from watcher.sandbox.oss.integrity import CRC64
from watcher.sandbox.oss.request_xml import body_tree, malformed
from watcher.sandbox.oss.writes import check_overwrite, facts_of
from watcher.sandbox.text import key_text, percent_encoded, whole_number

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Request
    from watcher.sandbox.oss.operations import Call
    from watcher.sandbox.oss.uploads import Part

MAX_LISTED_PARTS: Final = 1000


def initiate(call: Call) -> Answer:
    """Begin an upload."""
    encoding = KeyEncoding(call.request)
    check_overwrite(call)
    begun = call.uploads.begin(call.bucket, call.key, facts_of(call, kind="Multipart"))
    inside = _place(call, encoding) + element("UploadId", begun.upload_id)
    return xml("InitiateMultipartUploadResult", inside)


def list_parts(call: Call) -> Answer:
    """Answer with one page of the parts so far, by number."""
    encoding = KeyEncoding(call.request)
    most = call.request.parameter("max-parts") or str(MAX_LISTED_PARTS)
    limit, marker = page_size("max-parts", most, most=MAX_LISTED_PARTS), _marker(call.request)
    upload = call.uploads.find(call.bucket, call.key, upload_id_of(call))
    found = call.uploads.parts(call.bucket, call.key, upload.upload_id, after=marker)
    shown = found[:limit]
    facts = (
        ("UploadId", upload.upload_id),
        ("StorageClass", upload.facts.storage_class),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", shown[-1].number if shown else 0),
        ("MaxParts", limit),
        ("IsTruncated", "true" if len(found) > limit else "false"),
    )
    inside = "".join(element(name, value) for name, value in facts)
    parts = "".join(_shown(part) for part in shown)
    return xml("ListPartsResult", _place(call, encoding) + inside + parts)


def complete(call: Call) -> Answer:
    """Create an object from the parts that the body names, or from all parts."""
    encoding, upload_id = KeyEncoding(call.request), upload_id_of(call)
    wanted = _all_parts(call) if _takes_all(call.request) else _named_parts(call.request)
    call.uploads.find(call.bucket, call.key, upload_id)
    with call.store.atomic():
        check_overwrite(call)
        stored = call.uploads.complete(call.bucket, call.key, upload_id, wanted)
    etag = f'"{stored.etag}"'
    host = f"{call.bucket.name}.oss-{call.bucket.region}.aliyuncs.com"
    location = f"http://{host}/{percent_encoded(key_text(call.key))}"
    return xml(
        "CompleteMultipartUploadResult",
        element("Location", location) + _place(call, encoding) + element("ETag", etag),
        headers={"ETag": etag, CRC64: str(stored.crc64)},
    )


def abort(call: Call) -> Answer:
    """Abort an upload."""
    call.uploads.abort(call.bucket, call.key, upload_id_of(call))
    return Answer(status=204)


def upload_id_of(call: Call) -> str:
    """Return the upload ID that a request names."""
    return call.request.parameter("uploadId") or ""


def _takes_all(request: Request) -> bool:
    """Return whether the service is to take every part that was uploaded.

    Raises:
        OssRefused: there is a body as well.
    """
    given = request.headers.get("x-oss-complete-all", "")
    if given not in {"", "yes"}:
        raise invalid_argument("x-oss-complete-all", given, "must be yes")
    if given and request.content:
        raise OssRefused(
            400,
            "InvalidArgument",
            "The body must be empty if x-oss-complete-all is yes.",
            ec="0042-00000216",
        )
    return bool(given)


def _all_parts(call: Call) -> list[tuple[int, str]]:
    parts = call.uploads.parts(call.bucket, call.key, upload_id_of(call))
    if not parts:
        raise OssRefused(400, "InvalidPart", "No part of the upload could be found.")
    return [(part.number, part.etag) for part in parts]


def _named_parts(request: Request) -> list[tuple[int, str]]:
    """Return number and ETag of each part that the body names.

    Raises:
        OssRefused: the body names none, or one without a number.
    """
    nodes = body_tree(request).findall("Part")
    named: list[tuple[int, str]] = []
    for node in nodes:
        number = whole_number(node.findtext("PartNumber", "").strip())
        if number is None:
            raise malformed()
        named.append((number, node.findtext("ETag", "").strip().strip('"')))
    if not named:
        raise malformed()
    return named


def _marker(request: Request) -> int:
    text = request.parameter("part-number-marker") or "0"
    number = whole_number(text)
    if number is None:
        raise invalid_argument("part-number-marker", text, "must be an integer")
    return number


def _shown(part: Part) -> str:
    facts = (
        ("PartNumber", part.number),
        ("LastModified", iso_date(part.modified_at)),
        ("ETag", f'"{part.etag}"'),
        ("HashCrc64ecma", part.body.digest.crc64),
        ("Size", len(part.body)),
    )
    return f"<Part>{''.join(element(name, value) for name, value in facts)}</Part>"


def _place(call: Call, encoding: KeyEncoding) -> str:
    return encoding.shown + element("Bucket", call.bucket.name) + encoding.element("Key", call.key)

"""CopyObject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from watcher.sandbox.oss.access import check_object
from watcher.sandbox.oss.answers import OssRefused, element, invalid_argument, iso_date, xml
from watcher.sandbox.oss.conditions import OF_COPY, check_conditions
from watcher.sandbox.oss.headers import kept_headers
from watcher.sandbox.oss.index import ObjectFacts
from watcher.sandbox.oss.integrity import CRC64
from watcher.sandbox.oss.restore import check_readable
from watcher.sandbox.oss.symlinks import SYMLINK
from watcher.sandbox.oss.writes import check_overwrite, storage_class_of

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Answer
    from watcher.sandbox.oss.index import StoredObject
    from watcher.sandbox.oss.objects import StoredBucket
    from watcher.sandbox.oss.operations import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The object that a copy is made of."""

    bucket: StoredBucket
    found: StoredObject


def copy_object(call: Call) -> Answer:
    """Store the content of another key; an archived source must be restored first.

    A copy of a symlink is a symlink. A copy of an object to itself changes its metadata only.
    """
    with call.store.atomic():
        stored = _copied(call)
    etag = f'"{stored.etag}"'
    facts = element("LastModified", iso_date(stored.modified_at)) + element("ETag", etag)
    return xml("CopyObjectResult", facts, headers={"ETag": etag, CRC64: str(stored.crc64)})


def _copied(call: Call) -> StoredObject:
    replaces, source = _replaces_metadata(call), source_of(call)
    found = source.found
    check_conditions(
        call.request.headers, etag=found.etag, modified_at=found.modified_at, prefix=OF_COPY
    )
    if found.type != SYMLINK:
        check_readable(found, call.now_ms)
    check_overwrite(call)
    if (source.bucket, found.key) == (call.bucket, call.key):
        return call.store.describe(
            call.bucket,
            call.key,
            headers=kept_headers(call.request),
            storage_class=call.request.headers.get("x-oss-storage-class", found.storage_class),
        )
    link = found.type == SYMLINK
    return call.store.put(
        call.bucket,
        call.key,
        call.store.body(source.bucket, found.key),
        ObjectFacts(
            type=SYMLINK if link else "Normal",
            storage_class=storage_class_of(call),
            headers=kept_headers(call.request) if replaces else found.headers,
            symlink_target=found.symlink_target,
        ),
        etag=found.etag if link else "",
    )


def _replaces_metadata(call: Call) -> bool:
    directive = call.request.headers.get("x-oss-metadata-directive", "COPY")
    if directive.upper() not in {"COPY", "REPLACE"}:
        raise invalid_argument("x-oss-metadata-directive", directive, "must be COPY or REPLACE")
    return directive.upper() == "REPLACE"


def source_of(call: Call) -> Source:
    """Return the source.

    Raises:
        OssRefused: it does not exist, the signer may not read it, or it names a version.
    """
    path, _, query = call.request.headers["x-oss-copy-source"].partition("?")
    if query:
        raise OssRefused(501, "NotImplemented", "The sandbox does not offer versions.")
    name, _, key = unquote_to_bytes(path.encode("latin-1")).removeprefix(b"/").partition(b"/")
    bucket = call.store.bucket(name.decode("latin-1"))
    check_object(call.principal, "GetObject", bucket.name, key)
    return Source(bucket=bucket, found=call.store.get(bucket, key))

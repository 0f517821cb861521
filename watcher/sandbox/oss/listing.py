"""ListObjectsV2: one page of XML for the parameters of a request."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from watcher.sandbox.oss.answers import OssRefused, element, iso_date, xml
from watcher.sandbox.oss.index import RESTORED
from watcher.sandbox.text import key_bytes, key_text

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Answer
    from watcher.sandbox.oss.index import Listing, StoredObject
    from watcher.sandbox.oss.operations import Call

DEFAULT_KEYS: Final = 100
MAX_KEYS: Final = 1000


def list_objects(call: Call) -> Answer:
    """Answer one ListObjectsV2 call. Empty parameters count as not sent.

    Raises:
        OssRefused: a parameter is not valid.
    """
    given = {name: value for name, value in call.request.query if value}
    limit = _limit(given.get("max-keys", str(DEFAULT_KEYS)))
    prefix, delimiter, start_after = (
        key_bytes(given.get(name, "")) for name in ("prefix", "delimiter", "start-after")
    )
    token = given.get("continuation-token", "")
    first = _key_in(token) if token else (start_after + b"\0" if start_after else b"")
    page = call.store.page(
        call.bucket, first=first, prefix=prefix, delimiter=delimiter, limit=limit
    )
    if given.get("encoding-type", "url") != "url":
        raise OssRefused(400, "InvalidArgument", "Invalid Encoding Method specified in Request.")
    return xml("ListBucketResult", _document(page, call.bucket.name, given, limit))


def _document(page: Listing, bucket: str, given: dict[str, str], limit: int) -> str:
    url = "encoding-type" in given

    def shown(name: str, text: bytes) -> str:
        return element(name, quote(text, safe="") if url else key_text(text))

    parts = [element("Name", bucket), shown("Prefix", key_bytes(given.get("prefix", "")))]
    parts.append(element("MaxKeys", limit))
    parts.append(shown("Delimiter", key_bytes(given.get("delimiter", ""))))
    if url:
        parts.append(element("EncodingType", "url"))
    if "start-after" in given:
        parts.append(shown("StartAfter", key_bytes(given["start-after"])))
    if "continuation-token" in given:
        parts.append(shown("ContinuationToken", key_bytes(given["continuation-token"])))
    parts.append(element("IsTruncated", "true" if page.next_key else "false"))
    if page.next_key:
        parts.append(shown("NextContinuationToken", base64.urlsafe_b64encode(page.next_key)))
    parts.extend(
        f"<Contents>{shown('Key', found.key)}{_facts(found)}</Contents>" for found in page.objects
    )
    parts.extend(
        f"<CommonPrefixes>{shown('Prefix', prefix)}</CommonPrefixes>" for prefix in page.prefixes
    )
    parts.append(element("KeyCount", len(page.objects) + len(page.prefixes)))
    return "".join(parts)


def _facts(found: StoredObject) -> str:
    restore = element("RestoreInfo", RESTORED) if found.restored else ""
    return (
        f"<LastModified>{iso_date(found.modified_at)}</LastModified>"
        f"<ETag>&quot;{found.etag}&quot;</ETag>"
        f"<Type>{found.type}</Type><Size>{found.size_bytes}</Size>"
        f"<StorageClass>{found.storage_class}</StorageClass>{restore}"
    )


def _limit(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MAX_KEYS:
        return int(text)
    raise OssRefused(
        400, "InvalidArgument", f"Argument max-keys must be an integer between 1 and {MAX_KEYS}.",
        ArgumentName="max-keys", ArgumentValue=text,
    )  # fmt: skip


def _key_in(token: str) -> bytes:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise OssRefused(400, "InvalidArgument", "The continuation token is not valid.") from error

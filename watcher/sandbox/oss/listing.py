"""ListObjects and ListObjectsV2: one page of XML for the parameters of a request."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from watcher.sandbox.oss.answers import (
    OWNER,
    OssRefused,
    element,
    invalid_argument,
    iso_date,
    xml,
)
from watcher.sandbox.oss.checks import page_size
from watcher.sandbox.oss.encoding import KeyEncoding
from watcher.sandbox.oss.index import Wanted
from watcher.sandbox.text import key_bytes, key_text

if TYPE_CHECKING:
    from watcher.sandbox.http_server import Answer
    from watcher.sandbox.oss.index import Listing, StoredObject
    from watcher.sandbox.oss.operations import Call

DEFAULT_KEYS: Final = 100
MAX_KEYS: Final = 1000
MAX_TEXT_BYTES: Final = 1023  # of a prefix, a marker, a start-after
# As the samples of OSS have tokens: no `=`, a `-` pads. The other two characters need no escape.
_TOKEN_CHARACTERS: Final = b"._"


def list_objects(call: Call) -> Answer:
    """Answer one ListObjects call (the first version). Empty parameters count as not sent.

    Raises:
        OssRefused: a parameter is not valid.
    """
    given = _Given(call)
    marker = given.text("marker")
    page = call.store.page(call.bucket, given.wanted(after=marker))
    parts = [given.heading(call), given.shown("Marker", marker)]
    if page.next_key:
        parts.append(given.shown("NextMarker", page.last_shown))
    return xml("ListBucketResult", "".join((*parts, given.contents(page, with_owner=True))))


def list_objects_v2(call: Call) -> Answer:
    """Answer one ListObjectsV2 call. Empty parameters count as not sent.

    Raises:
        OssRefused: a parameter is not valid.
    """
    given = _Given(call)
    if given.fields["list-type"] != "2":
        raise invalid_argument("list-type", given.fields["list-type"], "must be 2")
    start_after, token = given.text("start-after"), given.fields.get("continuation-token", "")
    wanted = given.wanted(from_key=_key_in(token)) if token else given.wanted(after=start_after)
    page = call.store.page(call.bucket, wanted)
    parts = [given.heading(call)]
    if start_after:
        parts.append(given.shown("StartAfter", start_after))
    if token:
        parts.append(given.shown("ContinuationToken", key_bytes(token)))
    if page.next_key:
        parts.append(given.shown("NextContinuationToken", _token_of(page.next_key)))
    parts.append(given.contents(page, with_owner=given.fields.get("fetch-owner") == "true"))
    parts.append(element("KeyCount", len(page.objects) + len(page.prefixes)))
    return xml("ListBucketResult", "".join(parts))


class _Given:
    """The parameters that both versions share, and the elements that depend on them."""

    def __init__(self, call: Call) -> None:
        self.fields = {name: value for name, value in call.request.query if value}
        self._begun_prefixes = call.options.begun_prefixes
        self._now_ms = call.now_ms
        self.limit = page_size(
            "max-keys", self.fields.get("max-keys", str(DEFAULT_KEYS)), most=MAX_KEYS
        )
        self.prefix, self.delimiter = self.text("prefix"), self.text("delimiter")
        self._encoding = KeyEncoding(call.request)

    def text(self, name: str) -> bytes:
        """Return a parameter that is compared with keys; b"" = not sent."""
        found = key_bytes(self.fields.get(name, ""))
        if len(found) > MAX_TEXT_BYTES:
            raise invalid_argument(
                name, key_text(found), f"must have at most {MAX_TEXT_BYTES} bytes"
            )
        return found

    def wanted(self, *, after: bytes = b"", from_key: bytes = b"") -> Wanted:
        """Return the page that is asked for."""
        return Wanted(
            limit=self.limit,
            prefix=self.prefix,
            delimiter=self.delimiter,
            after=after,
            from_key=from_key,
            begun_prefixes=self._begun_prefixes,
        )

    def heading(self, call: Call) -> str:
        """Return the elements that repeat the request."""
        parts = (
            element("Name", call.bucket.name),
            self.shown("Prefix", self.prefix),
            element("MaxKeys", self.limit),
            self.shown("Delimiter", self.delimiter),
            self._encoding.shown,
        )
        return "".join(parts)

    def contents(self, page: Listing, *, with_owner: bool) -> str:
        """Return the objects and the common prefixes, and whether more follow."""
        owner = OWNER if with_owner else ""
        return "".join(
            (
                element("IsTruncated", "true" if page.next_key else "false"),
                *(f"<Contents>{self._facts(found)}{owner}</Contents>" for found in page.objects),
                *(
                    f"<CommonPrefixes>{self.shown('Prefix', prefix)}</CommonPrefixes>"
                    for prefix in page.prefixes
                ),
            )
        )

    def shown(self, name: str, text: bytes) -> str:
        """Return an element with a key, encoded if the request says so."""
        return self._encoding.element(name, text)

    def _facts(self, found: StoredObject) -> str:
        state = found.restore_shown(self._now_ms)
        restore = element("RestoreInfo", state) if state else ""
        return (
            f"{self.shown('Key', found.key)}"
            f"<LastModified>{iso_date(found.modified_at)}</LastModified>"
            f"<ETag>&quot;{found.etag}&quot;</ETag>"
            f"<Type>{found.type}</Type><Size>{found.size_bytes}</Size>"
            f"<StorageClass>{found.storage_class}</StorageClass>{restore}"
        )


def _token_of(key: bytes) -> bytes:
    return base64.b64encode(key, altchars=_TOKEN_CHARACTERS).replace(b"=", b"-")


def _key_in(token: str) -> bytes:
    try:
        return base64.b64decode(token.replace("-", "="), altchars=_TOKEN_CHARACTERS, validate=True)
    except (binascii.Error, ValueError) as error:
        raise OssRefused(400, "InvalidArgument", "The continuation token is not valid.") from error

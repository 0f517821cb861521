"""ListObjectsV2 as OSS and S3 answer it: parameters in, XML out."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.bench.stub.bucket import Bucket

DEFAULT_KEYS: Final = 100  # of OSS; S3's is the most there is
MOST_KEYS: Final = 1000
_ESCAPES: Final = re.compile(rb"(?:%[0-9A-F]{2})+")


def listing(
    bucket: Bucket, name: str, given: Mapping[str, str], *, default_keys: int = DEFAULT_KEYS
) -> tuple[bytes | memoryview, ...]:
    """Return the document for one call, in parts: the objects are not copied.

    Raises:
        ValueError: a delimiter, which this stub does not know, or a wrong `max-keys` or token.
    """
    if given.get("delimiter"):
        raise ValueError("this stub lists without a delimiter")
    limit = int(given.get("max-keys") or default_keys)
    if not 1 <= limit <= MOST_KEYS:
        raise ValueError(f"max-keys must be from 1 to {MOST_KEYS}")
    token, start_after, prefix = (
        given.get(name, "") for name in ("continuation-token", "start-after", "prefix")
    )
    after = urlsafe_b64decode(token) if token else start_after.encode()
    page = bucket.page(after=after, prefix=prefix.encode(), limit=limit)
    url_encoded = given.get("encoding-type") == "url"

    def shown(text: str) -> str:
        return quote(text, safe="") if url_encoded else escape(text)

    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult>\n'
        f"  <Name>{name}</Name>\n  <Prefix>{shown(prefix)}</Prefix>\n"
        + (f"  <StartAfter>{shown(start_after)}</StartAfter>\n" if start_after else "")
        + (f"  <ContinuationToken>{shown(token)}</ContinuationToken>\n" if token else "")
        + f"  <MaxKeys>{limit}</MaxKeys>\n  <Delimiter></Delimiter>\n"
        + ("  <EncodingType>url</EncodingType>\n" if url_encoded else "")
        + f"  <IsTruncated>{str(page.truncated).lower()}</IsTruncated>\n"
    )
    if page.truncated:
        following = urlsafe_b64encode(page.last_key).decode()
        head += f"  <NextContinuationToken>{shown(following)}</NextContinuationToken>\n"
    objects = page.rendered if url_encoded else _ESCAPES.sub(_as_xml, page.rendered)
    tail = f"  <KeyCount>{page.n}</KeyCount>\n</ListBucketResult>\n"
    return head.encode(), objects, tail.encode()


def _as_xml(escapes: re.Match[bytes]) -> bytes:
    return escape(unquote(escapes[0].decode())).encode()


def bucket_info(name: str) -> bytes:
    """Return GetBucketInfo's document."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<BucketInfo><Bucket>'
        f"<Name>{name}</Name><Location>oss-cn-shanghai</Location><CreationDate>2026-01-01T00:00:00.000Z</CreationDate>"
        "<ExtranetEndpoint>oss-cn-shanghai.aliyuncs.com</ExtranetEndpoint>"
        "<IntranetEndpoint>oss-cn-shanghai-internal.aliyuncs.com</IntranetEndpoint><StorageClass>Standard</StorageClass>"
        "<Owner><ID>1</ID><DisplayName>1</DisplayName></Owner>"
        "<AccessControlList><Grant>private</Grant></AccessControlList>"
        "</Bucket></BucketInfo>"
    ).encode()


def error(code: str, message: str) -> bytes:
    """Return an error document."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message><RequestId>0</RequestId></Error>"
    ).encode()

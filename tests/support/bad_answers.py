"""Bad HTTP answers of every kind, and the check that each becomes a CloudError without secrets."""

from __future__ import annotations

import gzip
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.raw_server import Raw, http
from tests.support.static_credentials import SECRET, TOKEN
from watcher.errors import CloudError
from watcher.observe import log_setup
from watcher.redaction import remember

if TYPE_CHECKING:
    from collections.abc import Iterator

GBK = "<html><head><title>访问被拒绝</title></head><body>您的请求被拒绝</body></html>".encode("gbk")
ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><Error><Code>&j;</Code></Error>"
)
DATE = b"Date: Wed, 25 Nov 2026 10:00:00 GMT"
BODIES = {
    "nothing": b"",
    "GBK": GBK,
    "GBK, in XML that says so": (
        '<?xml version="1.0" encoding="gbk"?><Error><Code>错</Code></Error>'.encode("gbk")
    ),
    "UTF-16": "<Error><Code>AccessDenied</Code></Error>".encode("utf-16"),
    "an unknown encoding": (
        b'<?xml version="1.0" encoding="x-none"?><Error><Code>A</Code></Error>'
    ),
    "no UTF-8 in the code": b"<Error><Code>\xff\xfe</Code><Message>\x80\x81</Message></Error>",
    "an empty code": b"<Error><Code/><Message></Message></Error>",
    "nested": b"<Error><Code><a><b/></a></Code></Error>",
    "HTML": b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>",
    "plain text": b"upstream connect error or disconnect/reset before headers",
    "JSON": b'{"error": "denied"}',
    "JSON of another type": b"[1, 2, 3]",
    "JSON with fields of other types": (
        b'{"Code": {"a": [1]}, "Message": [], "RequestId": {"b": 2}}'
    ),
    "deep JSON": b'{"Code": ' + b"[" * 900 + b"]" * 900 + b"}",
    "very deep JSON": b"[" * 100_000,
    "half a surrogate": b'{"Code": "\\ud800", "Message": "\\udfff", "RequestId": "\\ud800"}',
    "a figure of many digits": b'{"Code": ' + b"9" * 5000 + b"}",
    "entities": ENTITIES,
    "an outside entity": (
        b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><Error><Code>&a;</Code></Error>'
    ),
    "half an error": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Mess",
    "NULs": b"\0" * 5000,
    "large": b"x" * 3_000_000,
    "secrets": b"<Error><Code>X</Code><Message>SecurityToken=%b %b</Message></Error>"
    % (TOKEN.encode(), SECRET.encode()),
}
STATUSES = (
    200,
    204,
    206,
    302,
    400,
    401,
    403,
    404,
    405,
    407,
    408,
    409,
    410,
    418,
    429,
    451,
    500,
    502,
    503,
    504,
    520,
    599,
)
HEADERS = {
    "no date": (),
    "a date that is none": (b"Date: yesterday",),
    "a date of no calendar": (b"Date: Wed, 99 Nov 0000 99:99:99 +9999",),
    "a date with a huge offset": (b"Date: Wed, 25 Nov 2026 10:00:00 +99999999999",),
    "a date before all": (b"Date: Mon, 01 Jan 0001 00:00:00 -0000",),
    "a date in Chinese": ("Date: 星期三".encode(),),
    "a long rest": (DATE, b"Retry-After: " + b"9" * 400),
    "a rest until a day of no calendar": (DATE, b"Retry-After: Wed, 25 Nov 9999 10:00:00 -9999"),
    "a rest in words": (DATE, b"Retry-After: \xff soon"),
    "a date twice": (DATE, b"Date: Thu, 26 Nov 2026 10:00:00 GMT"),
    "a request id that is none": (
        DATE,
        b"x-oss-request-id: \xff\xfe\x00",
        b"x-acs-request-id: \xff",
    ),
    "an error in a header that is no base64": (DATE, b"x-oss-err: \xff%%%"),
    "headers without end": (DATE, *(b"X-%d: y" % n for n in range(200))),
    "a header that is too long": (DATE, b"X: " + b"y" * 100_000),
    "a header without a name": (DATE, b": nobody"),
    "a header that is folded": (DATE, b"X: a\r\n b"),
    "packed, it says": (DATE, b"Content-Encoding: gzip"),
    "packed in an unknown way": (DATE, b"Content-Encoding: br, zstd, x"),
    "in chunks, it says": (DATE, b"Transfer-Encoding: chunked"),
    "two lengths": (DATE, b"Content-Length: 7"),
    "a length that is none": (DATE, b"Content-Length: many"),
    "a negative length": (DATE, b"Content-Length: -5"),
    "odd facts of an object": (
        DATE,
        b"ETag: \xff",
        b"Last-Modified: Wed, 99 Foo 0000 99:99:99 GMT",
        b"x-oss-hash-crc64ecma: zz",
        b"x-oss-object-type: Odd",
        b"Content-Range: odd",
    ),
}
WIRE = {
    "nothing at all": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "bytes": bytes(range(256)) * 40,
    "a status line alone": b"HTTP/1.1 200 OK\r\n",
    "a status that is none": b"HTTP/1.1 abc OK\r\n\r\n",
    "an unknown version": b"HTTP/9.7 200 OK\r\n\r\nx",
    "an answer that goes on and on": b"HTTP/1.1 100 Continue\r\n\r\n" * 300,
    "half a body": http(200, b"abc", DATE, length=500),
    "half a refusal": http(403, b"<Error>", DATE, length=500),
    "a broken chunk": http(200, b"zz\r\nabc", DATE, b"Transfer-Encoding: chunked", length=None),
    "a chunk that is cut off": http(
        503, b"ff\r\nabc", DATE, b"Transfer-Encoding: chunked", length=None
    ),
    "a bomb": http(200, gzip.compress(b"\0" * 60_000_000), DATE, b"Content-Encoding: gzip"),
    "a bomb with a refusal": http(
        403, gzip.compress(b"\0" * 60_000_000), DATE, b"Content-Encoding: gzip"
    ),
    "no end": http(200, b"x" * 40_000_000, DATE, length=None),
    "a refusal without end": http(500, b"x" * 40_000_000, DATE, length=None),
}
ANSWERS = {
    **{
        f"{status}, {name}": http(status, body, DATE)
        for status in STATUSES
        for name, body in BODIES.items()
    },
    **{
        f"{status}, {name}": http(status, GBK, *more)
        for status in (200, 403, 503)
        for name, more in HEADERS.items()
    },
    **WIRE,
}


@contextmanager
def raw_server() -> Iterator[Raw]:
    """Run a server for raw answers, with the log of the SDKs as the program has it."""
    remember(SECRET, TOKEN)
    log_setup.tame_sdk_loggers()  # they log the answers
    with Raw() as server:
        yield server


@contextmanager
def one_of_ours(case: str) -> Iterator[None]:
    """Check that the block raises nothing but a useful CloudError without secrets."""
    try:
        yield
    except CloudError as error:
        _check_words(error, case)
    except Exception as error:
        raise AssertionError(f"{case}: {error!r}") from error


def _check_words(error: CloudError, case: str) -> None:
    said = f"{error} {error.hint} {error.code} {error.request_id} {error!r}"
    assert SECRET not in said, case
    assert TOKEN not in said, case
    assert len(said) < 4000, case
    assert said.encode(), case
    assert error.retry_after_s >= 0, case

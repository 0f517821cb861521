"""Whatever answers, and however badly: a class of failure comes of it, a sentence and a cure, and no secret."""

from __future__ import annotations

import gzip
import json
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.raw import Raw, http, registrar
from tests.test_wire import MEDIA, SECRET, TOKEN
from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CloudError,
    NotSent,
    Throttled,
    Unanswered,
    Unavailable,
)
from watcher.model import CallOptions, Unknown
from watcher.observe import logs
from watcher.redaction import remember
from watcher.sandbox.faults import Faults
from watcher.sandbox.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.workspace import Workspace
    from watcher.sandbox import Sandbox


# urllib3 leaves an answer with two lengths to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
GBK = "<html><head><title>访问被拒绝</title></head><body>您的请求被拒绝</body></html>".encode("gbk")
ENTITIES = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
) + b"]><Error><Code>&j;</Code></Error>"  # fmt: skip
DATE = b"Date: Wed, 25 Nov 2026 10:00:00 GMT"
BODIES = {
    "nothing": b"",
    "GBK": GBK,
    "GBK, in XML that says so": '<?xml version="1.0" encoding="gbk"?><Error><Code>错</Code></Error>'.encode("gbk"),
    "UTF-16": "<Error><Code>AccessDenied</Code></Error>".encode("utf-16"),
    "an encoding that nobody knows": b'<?xml version="1.0" encoding="x-none"?><Error><Code>A</Code></Error>',
    "no UTF-8 in the code": b"<Error><Code>\xff\xfe</Code><Message>\x80\x81</Message></Error>",
    "an empty code": b"<Error><Code/><Message></Message></Error>",
    "nested": b"<Error><Code><a><b/></a></Code></Error>",
    "HTML": b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>",
    "plain text": b"upstream connect error or disconnect/reset before headers",
    "JSON": b'{"error": "denied"}',
    "JSON of another type": b"[1, 2, 3]",
    "JSON with fields of other types": b'{"Code": {"a": [1]}, "Message": [], "RequestId": {"b": 2}}',
    "deep JSON": b'{"Code": ' + b"[" * 900 + b"]" * 900 + b"}",
    "very deep JSON": b"[" * 100_000,
    "half a surrogate": b'{"Code": "\\ud800", "Message": "\\udfff", "RequestId": "\\ud800"}',
    "a figure of many digits": b'{"Code": ' + b"9" * 5000 + b"}",
    "entities": ENTITIES,
    "an outside entity": b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><Error><Code>&a;</Code></Error>',
    "half an error": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Mess",
    "NULs": b"\0" * 5000,
    "large": b"x" * 3_000_000,
    "secrets": f"<Error><Code>X</Code><Message>SecurityToken={TOKEN} {SECRET}</Message></Error>".encode(),
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
    "a request id that is none": (DATE, b"x-oss-request-id: \xff\xfe\x00", b"x-acs-request-id: \xff"),
    "an error in a header that is no base64": (DATE, b"x-oss-err: \xff%%%"),
    "headers without end": (DATE, *(b"X-%d: y" % n for n in range(200))),
    "a header that is too long": (DATE, b"X: " + b"y" * 100_000),
    "a header without a name": (DATE, b": nobody"),
    "a header that is folded": (DATE, b"X: a\r\n b"),
    "packed, it says": (DATE, b"Content-Encoding: gzip"),
    "packed in a way that nobody knows": (DATE, b"Content-Encoding: br, zstd, x"),
    "in chunks, it says": (DATE, b"Transfer-Encoding: chunked"),
    "two lengths": (DATE, b"Content-Length: 7"),
    "a length that is none": (DATE, b"Content-Length: many"),
    "a negative length": (DATE, b"Content-Length: -5"),
    "odd facts of an object": (
        DATE, b"ETag: \xff", b"Last-Modified: Wed, 99 Foo 0000 99:99:99 GMT", b"x-oss-hash-crc64ecma: zz",
        b"x-oss-object-type: Odd", b"Content-Range: odd",
    ),
}  # fmt: skip
WIRE = {
    "nothing at all": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "bytes": bytes(range(256)) * 40,
    "a status line alone": b"HTTP/1.1 200 OK\r\n",
    "a status that is none": b"HTTP/1.1 abc OK\r\n\r\n",
    "a version that nobody knows": b"HTTP/9.7 200 OK\r\n\r\nx",
    "an answer that goes on and on": b"HTTP/1.1 100 Continue\r\n\r\n" * 300,
    "half a body": http(200, b"abc", DATE, length=500),
    "half a refusal": http(403, b"<Error>", DATE, length=500),
    "a broken chunk": http(200, b"zz\r\nabc", DATE, b"Transfer-Encoding: chunked", length=None),
    "a chunk that is cut off": http(503, b"ff\r\nabc", DATE, b"Transfer-Encoding: chunked", length=None),
    "a bomb": http(200, gzip.compress(b"\0" * 60_000_000), DATE, b"Content-Encoding: gzip"),
    "a bomb with a refusal": http(403, gzip.compress(b"\0" * 60_000_000), DATE, b"Content-Encoding: gzip"),
    "no end": http(200, b"x" * 40_000_000, DATE, length=None),
    "a refusal without end": http(500, b"x" * 40_000_000, DATE, length=None),
}
ANSWERS = {
    **{f"{status}, {name}": http(status, body, DATE) for status in STATUSES for name, body in BODIES.items()},
    **{f"{status}, {name}": http(status, GBK, *more) for status in (200, 403, 503) for name, more in HEADERS.items()},
    **WIRE,
}


@pytest.fixture(scope="module")
def raw() -> Iterator[Raw]:
    remember(SECRET, TOKEN)
    logs.tame_sdk_loggers()  # they log what they were answered
    with Raw() as server:
        yield server


@contextmanager
def one_of_ours(case: str) -> Iterator[None]:
    """See that what the block raises, if anything, is a CloudError that a person can use."""
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


def test_a_listing_ends_in_a_class_of_failure(raw: Raw) -> None:
    with closing(raw.source()) as source:
        for case, answer in ANSWERS.items():
            raw.answer = answer
            with one_of_ours(case), pytest.raises(CloudError) as caught:
                source.list_objects().page()
            error = caught.value
            status = int(case[:3]) if case[:3].isdecimal() else 0
            assert error.hint, case
            _check_class(error, status, case)


def _check_class(error: CloudError, status: int, case: str) -> None:
    match 403 if error.code == "AccessDenied" else status:  # the code comes first
        case 401 | 403:
            assert isinstance(error, (BucketRefused, AccountRefused, Unavailable)), case
        case 407:
            assert isinstance(error, NotSent), case
            assert "login" in str(error), case
        case 429:
            assert isinstance(error, Throttled), case
        case 302:
            assert "redirect" in str(error), case
        case _:
            assert status < 500 or error.transient, case


def test_a_look_at_an_object_ends_in_a_class_of_failure(raw: Raw) -> None:
    with closing(raw.source()) as source:
        for case, answer in ANSWERS.items():
            raw.answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            with one_of_ours(case):
                found = source.head("a.mp4")
                raise AssertionError(f"{case}: nobody but OSS says {found}")


def test_an_object_that_is_read_ends_in_a_class_of_failure(raw: Raw) -> None:
    with closing(raw.reader()) as reader:
        for case, answer in ANSWERS.items():
            raw.answer = answer
            with one_of_ours(case), reader.open("a") as body:
                while body.read(1 << 16):
                    pass


def test_a_call_of_vod_ends_in_a_class_of_failure_or_in_doubt(raw: Raw) -> None:
    with closing(raw.vod()) as client:
        for case, answer in ANSWERS.items():
            raw.answer = answer
            with one_of_ours(case):
                result = registrar(client).register([MEDIA], CallOptions())
                assert isinstance(result.outcomes[MEDIA.key], Unknown), case
                assert isinstance(result.error, Unanswered) or "RequestId" in str(answer), case


SECOND = (b"", DATE, b"x-oss-request-id: R1", b"x-oss-err: PEVycm9yLz4=", b"Content-Encoding: gzip",
          b"Transfer-Encoding: chunked", b'ETag: "x"', b"Last-Modified: Wed, 25 Nov 2026 10:00:00 GMT")  # fmt: skip
field = st.one_of(st.binary(max_size=60), st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")))
xml = st.lists(
    st.tuples(
        st.sampled_from([b"Code", b"Message", b"RequestId", b"Endpoint", b"Contents", b"Key", b"IsTruncated"]), field
    )
).map(lambda told: b"<Error>" + b"".join(b"<%b>%b</%b>" % (name, value, name) for name, value in told) + b"</Error>")
scalar = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20))
value = st.recursive(
    scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
as_json = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("Code", "Message", "RequestId"), value)
    | {
        "FailedFileURLs": value | st.lists(st.text(max_size=20) | st.just(MEDIA.file_url)),
        "RegisteredMediaList": value
        | st.lists(st.fixed_dictionaries({}, optional={"FileURL": value | st.just(MEDIA.file_url), "MediaId": value})),
    },
).map(lambda told: json.dumps(told).encode())
answers = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda status, body, more, length: http(status, body, *(each for each in more if each), length=length),
        st.integers(100, 999),
        st.one_of(st.binary(max_size=200), xml, as_json),
        st.lists(st.one_of(st.sampled_from(SECOND), st.binary(max_size=40)), max_size=4),
        st.sampled_from([-1, None, 0, 10_000]),
    ),
)
fuzzed: Callable[..., Callable[..., None]] = settings(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck)
)


@fuzzed
@given(answers)
def test_oss_may_answer_anything(raw: Raw, answer: bytes) -> None:
    raw.answer = answer
    with closing(raw.source()) as source:
        with one_of_ours("list"):
            source.list_objects().page()
        with one_of_ours("head"):
            source.head("a")
    with closing(raw.reader()) as reader, one_of_ours("get"), reader.open("a") as body:
        body.read(100)


@fuzzed
@given(answers)
def test_vod_may_answer_anything(raw: Raw, answer: bytes) -> None:
    raw.answer = answer
    with closing(raw.vod()) as client, one_of_ours("register"):
        result = registrar(client).register([MEDIA], CallOptions())
        assert set(result.outcomes) == {MEDIA.key}
        assert result.error is None or isinstance(result.error, CloudError)


def test_a_missing_object_is_missing_only_if_oss_says_so(raw: Raw) -> None:
    with closing(raw.source()) as source:
        raw.answer = http(404, b"", DATE, b"x-oss-request-id: R1")
        assert source.head("a") is None
        raw.answer = http(404, b"", DATE)
        with pytest.raises(CloudError, match="404"):
            source.head("a")


def test_a_server_error_in_any_language_is_waited_out(raw: Raw) -> None:
    raw.answer = http(502, GBK, DATE)
    with closing(raw.source()) as source:
        with pytest.raises(Unavailable, match="502"):
            source.list_objects()
        with pytest.raises(Unavailable, match="502"):
            source.head("a")


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "status"),
    [
        *((command, 403) for command in (["scan"], ["scan", "--dry-run"], ["backfill"], ["audit"])),
        *((["scan"], status) for status in (200, 407, 502)),
    ],
)
def test_an_error_page_in_another_language_is_exit_5(
    workspace: Workspace, sandbox: Sandbox, command: list[str], status: int
) -> None:
    """With real processes; a 502 that stays is given up."""
    answer = Answer(status=status, headers={"Date": "Wed, 25 Nov 2026 10:00:00 GMT"}, body=GBK)
    faults = Faults()
    faults.on("ListObjectsV2", lambda _request: answer, effect="none", next=99)
    sandbox.hook = faults
    ran = workspace.run(*command)
    assert ran.status == 5, ran.err
    assert "unforeseen" not in ran.err
    assert "hint: " in ran.err

"""Random answers become a classified error, or a result for exactly the files of the call."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.bad_answers import DATE, one_of_ours, raw_server
from tests.support.raw_server import Raw, http, registrar
from tests.support.static_credentials import MEDIA
from watcher.errors import CloudError
from watcher.model import CallOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# urllib3 leaves an answer with two lengths to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def raw() -> Iterator[Raw]:
    """A server for raw answers."""
    with raw_server() as server:
        yield server


SECOND = (
    b"",
    DATE,
    b"x-oss-request-id: R1",
    b"x-oss-err: PEVycm9yLz4=",
    b"Content-Encoding: gzip",
    b"Transfer-Encoding: chunked",
    b'ETag: "x"',
    b"Last-Modified: Wed, 25 Nov 2026 10:00:00 GMT",
)
field = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
xml = st.lists(
    st.tuples(
        st.sampled_from(
            [b"Code", b"Message", b"RequestId", b"Endpoint", b"Contents", b"Key", b"IsTruncated"]
        ),
        field,
    )
).map(
    lambda fields: (
        b"<Error>"
        + b"".join(b"<%b>%b</%b>" % (name, value, name) for name, value in fields)
        + b"</Error>"
    )
)
scalar = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20))
value = st.recursive(
    scalar,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)
as_json = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("Code", "Message", "RequestId"), value)
    | {
        "FailedFileURLs": value | st.lists(st.text(max_size=20) | st.just(MEDIA.file_url)),
        "RegisteredMediaList": value
        | st.lists(
            st.fixed_dictionaries(
                {}, optional={"FileURL": value | st.just(MEDIA.file_url), "MediaId": value}
            )
        ),
    },
).map(lambda fields: json.dumps(fields).encode())
answers = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda status, body, more, length: http(
            status, body, *(each for each in more if each), length=length
        ),
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
def test_any_answer_of_oss_is_classified(raw: Raw, answer: bytes) -> None:
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
def test_any_answer_of_vod_is_classified(raw: Raw, answer: bytes) -> None:
    raw.answer = answer
    with closing(raw.vod()) as client, one_of_ours("register"):
        result = registrar(client).register([MEDIA], CallOptions())
        assert set(result.outcomes) == {MEDIA.key}
        assert result.error is None or isinstance(result.error, CloudError)

"""The Range header of the local OSS, as the vendor's pages describe it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.oss_calls import send_signed
from tests.support.workspace import BUCKET
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.ranges import Span, span_wanted

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

SIZE = 1000
WHOLE = None
REFUSED = "InvalidRange"

RANGES: dict[str, tuple[object, object]] = {
    # header: what OSS sends by default, and with x-oss-range-behavior: standard
    "": (WHOLE, WHOLE),
    "bytes=0-499": ((0, 499), (0, 499)),
    "bytes=500-": ((500, 999), (500, 999)),
    "bytes=-500": ((500, 999), (500, 999)),
    "bytes=-1000": ((0, 999), (0, 999)),
    "bytes=0-999": ((0, 999), (0, 999)),
    "bytes=999-999": ((999, 999), (999, 999)),
    "bytes=500-2000": (WHOLE, (500, 999)),
    "bytes=-2000": (WHOLE, (0, 999)),
    "bytes=1000-2000": (WHOLE, REFUSED),
    "bytes=1000-": (WHOLE, REFUSED),
    "bytes=-0": (WHOLE, REFUSED),
    "bytes=0-9,20-29": ((0, 9), REFUSED),
    "bytes=9-0": (WHOLE, WHOLE),
    "byte=0-499": (WHOLE, WHOLE),
    "bytes=-": (WHOLE, WHOLE),
    "bytes=a-b": (WHOLE, WHOLE),
    "0-499": (WHOLE, WHOLE),
}


def decided(header: str, size: int = SIZE, *, standard: bool) -> object:
    try:
        span = span_wanted(header, size, standard=standard)
    except OssRefused as refused:
        return refused.code
    return None if span is None else (span.first, span.last)


@pytest.mark.parametrize("header", RANGES)
def test_a_range_is_cut_off_ignored_or_refused(header: str) -> None:
    by_default, by_standard = RANGES[header]
    assert decided(header, standard=False) == by_default
    assert decided(header, standard=True) == by_standard


@given(st.text("0123456789-,=bytes ", max_size=20), st.integers(0, 30), st.booleans())
def test_a_span_never_leaves_the_object(text: str, size: int, standard: bool) -> None:  # noqa: FBT001 (drawn)
    found = decided(f"bytes={text}", size, standard=standard)
    if isinstance(found, tuple):
        assert 0 <= found[0] <= found[1] < size


def test_a_span_has_a_length_and_a_content_range() -> None:
    span = Span(first=2, last=4)
    assert (len(span), span.shown(9)) == (3, "bytes 2-4/9")


def test_the_answer_to_a_range_has_that_part(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4", b"0123456789")
    answer = send_signed(sandbox, "GET", BUCKET, "a.mp4", headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")
    shown = ("Content-Range", "Content-Length", "Accept-Ranges")
    assert [answer.headers[name] for name in shown] == ["bytes 2-4/10", "3", "bytes"]


def test_a_range_beyond_the_end_gets_the_whole_object_or_416(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4", b"0123456789")
    wanted = {"Range": "bytes=10-12"}
    whole = send_signed(sandbox, "GET", BUCKET, "a.mp4", headers=wanted)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert "Content-Range" not in whole.headers

    standard = {**wanted, "x-oss-range-behavior": "standard"}
    refused = send_signed(sandbox, "GET", BUCKET, "a.mp4", headers=standard)
    assert (refused.status_code, refused.headers["Content-Range"]) == (416, "bytes */10")
    assert "<Code>InvalidRange</Code>" in refused.text


def test_an_empty_object_has_no_range(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "empty", b"")
    answer = send_signed(sandbox, "GET", BUCKET, "empty", headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (200, b"")

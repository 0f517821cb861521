"""One listing answer: when it repeats another one, and when it is refused."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.listing_bodies import Listed, Spelling, body
from watcher.errors import CloudError, StartAfterIgnored
from watcher.oss.listing.answer import OssListAnswer
from watcher.oss.transport import Received

if TYPE_CHECKING:
    from collections.abc import Sequence

DATE = {"Date": "Wed, 25 Nov 2026 10:00:00 GMT"}
ABC = [Listed(b"a"), Listed(b"b"), Listed(b"c")]


def answer(xml: bytes, *, start_after: str = "", **headers: str) -> OssListAnswer:
    return OssListAnswer(Received(DATE | headers, xml), bucket="b", start_after=start_after)


def listed_bytes(xml: bytes, n: int) -> bytes:
    """Return the text from the first `<Contents>` to the n-th `</Contents>`."""
    if not n:
        return b""
    parts = xml[xml.index(b"<Contents>") :].split(b"</Contents>")
    return b"".join(part + b"</Contents>" for part in parts[:n])


few = st.lists(
    st.builds(Listed, st.sampled_from([b"a", b"b", b"c\xff"]), st.sampled_from(["1", "2"])),
    max_size=3,
).map(tuple)
truncation = st.sampled_from(["false", "true"])


@given(
    few,
    few,
    truncation,
    st.integers(0, 3),
    st.sampled_from([Spelling(), Spelling(line="", indent="")]),
)
def test_an_answer_repeats_another_if_and_only_if_it_begins_with_the_same_listed_bytes(
    then: Sequence[Listed], now: Sequence[Listed], truncated: str, n: int, spelling: Spelling
) -> None:
    before, after = body(then, spelling), body(now, spelling, truncated=truncated)
    n = min(n, len(then))
    n_bytes, digest = answer(before).digest(n)
    expected = listed_bytes(before, n)
    assert (n_bytes, digest) == (len(expected), hashlib.sha256(expected).digest())
    read_before = answer(before)
    with contextlib.suppress(CloudError):  # out of order
        read_before.page()
    assert read_before.digest(n) == (n_bytes, digest)
    same = listed_bytes(after, len(now)).startswith(expected)
    assert answer(after).repeats(n_bytes, digest, n=n, to_the_end=False) == same
    ends = same and len(now) == n and truncated == "false"
    assert answer(after).repeats(n_bytes, digest, n=n, to_the_end=True) == ends


def test_a_digest_covers_exactly_its_bytes() -> None:
    given = answer(body(ABC))
    n_bytes, digest = given.digest(2)
    assert given.repeats(n_bytes, digest, n=2, to_the_end=False)
    for wrong in (n_bytes - 1, n_bytes + 1, 10**9):
        assert not given.repeats(wrong, digest, n=2, to_the_end=False)
    empty = answer(body([]))
    assert empty.repeats(*empty.digest(0), n=0, to_the_end=True)
    assert not empty.repeats(7, empty.digest(0)[1], n=0, to_the_end=False)
    with pytest.raises(ValueError, match="fewer than 4"):
        given.digest(4)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<KeyCount>3", b"<KeyCount>2"),
        (b"<KeyCount>3", b"<KeyCount>4"),
        (b">false<", b">true<"),
        (b">url<", b">none<"),
        (b"</ListBucketResult>", b""),
    ],
)
def test_the_last_page_repeats_only_if_nothing_follows(old: bytes, new: bytes) -> None:
    n_bytes, digest = answer(body(ABC)).digest(3)
    assert answer(body(ABC)).repeats(n_bytes, digest, n=3, to_the_end=True)
    assert not answer(body(ABC).replace(old, new)).repeats(n_bytes, digest, n=3, to_the_end=True)


def test_the_end_is_refused_if_more_objects_are_listed_than_counted() -> None:
    n_bytes, digest = answer(body(ABC)).digest(2)
    lying = answer(body(ABC).replace(b"<KeyCount>3", b"<KeyCount>2"))
    assert not lying.repeats(n_bytes, digest, n=2, to_the_end=True)
    fewer = answer(body(ABC[:2]))
    assert not fewer.repeats(n_bytes, digest, n=3, to_the_end=True)


def test_an_answer_from_the_wrong_start_differs_from_one_out_of_order() -> None:
    assert answer(body(ABC), start_after="Z").page().objects.keys == ["a", "b", "c"]
    for start_after in ("a", "b", "zzz"):
        with pytest.raises(StartAfterIgnored, match="out of order"):
            answer(body(ABC), start_after=start_after).page()
    for keys in ([b"b", b"a"], [b"a", b"a"]):
        with pytest.raises(CloudError, match="out of order") as caught:
            answer(body([Listed(key) for key in keys])).page()
        assert not isinstance(caught.value, StartAfterIgnored)


def test_an_answer_has_its_size_its_date_and_its_wait() -> None:
    xml = body(ABC)
    given = answer(xml)
    assert (given.n_bytes, given.at, given.asked_rest_s) == (len(xml), 1_795_600_800_000, 0)
    assert answer(xml, **{"x-oss-qos-delay-time": "1500"}).asked_rest_s == 1.5
    assert answer(xml, **{"Retry-After": "999"}).asked_rest_s == 30
    with pytest.raises(CloudError, match="without a `Date` header"):
        OssListAnswer(Received({}, xml), bucket="b", start_after="")


@pytest.mark.parametrize(
    "xml", [b"", b"<html></html>", body(ABC)[:-40], body(ABC).replace(b"344606", b"x")]
)
def test_a_body_that_is_not_a_whole_listing_is_refused(xml: bytes) -> None:
    with pytest.raises(CloudError, match="a body that is no listing"):
        answer(xml).page()

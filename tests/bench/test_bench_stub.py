"""The bench's stub server: its pages are what OSS would answer, and its counts can be believed."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

import oss2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.report import Row, table
from tests.bench.station import BUCKET, Stub
from tests.bench.stub import mix
from tests.bench.stub.bucket import Bucket
from tests.bench.stub.listing import listing
from tests.bench.stub.shapes import KEY_BYTES, SHAPES, TIDY
from tests.bench.stub.vod import Registry, most_in_a_second
from watcher.rules.globs import compile_globs

if TYPE_CHECKING:
    from collections.abc import Iterator

N = 700


def test_the_mixed_bucket_keeps_its_mix() -> None:
    """Its shares, the pages that hold something that is left out, and what keys look like."""
    keys = list(mix.keys(100_000))
    kinds = Counter(key.rpartition(".")[2] for key in keys)
    assert set(kinds) == {"mp4", "MP4", "mov", "mkv", "mp3", "jpg", "xml", "srt"}
    assert 0.018 < sum(kinds[each] for each in ("jpg", "xml", "srt")) / len(keys) < 0.022
    pages = [keys[first : first + 1000] for first in range(0, len(keys), 1000)]
    assert (
        45 <= sum(any(key.endswith(("jpg", "xml", "srt")) for key in page) for page in pages) <= 55
    )
    assert 0.09 < sum(map(compile_globs(mix.INCLUDE), keys)) / len(keys) < 0.11
    assert 0.01 < sum(map(compile_globs(mix.EXCLUDE), keys)) / len(keys) < 0.1
    lengths = [len(key.encode()) for key in keys]
    assert 30 <= min(lengths) < 35
    assert 100 < max(lengths) <= 110
    for odd in (" ", "+", "%", "采"):
        assert sum(odd in key for key in keys) > len(keys) / 50
    days = Counter(day[0] for key in keys if (day := re.findall(r"/(\d{4}-\d\d-\d\d)/", key)))
    assert max(days.values()) > 50 * min(days.values())
    facts = [mix.facts(key, number) for number, key in enumerate(keys[:20_000])]
    assert {(each.type, "-" in each.etag) for each in facts} == {
        ("Normal", False),
        ("Multipart", True),
    }
    assert {each.storage_class for each in facts} == {"Standard", "IA"}
    assert facts == [mix.facts(key, number) for number, key in enumerate(keys[:20_000])]


@pytest.fixture(scope="module", params=["mixed", "dated"])
def bucket(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bucket:
    """Seven hundred objects, and a few that came later: before, among, side by side, and behind."""
    made = Bucket(tmp_path_factory.mktemp("stub") / "bucket.xml", request.param, N)
    for key in (
        "0",
        "uploaded/2026/01/01/",
        "uploaded/2026/01/01/~a",
        "uploaded/2026/01/01/~b",
        "視頻/1.mp4",
    ):
        made.add(key)
    return made


def everything(bucket: Bucket) -> list[bytes]:
    """Return all keys in order: those made by arithmetic, and those that were added."""
    return sorted([*(bucket[place] for place in range(len(bucket))), *bucket._added])


def parsed(document: bytes) -> ET.Element:
    return ET.fromstring(document)  # noqa: S314 (our own stub's)


def keys_in(document: bytes) -> list[bytes]:
    root = parsed(document)
    keys = [unquote(str(node.text)).encode() for node in root.iterfind("Contents/Key")]
    assert root.findtext("KeyCount") == str(len(keys))
    return keys


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [0, 1, 2, 999, 20_000])
def test_a_shape_yields_as_many_keys_as_asked_for_in_order(shape: str, n: int) -> None:
    keys = [key.encode() for key in SHAPES[shape](n)]
    assert len(keys) == n
    assert all(a < b for a, b in pairwise(keys))


@pytest.mark.parametrize("shape", TIDY)
def test_the_keys_of_a_tidy_shape_are_all_as_long(shape: str) -> None:
    keys = list(TIDY[shape](20_000))
    assert {len(key.encode()) for key in keys} <= {KEY_BYTES}
    assert len({key.count("/") for key in keys}) <= 1


@settings(deadline=None)
@given(data=st.data(), limit=st.integers(1, 1000))
def test_any_page_holds_exactly_the_next_keys(
    bucket: Bucket, data: st.DataObject, limit: int
) -> None:
    """Whatever it starts behind, whatever its size and prefix, and wherever objects were added."""
    keys = everything(bucket)
    near = st.sampled_from(keys).flatmap(
        lambda key: st.sampled_from([key, key[:-1], key + b"0", key[:20]])
    )
    after = data.draw(
        st.one_of(st.just(b""), near, st.text(max_size=5).map(lambda text: text.encode()))
    )
    prefix = data.draw(
        st.sampled_from([b"", b"uploaded/", b"uploaded/2026/01/01/", b"u", b"nothing"])
    )
    wanted = [key for key in keys if key > after and key.startswith(prefix)]
    page = bucket.page(after=after, prefix=prefix, limit=limit)
    assert (
        keys_in(b"<r>" + page.rendered + b"<KeyCount>%d</KeyCount></r>" % page.n) == wanted[:limit]
    )
    assert page.truncated == (len(wanted) > limit)
    assert page.last_key == (wanted[:limit] or [b""])[-1]


@settings(max_examples=30, deadline=None)
@given(limit=st.integers(20, 1000), encoding=st.sampled_from(["url", ""]))
def test_pages_tile_the_bucket_by_token_and_by_last_key(
    bucket: Bucket, limit: int, encoding: str
) -> None:
    for by_token in (True, False):
        found: list[bytes] = []
        given_: dict[str, str] = {"max-keys": str(limit), "encoding-type": encoding}
        while True:
            document = b"".join(listing(bucket, BUCKET, given_))
            found.extend(keys_in(document))
            token = parsed(document).findtext("NextContinuationToken")
            if token is None:
                break
            given_ |= (
                {"continuation-token": unquote(token)}
                if by_token
                else {"start-after": found[-1].decode()}
            )
        assert found == everything(bucket)


def test_a_delimiter_or_a_wrong_size_is_refused_rather_than_ignored(bucket: Bucket) -> None:
    for wrong in ({"delimiter": "/"}, {"max-keys": "0"}, {"max-keys": "1001"}):
        with pytest.raises(ValueError, match=r"delimiter|max-keys"):
            listing(bucket, BUCKET, wrong)


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stub]:
    """A server in a process of its own."""
    with Stub(tmp_path_factory.mktemp("server"), N, shape="deep") as running:
        yield running


def client(stub: Stub) -> oss2.Bucket:
    return oss2.Bucket(oss2.AuthV4("key", "secret"), stub.url, BUCKET, region="cn-shanghai")


def test_oss2_lists_it_and_calls_are_counted(stub: Stub) -> None:
    stub.counted()
    listed = list(oss2.ObjectIteratorV2(client(stub)))
    assert [found.key for found in listed] == list(SHAPES["deep"](N))
    assert {(found.type, found.storage_class, len(found.etag)) for found in listed} == {
        ("Normal", "Standard", 32)
    }
    assert stub.counted()["list_calls"] == N / 100  # OSS's default of keys a page
    assert stub.counted()["list_calls"] == 0


def test_objects_can_be_added(stub: Stub) -> None:
    stub.steer("add", b"zz/added/later/b\nzz/added/later/a")
    found = client(stub).list_objects_v2(start_after="zz").object_list
    assert [each.key for each in found] == ["zz/added/later/a", "zz/added/later/b"]


def test_slow_requests_wait_side_by_side(stub: Stub) -> None:
    """Sixteen requests of 0.2 s take far less than 3.2 s, and not less than 0.2 s."""
    stub.slow_down(list_s=0.2)
    began = time.perf_counter()
    done: list[float] = []

    def one() -> None:
        done.append(len(client(stub).list_objects_v2(max_keys=1).object_list))

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    stub.slow_down()
    assert done == [1] * 16
    assert 0.2 <= seconds < 2


def test_vod_answers_for_each_file_and_knows_it_again() -> None:
    registry = Registry()
    asked = {
        "RegisterMetadatas": json.dumps(
            [{"FileURL": f"https://b/{quote(key)}"} for key in ("a", "b c")]
        )
    }
    first, second = (json.loads(registry.register(asked))["RegisteredMediaList"] for _ in range(2))
    assert [item["FileURL"] for item in first] == ["https://b/a", "https://b/b%20c"]
    assert [item["MediaId"] for item in first] == [item["MediaId"] for item in second]
    assert ({item["NewRegister"] for item in first}, {item["NewRegister"] for item in second}) == (
        {True},
        {False},
    )
    assert registry.items == 4


@given(st.lists(st.integers(0, 40).map(lambda n: n / 8)).map(sorted))
def test_the_fullest_second_is_found(arrivals: list[float]) -> None:
    by_hand = max((sum(at - 1 < other <= at for other in arrivals) for at in arrivals), default=0)
    assert most_in_a_second(arrivals) == by_hand


def test_a_figure_that_misses_its_bound_is_marked() -> None:
    rows = [
        Row(what="enough", figure=3.0, at_least=3),
        Row(what="too little", figure=2.9, at_least=3),
        Row(what="too much", figure=5.1, unit="s", at_most=5),
        Row(what="never measured", at_least=3),
    ]
    assert [row.met for row in rows] == [True, False, False, None]
    assert ["**missed**" in line for line in table(rows).splitlines()[2:]] == [
        False,
        True,
        True,
        False,
    ]

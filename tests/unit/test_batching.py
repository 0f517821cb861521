"""Batches: as few calls as the limits allow, and what one call says of its media."""

import json
from collections.abc import Sequence
from functools import cache
from urllib.parse import quote, urlencode

import pytest
from aliyunsdkcore.auth.composer import rpc_signature_composer
from hypothesis import given
from hypothesis import strategies as st

from watcher.model import Media
from watcher.rules.batching import MAX_ITEMS, batch_size, encoded_bytes, item, metadatas
from watcher.rules.file_url import confusable


def media(key: str = "a.mp4", *, title: str = "a") -> Media:
    return Media(bucket="media", key=key, file_url=f"https://h/{quote(key)}", title=title)


def batches(line: Sequence[Media], *, max_bytes: int | None) -> list[Sequence[Media]]:
    made: list[Sequence[Media]] = []
    while line:
        room = batch_size(line, max_bytes=max_bytes)
        assert room >= 1
        made.append(line[:room])
        line = line[room:]
    return made


def fits(batch: Sequence[Media], *, max_bytes: int | None) -> bool:
    keys = [each.key for each in batch]
    clear = not any(confusable(key, keys) for key in keys)
    short = max_bytes is None or encoded_bytes(metadatas(batch)) <= max_bytes
    return len(batch) == 1 or (len(batch) <= MAX_ITEMS and short and clear)


def fewest(line: Sequence[Media], *, max_bytes: int | None) -> int:
    """Return the least number of batches, by trying every way to cut `line`."""

    @cache
    def rest(start: int) -> int:
        if start == len(line):
            return 0
        ends = range(start + 1, len(line) + 1)
        return min(1 + rest(end) for end in ends if fits(line[start:end], max_bytes=max_bytes))

    return rest(0)


lines = st.lists(
    st.builds(
        media, st.text("ab%2 0视", min_size=1, max_size=6), title=st.text("a集 ", max_size=30)
    ),
    max_size=25,
    unique_by=lambda each: each.key,
).map(lambda line: sorted(line, key=lambda each: each.key.encode()))
limits = st.none() | st.integers(min_value=1, max_value=2_000)


@given(lines, limits)
def test_no_way_to_cut_a_line_needs_fewer_calls(line: list[Media], max_bytes: int | None) -> None:
    made = batches(line, max_bytes=max_bytes)
    assert [each for batch in made for each in batch] == line
    assert all(fits(batch, max_bytes=max_bytes) for batch in made)
    assert len(made) == fewest(line, max_bytes=max_bytes)


def test_ten_go_together() -> None:
    line = [media(f"{n:02}.mp4") for n in range(25)]
    assert [len(batch) for batch in batches(line, max_bytes=None)] == [10, 10, 5]


def test_the_byte_limit_is_met_exactly() -> None:
    line = [media(f"{n}.mp4", title="集") for n in range(3)]
    exactly = encoded_bytes(metadatas(line))
    assert batch_size(line, max_bytes=exactly) == 3
    assert batch_size(line, max_bytes=exactly - 1) == 2


def test_an_item_above_the_limit_goes_alone() -> None:
    long = media("m.mp4", title="集" * 40)
    assert [
        len(batch) for batch in batches([media("a"), media("b"), long, media("x")], max_bytes=300)
    ] == [2, 1, 1]


def test_keys_with_confusable_urls_go_in_different_calls() -> None:
    assert (
        batch_size([media("a b"), media("a%20a"), media("a%20b"), media("c")], max_bytes=None) == 2
    )


def test_nothing_to_take_takes_nothing() -> None:
    assert batch_size([], max_bytes=None) == 0


def test_an_item_has_its_fields_and_no_empty_ones() -> None:
    full = Media(
        bucket="media",
        key="a b.mp4",
        file_url="https://h/a%20b.mp4",
        title="第 1 集",
        description="d",
        tags=("x", "y z"),
        cate_id=10_000_412,
        cover_url="https://h/c.jpg",
    )
    assert item(full) == {
        "FileURL": "https://h/a%20b.mp4",
        "Title": "第 1 集",
        "Description": "d",
        "Tags": "x,y z",
        "CoverURL": "https://h/c.jpg",
        "CateId": 10_000_412,
    }
    assert item(media("a.mp4", title="t")) == {"FileURL": "https://h/a.mp4", "Title": "t"}


def test_metadatas_are_always_an_array_without_idle_bytes() -> None:
    assert (
        metadatas([media("集", title='"集"')])
        == '[{"FileURL":"https://h/%E9%9B%86","Title":"\\"集\\""}]'
    )
    assert len(json.loads(metadatas([media("a"), media("b")]))) == 2


@given(st.text(max_size=40))
def test_the_length_on_the_wire_is_the_sdks(text: str) -> None:
    in_query = urlencode({"q": text}).removeprefix("q=")
    escaped = rpc_signature_composer.__dict__["__pop_standard_urlencode"](in_query)
    assert encoded_bytes(text) == len(escaped) == len(quote(text, safe="-_.~"))


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("aZ0-_.~", 7), (" ", 3), ("/*+%", 12), ("集", 9), ("😀", 12)]
)
def test_each_byte_that_is_not_unreserved_counts_three(text: str, size: int) -> None:
    assert encoded_bytes(text) == size

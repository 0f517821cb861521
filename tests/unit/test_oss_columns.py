"""Columns of a page that was read fast: they agree with the listed objects."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.listing_bodies import (
    Listed,
    Spelling,
    body,
    listings,
    spellings,
)
from watcher.model import ObjectInfo, Objects, ObjectType
from watcher.oss.listing.fast import read_page

AT = 1_795_600_800_000
OSS = Spelling()
COMPACT = Spelling(line="", indent="")
ONE, TWO = Listed(b"a/b c.mp4"), Listed(b"a/d.mp4", "AB", "7")


@pytest.mark.parametrize("spelling", [OSS, COMPACT])
def test_a_single_column_can_be_read_and_sliced(spelling: Spelling) -> None:
    objects = read_page(
        body([ONE, TWO, Listed(b"z", type="Symlink", storage_class="IA")], spelling), at=AT
    ).objects
    assert objects.keys == ["a/b c.mp4", "a/d.mp4", "z"]
    assert (objects.sizes_bytes, objects.etags[1]) == ([344606, 7, 344606], "AB")
    assert objects.kinds == {ObjectType.NORMAL, ObjectType.SYMLINK}
    assert set(objects.classes) == {"Standard", "IA"}
    assert objects[1:].keys == ["a/d.mp4", "z"]
    assert objects[-1] == ObjectInfo(
        "z", ONE.etag, 344606, AT - 3_600_000, ObjectType.SYMLINK, "IA"
    )
    assert (len(objects[3:]), list(objects[:0])) == (0, [])


@given(listings(restored=True), st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([1, 2, -1]))
def test_columns_agree_with_the_objects(
    objects: list[Listed], start: int, stop: int, step: int
) -> None:
    columns = read_page(body(objects), at=AT).objects
    rows = list(columns)
    assert Objects.of(rows) == columns
    assert list(columns[start:stop:step]) == rows[start:stop:step]
    assert [columns[place] for place in range(len(columns))] == rows


@given(
    listings(),
    spellings,
    st.sampled_from(["0", "00", "007", "10"]),
    st.sampled_from(["cut", "made"]),
)
def test_a_column_as_lines_agrees_with_its_values_unless_one_holds_a_line_end(
    objects: list[Listed], spelling: Spelling, size: str, how: str
) -> None:
    page = read_page(
        body(
            [replace(each, size=size if n else each.size) for n, each in enumerate(objects)],
            spelling,
        ),
        at=AT,
    )
    found = page.objects if how == "cut" else Objects.of(page.objects)
    keys, sizes_bytes = found.keys, found.sizes_bytes
    assert found.lines("key") == (None if any("\n" in key for key in keys) else "\n".join(keys))
    assert found.lines("etag") == "\n".join(found.etags)
    assert list(map(int, (found.lines("size_bytes") or "").split("\n"))) == sizes_bytes
    assert found.none_is_empty == (0 not in sizes_bytes)


def test_an_answer_without_objects_is_an_empty_page() -> None:
    page = read_page(body([]), at=AT)
    assert (len(page.objects), page.last_key, page.is_last, page.not_utf8) == (0, "", True, ())

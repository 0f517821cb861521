"""A column of instants agrees with its single instants, or is refused as a whole."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.oss.listing.timestamps import parse_instants
from watcher.oss.listing.xml import milliseconds

BEFORE, BEHIND = b"  <LastModified>", b"</LastModified>\n"


def read(texts: list[str]) -> list[int] | None:
    joined = b"".join(BEFORE + text.encode() + BEHIND for text in texts)
    found = parse_instants(joined, len(texts), before=BEFORE, behind=BEHIND)
    return found() if found else None


def one_by_one(texts: list[str]) -> list[int] | None:
    try:
        return list(map(milliseconds, texts))
    except ValueError:
        return None


def test_exactly_the_days_of_the_century_are_accepted() -> None:
    first = date(2000, 1, 1)
    days = [f"{first + timedelta(n)}T23:59:59.000Z" for n in range((date(2100, 1, 1) - first).days)]
    assert read(days) == one_by_one(days)
    for year in (2000, 2023, 2024, 2096, 2099):
        for month in range(14):
            for day in range(33):
                text = [f"{year}-{month:02}-{day:02}T00:00:00.000Z"]
                assert read(text) == one_by_one(text), text


two_digits = st.integers(0, 99).map("{:02}".format)
nearly = st.builds(
    "{}{}-{}-{}T{}:{}:{}.{}Z".format,
    *(st.sampled_from(["20", "20", "20", "19", "21", "00"]), two_digits),
    *(st.integers(0, 13).map("{:02}".format), st.integers(0, 32).map("{:02}".format)),
    *(st.integers(0, 24).map("{:02}".format), st.integers(0, 61).map("{:02}".format)),
    *(st.integers(0, 61).map("{:02}".format), st.sampled_from(["000", "000", "000", "001", "999"])),
)
whole = st.datetimes().map(lambda at: f"{at:%Y}".zfill(4) + f"{at:-%m-%dT%H:%M:%S}.000Z")


@given(st.one_of(st.lists(nearly, min_size=1, max_size=3), st.lists(whole, min_size=1, max_size=9)))
def test_a_column_agrees_with_its_single_instants(texts: list[str]) -> None:
    assert read(texts) == one_by_one(texts)


@pytest.mark.parametrize(
    "odd",
    [
        "2026-11-25T09:00:00Z",
        "2026-11-25T09:00:00.000+00:00",
        "2026-11-25 09:00:00.000Z",
        "",
        "x" * 24,
    ],
)
def test_another_format_is_refused(odd: str) -> None:
    assert read(["2026-11-25T09:00:00.000Z", odd]) is None

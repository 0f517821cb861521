"""The objects that a backfill's filters leave out, and the reasons; the impossible filters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.model import Excluded, ObjectInfo
from watcher.rules.filters import Filters

NOW = 1_800_000_000_000
HOUR = 3_600_000


def reason(
    filters: Filters, key: str = "a/b.mp4", *, size: int = 5, age_ms: int = 0
) -> Excluded | None:
    return filters.reason(ObjectInfo(key, "E", size, NOW - age_ms), below=key, now_ms=NOW)


@pytest.mark.parametrize(
    ("filters", "size", "age_ms", "expected"),
    [
        (Filters(), 0, 0, None),
        (Filters(include=("*.mov",)), 5, 0, Excluded.INCLUDE),
        (Filters(include=("a/**",)), 5, 0, None),
        (Filters(exclude=("*.MP4",)), 5, 0, Excluded.EXCLUDE),
        (Filters(min_size_bytes=6), 5, 0, Excluded.TOO_SMALL),
        (Filters(min_size_bytes=5, max_size_bytes=5), 5, 0, None),
        (Filters(max_size_bytes=4), 5, 0, Excluded.TOO_LARGE),
        (Filters(min_age_ms=HOUR), 5, HOUR - 1, Excluded.TOO_YOUNG),
        (Filters(min_age_ms=HOUR, max_age_ms=HOUR), 5, HOUR, None),
        (Filters(max_age_ms=HOUR), 5, HOUR + 1, Excluded.BEFORE_START),
        (Filters(min_age_ms=1), 5, -HOUR, Excluded.TOO_YOUNG),
        (Filters(max_age_ms=0), 5, -HOUR, None),
    ],
)
def test_each_filter_has_its_reason_and_its_bounds_are_inside(
    filters: Filters, size: int, age_ms: int, expected: Excluded | None
) -> None:
    assert reason(filters, size=size, age_ms=age_ms) is expected


@pytest.mark.parametrize(
    "filters",
    [
        Filters(min_age_ms=2, max_age_ms=1),
        Filters(min_size_bytes=2, max_size_bytes=1),
        Filters(start_after="b", end_with="a"),
        Filters(start_after="a", end_with="a"),
        Filters(include=("*.mp4",), exclude=("*.mov", "*.mp4")),
    ],
)
def test_filters_that_leave_nothing_say_so(filters: Filters) -> None:
    assert filters.contradiction()


_small = st.integers(0, 3)
_limits = st.none() | _small


@given(least=_small, most=_limits, youngest=_small, oldest=_limits, size=_small, age=_small)
def test_contradicting_filters_take_nothing_and_others_may_take_something(
    *, least: int, most: int | None, youngest: int, oldest: int | None, size: int, age: int
) -> None:
    filters = Filters(
        min_size_bytes=least, max_size_bytes=most, min_age_ms=youngest, max_age_ms=oldest
    )
    is_selected = reason(filters, size=size, age_ms=age) is None
    assert is_selected == (
        least <= size <= (size if most is None else most)
        and youngest <= age <= (age if oldest is None else oldest)
    )
    if filters.contradiction():
        assert not is_selected


def test_a_digest_of_filters_differs_with_each_of_them() -> None:
    """An interrupted listing is resumed only under the same filters."""
    each = [
        Filters(),
        Filters(include=("a",)),
        Filters(exclude=("a",)),
        Filters(min_size_bytes=1),
        Filters(max_size_bytes=1),
        Filters(min_age_ms=1),
        Filters(max_age_ms=1),
        Filters(start_after="a"),
        Filters(end_with="a"),
        Filters(key_list="a"),
        Filters(inventory="a"),
    ]
    assert len({repr(filters) for filters in each}) == len(each)

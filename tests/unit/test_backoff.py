"""Delays: full jitter below a doubling bound, up to the limit, and as long as the service asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.rules.backoff import asked_rest_s, delay_ms

attempts = st.integers(min_value=1, max_value=10_000)
delays = st.integers(min_value=0, max_value=10**10)
jitters = st.floats(min_value=0, max_value=1, exclude_max=True)


@pytest.mark.parametrize(
    ("attempt", "jitter", "expected"),
    [
        (1, 0.0, 0),
        (1, 0.5, 1_000),
        (2, 0.5, 2_000),
        (5, 0.5, 16_000),
        (11, 0.5, 1_024_000),
        (12, 0.5, 1_800_000),
        (10_000, 0.5, 1_800_000),
        (10_000, 0.9999999999999998, 3_599_999),
    ],
)
def test_the_bound_doubles_from_the_first_delay_up_to_the_limit(
    attempt: int, jitter: float, expected: int
) -> None:
    assert delay_ms(attempt, first_ms=2_000, max_ms=3_600_000, jitter=jitter) == expected


@given(attempts, delays, delays, jitters, delays)
def test_no_wait_is_negative_or_beyond_the_limit(
    attempt: int, first_ms: int, max_ms: int, jitter: float, retry_after_ms: int
) -> None:
    waited = delay_ms(
        attempt, first_ms=first_ms, max_ms=max_ms, jitter=jitter, retry_after_ms=retry_after_ms
    )
    assert min(max_ms, retry_after_ms) <= waited <= max_ms


@given(attempts, delays, delays, jitters)
def test_a_later_attempt_never_waits_less_for_the_same_jitter(
    attempt: int, first_ms: int, max_ms: int, jitter: float
) -> None:
    earlier, later = (
        delay_ms(n, first_ms=first_ms, max_ms=max_ms, jitter=jitter) for n in (attempt, attempt + 1)
    )
    assert earlier <= later


def test_a_delay_is_at_least_as_long_as_the_service_asks() -> None:
    assert delay_ms(1, first_ms=2_000, max_ms=60_000, jitter=0.25, retry_after_ms=30_000) == 30_000


def test_a_longer_wait_of_our_own_stands() -> None:
    assert delay_ms(5, first_ms=2_000, max_ms=60_000, jitter=0.75, retry_after_ms=1_000) == 24_000


@pytest.mark.parametrize(
    ("attempt", "jitter"), [(0, 0.5), (-1, 0.5), (1, 1.0), (1, -0.1), (1, float("nan"))]
)
def test_nonsense_is_refused(attempt: int, jitter: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        delay_ms(attempt, first_ms=1, max_ms=1, jitter=jitter)


NOON, LATER = "Thu, 26 Nov 2026 12:00:00 GMT", "Thu, 26 Nov 2026 12:01:30 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry-After": "20"}, 20),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": LATER, "Date": NOON}, 90),
        ({"Retry-After": NOON, "Date": LATER}, 0),
        ({"Retry-After": LATER}, 0),
        ({"Retry-After": "soon", "Date": NOON}, 0),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "1.5"}, 0),
        ({"Retry-After": "٣"}, 0),
        ({"Retry-After": "123456789"}, 123_456_789),
        ({"Retry-After": "9" * 400}, 9_999_999_999),
        ({"x-oss-qos-delay-time": "1500"}, 1.5),
        ({"x-oss-qos-delay-time": "9" * 400}, 9_999_999.999),
        ({"x-oss-qos-delay-time": "much"}, 0),
        ({"Retry-After": "1", "x-oss-qos-delay-time": "1500"}, 1.5),
        ({"Retry-After": "2", "x-oss-qos-delay-time": "1500"}, 2),
    ],
)
def test_the_rest_that_a_service_asks_for_is_read_in_each_form(
    headers: dict[str, str], seconds: float
) -> None:
    assert asked_rest_s(headers) == seconds

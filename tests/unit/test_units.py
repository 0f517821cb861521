"""Durations and sizes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.rules.units import (
    counted,
    duration_text,
    parse_duration_ms,
    parse_size_bytes,
    rounded_duration,
    rounded_size,
    size_text,
)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("0s", 0),
        ("250ms", 250),
        ("15s", 15_000),
        ("1m", 60_000),
        ("1.5h", 5_400_000),
        ("24h", 86_400_000),
        ("1h30m", 5_400_000),
        ("2d", 172_800_000),
        ("1w", 604_800_000),
    ],
)
def test_a_duration_is_read_in_milliseconds(text: str, ms: int) -> None:
    assert parse_duration_ms(text) == ms


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("1B", 1),
        ("1K", 1024),
        ("1k", 1024),
        ("10M", 10 * 1024**2),
        ("1.5G", 3 * 1024**3 // 2),
        ("48T", 48 * 1024**4),
    ],
)
def test_a_size_is_read_in_bytes_and_1k_is_1024(text: str, size_bytes: int) -> None:
    assert parse_size_bytes(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 'not a duration. Write a number and a unit (ms, s, m, h, d, w), e.g. "90s"'),
        ("soon", "not a duration"),
        ("60", 'Write "60s" for seconds.'),
        ("-1m", "not a duration"),
        ("1 m", "not a duration"),
        ("1M", "not a duration"),
        ("١m", "not a duration"),
        ("0.5ms", "finer than a millisecond"),
        ("9999999w", "longer than a hundred years"),
        ("9" * 5000 + "s", "not a duration"),
    ],
)
def test_a_bad_duration_is_refused_with_the_cure(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_duration_ms(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a size. Write a number and a unit (B, K, M, G, T; 1K = 1024)"),
        ("1024", 'Write "1024B" for bytes.'),
        ("10MB", 'Write "10M" (1K = 1024).'),
        ("10 GiB", 'Write "10G" (1K = 1024).'),
        ("-1B", "not a size"),
        ("0.1K", "not a whole number of bytes"),
        ("99999999T", "larger than any object can be"),
    ],
)
def test_a_bad_size_is_refused_with_the_cure(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_size_bytes(text)


@given(st.integers(0, 36_500 * 86_400_000))
def test_a_duration_that_is_written_reads_the_same(ms: int) -> None:
    assert parse_duration_ms(duration_text(ms)) == ms


@given(st.integers(0, 2**63 - 1))
def test_a_size_that_is_written_reads_the_same(size_bytes: int) -> None:
    assert parse_size_bytes(size_text(size_bytes)) == size_bytes


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.52, "0.5 s"),
        (9.96, "10 s"),
        (10.4, "10 s"),
        (59.6, "1 min"),
        (302, "5 min 2 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (7_500, "2 h 5 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_duration_is_rounded_to_its_two_largest_units(seconds: float, text: str) -> None:
    assert rounded_duration(seconds) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KB"),
        (10_000_000, "9.5 MB"),
        (3 * 1024**4, "3.0 TB"),
        (5000 * 1024**4, "5000.0 TB"),
    ],
)
def test_a_size_is_rounded_to_its_largest_unit(size_bytes: int, text: str) -> None:
    assert rounded_size(size_bytes) == text


def test_one_thing_is_no_plural() -> None:
    assert [counted(n, "call") for n in (0, 1, 2)] == ["0 calls", "1 call", "2 calls"]


@given(st.text())
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    for parse in (parse_duration_ms, parse_size_bytes):
        sentence = "."
        try:
            parse(text)
        except ValueError as error:
            sentence = str(error)
        assert sentence.endswith(".")

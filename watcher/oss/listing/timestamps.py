"""Parses a whole column of `LastModified` with a few operations on large integers.

One large integer holds a column of numbers. Each number has a lane of bytes, wide enough for
every result.
"""

from __future__ import annotations

import struct
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from watcher.oss.listing.xml import milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

INSTANT: Final = b"0000-00-00T00:00:00.000Z"
# By place: instants with other digits there are parsed one by one.
_FIXED: Final = {0: b"2", 1: b"0", 20: b"0", 21: b"0", 22: b"0"}
_DIGITS: Final = b"0123456789"
_AS_ZERO: Final = bytes(ord("0") if each in _DIGITS else each for each in range(256))
_AS_NUMBER: Final = bytes(each - ord("0") if each in _DIGITS else each for each in range(256))
_YEAR, _MONTH, _DAY, _HOUR, _MINUTE, _SECOND = 2, 5, 8, 11, 14, 17  # where they begin in an instant
_LIMITS: Final = {_MONTH: range(1, 13), _DAY: range(1, 32), _HOUR: range(24)} | dict.fromkeys(
    (_MINUTE, _SECOND), range(60)
)
_YEARS: Final = [date(2000 + year, 1, 1) for year in range(100)]
_MONTHS: Final = [date(2001, month, 1) for month in range(1, 13)]  # of a year without a leap day
_NARROW, _WIDE = 2, 8  # bytes of a lane


def _table(numbers: list[int], first: int = 0) -> bytes:
    """Return a table for `bytes.translate` that maps `first`, `first` + 1 ... to `numbers`."""
    return bytes(first) + bytes(numbers) + bytes(256 - first - len(numbers))


class _Tables(NamedTuple):
    """Tables that map a byte to a number of two bytes."""

    low: bytes
    high: bytes

    @classmethod
    def of(cls, numbers: list[int], first: int = 0) -> _Tables:
        return cls(
            _table([each & 0xFF for each in numbers], first),
            _table([each >> 8 for each in numbers], first),
        )

    def numbers(self, column: bytes) -> int:
        """Return the numbers that a column of bytes maps to, in narrow lanes."""
        return _number(_widen(_NARROW, column.translate(self.low), column.translate(self.high)))


_DAYS_TO_YEAR: Final = _Tables.of([(each - date(1970, 1, 1)).days for each in _YEARS])
_DAYS_TO_MONTH: Final = _Tables.of([(each - _MONTHS[0]).days for each in _MONTHS], first=1)
_LONGEST_DAY: Final = _table([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], first=1)
_IS_LEAP: Final = _table([year % 4 == 0 for year in range(100)])
_IS_FEBRUARY: Final = _table([True], first=2)
_IS_LATER: Final = _table([True] * 10, first=3)  # than February


class _Fields(NamedTuple):
    """The fields of all instants, a byte for each number; the year without its century."""

    year: bytes
    month: bytes
    day: bytes
    hour: bytes
    minute: bytes
    second: bytes

    def exist(self) -> bool:
        """Whether the calendar and the clock have all these instants."""
        fields = zip(self[1:], _LIMITS.values(), strict=True)
        if any(numbers.translate(None, bytes(limits)) for numbers, limits in fields):
            return False
        is_leap = _number(self.year.translate(_IS_LEAP))
        last_day = _number(self.month.translate(_LONGEST_DAY))
        last_day += is_leap & _number(self.month.translate(_IS_FEBRUARY))
        top = _number(b"\x80" * len(self.day))  # each bit stays unless a day exceeds its last day
        return ((top | last_day) - _number(self.day)) & top == top

    def since_epoch(self) -> list[int]:
        """Return milliseconds since the epoch."""
        n = len(self.day)
        is_leap = _number(self.year.translate(_IS_LEAP))
        past_leap_day = is_leap & _number(self.month.translate(_IS_LATER))
        day_of_month = _number(self.day) - _number(b"\x01" * n) + past_leap_day
        days = (
            _DAYS_TO_YEAR.numbers(self.year)
            + _DAYS_TO_MONTH.numbers(self.month)
            + _number(_widen(_NARROW, day_of_month.to_bytes(n, "little")))
        )
        minutes = _number(_widen(_NARROW, self.hour)) * 60 + _number(_widen(_NARROW, self.minute))
        since = (
            _widened(days, n) * 86_400_000
            + _widened(minutes, n) * 60_000
            + _number(_widen(_WIDE, self.second)) * 1000
        )
        return list(struct.unpack(f"<{n}q", since.to_bytes(n * _WIDE, "little")))


def parse_instants(
    joined: bytes, n: int, *, before: bytes, behind: bytes
) -> Callable[[], list[int]] | None:
    """Return a function that returns `n` instants, in milliseconds since the epoch.

    Args:
        joined: all instants, each between `before` and `behind`.
        n: how many there are.
        before: the text before each instant.
        behind: the text behind each instant.

    Returns:
        None if an instant does not exist, is not in OSS's format, or differs in the text around it.
    """
    unit = before + INSTANT + behind
    if joined.translate(_AS_ZERO) != unit * n:
        return None

    def digits(place: int) -> bytes:
        return joined[len(before) + place :: len(unit)]

    if any(digits(place) != digit * n for place, digit in _FIXED.items()):
        return _one_by_one(joined, len(before), len(unit))
    places = (_YEAR, *_LIMITS)
    fields = _Fields(*(_two_digits(digits(place), digits(place + 1)) for place in places))
    return fields.since_epoch if fields.exist() else None


def _one_by_one(joined: bytes, begin: int, width: int) -> Callable[[], list[int]] | None:
    each = (
        joined[place : place + len(INSTANT)].decode() for place in range(begin, len(joined), width)
    )
    try:
        found = list(map(milliseconds, each))
    except ValueError:
        return None
    return lambda: found


def _two_digits(tens: bytes, ones: bytes) -> bytes:
    """Return numbers of two digits, each as a byte."""
    both = _number(tens.translate(_AS_NUMBER)) * 10 + _number(ones.translate(_AS_NUMBER))
    return both.to_bytes(len(tens), "little")


def _number(lanes: bytes) -> int:
    return int.from_bytes(lanes, "little")


def _widen(width: int, *low_first: bytes) -> bytes:
    """Return numbers in lanes of `width` bytes. Each argument holds one byte of all numbers."""
    wide = bytearray(width * len(low_first[0]))
    for place, column in enumerate(low_first):
        wide[place::width] = column
    return bytes(wide)


def _widened(narrow: int, n: int) -> int:
    lanes = narrow.to_bytes(n * _NARROW, "little")
    return _number(_widen(_WIDE, lanes[::_NARROW], lanes[1::_NARROW]))

"""Reads a column of `LastModified` at once: a number per field, a byte or two per object, all in one sum.

A column of numbers is one large integer, with a lane of bytes for each number and room in it for every result.
"""

from __future__ import annotations

import struct
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from watcher.oss.listing import milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

INSTANT: Final = b"0000-00-00T00:00:00.000Z"
_FIXED: Final = {0: b"2", 1: b"0", 20: b"0", 21: b"0", 22: b"0"}  # by place: others are read one by one
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
    """Return what `bytes.translate` takes: `numbers` from `first` on."""
    return bytes(first) + bytes(numbers) + bytes(256 - first - len(numbers))


class _Tables(NamedTuple):
    """Numbers of two bytes by one of a byte."""

    low: bytes
    high: bytes

    @classmethod
    def of(cls, numbers: list[int], first: int = 0) -> _Tables:
        return cls(_table([each & 0xFF for each in numbers], first), _table([each >> 8 for each in numbers], first))


_DAYS_TO_YEAR: Final = _Tables.of([(each - date(1970, 1, 1)).days for each in _YEARS])
_DAYS_TO_MONTH: Final = _Tables.of([(each - _MONTHS[0]).days for each in _MONTHS], first=1)
_LONGEST_DAY: Final = _table([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], first=1)
_IS_LEAP: Final = _table([year % 4 == 0 for year in range(100)])
_IS_FEBRUARY: Final = _table([True], first=2)
_IS_LATER: Final = _table([True] * 10, first=3)  # than February


def instants(joined: bytes, n: int, *, before: bytes, behind: bytes) -> Callable[[], list[int]] | None:
    """Return what returns `n` instants, in milliseconds since the epoch.

    Returns:
        None if one does not exist, or is not written as OSS does, with exactly what is to be before and behind it.
    """
    unit = before + INSTANT + behind
    if joined.translate(_AS_ZERO) != unit * n:
        return None

    def digits(place: int) -> bytes:
        return joined[len(before) + place :: len(unit)]

    if any(digits(place) != digit * n for place, digit in _FIXED.items()):
        return _one_by_one(joined, len(before), len(unit))
    year, *rest = (_two_digits(digits(place), digits(place + 1)) for place in (_YEAR, *_LIMITS))
    if any(numbers.translate(None, bytes(limits)) for numbers, limits in zip(rest, _LIMITS.values(), strict=True)):
        return None
    month, day, hour, minute, second = rest
    leap_day = _number(year.translate(_IS_LEAP)) & _number(month.translate(_IS_FEBRUARY))
    top = _number(b"\x80" * n)  # stays where nothing greater is subtracted
    if ((top | _number(month.translate(_LONGEST_DAY)) + leap_day) - _number(day)) & top != top:
        return None

    def read() -> list[int]:
        past_leap_day = _number(year.translate(_IS_LEAP)) & _number(month.translate(_IS_LATER))
        since_first = _number(day) - _number(b"\x01" * n) + past_leap_day
        days = sum(
            (
                _number(_lanes(_NARROW, year.translate(_DAYS_TO_YEAR.low), year.translate(_DAYS_TO_YEAR.high))),
                _number(_lanes(_NARROW, month.translate(_DAYS_TO_MONTH.low), month.translate(_DAYS_TO_MONTH.high))),
                _number(_lanes(_NARROW, since_first.to_bytes(n, "little"))),
            )
        )
        minutes = _number(_lanes(_NARROW, hour)) * 60 + _number(_lanes(_NARROW, minute))
        since = _widened(days, n) * 86_400_000 + _widened(minutes, n) * 60_000 + _number(_lanes(_WIDE, second)) * 1000
        return list(struct.unpack(f"<{n}q", since.to_bytes(n * _WIDE, "little")))

    return read


def _one_by_one(joined: bytes, begin: int, width: int) -> Callable[[], list[int]] | None:
    each = (joined[place : place + len(INSTANT)].decode() for place in range(begin, len(joined), width))
    try:
        found = list(map(milliseconds, each))
    except ValueError:
        return None
    return lambda: found


def _two_digits(tens: bytes, ones: bytes) -> bytes:
    """Return numbers of two digits, a byte each."""
    both = _number(tens.translate(_AS_NUMBER)) * 10 + _number(ones.translate(_AS_NUMBER))
    return both.to_bytes(len(tens), "little")


def _number(lanes: bytes) -> int:
    return int.from_bytes(lanes, "little")


def _lanes(width: int, *low_first: bytes) -> bytes:
    """Return numbers, given byte by byte, in lanes of so many bytes."""
    wide = bytearray(width * len(low_first[0]))
    for place, column in enumerate(low_first):
        wide[place::width] = column
    return bytes(wide)


def _widened(narrow: int, n: int) -> int:
    lanes = narrow.to_bytes(n * _NARROW, "little")
    return _number(_lanes(_WIDE, lanes[::_NARROW], lanes[1::_NARROW]))

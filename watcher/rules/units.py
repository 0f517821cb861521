"""Durations and sizes: as ossutil writes them ("1h30m", "1.5G"; 1K = 1024), and rounded."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

_MS: Final = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_BYTES: Final = {"T": 1024**4, "G": 1024**3, "M": 1024**2, "K": 1024, "B": 1}

_SMALL_S: Final = 10  # shorter durations are shown in tenths of a second

_LONGEST_MS: Final = 36_500 * _MS["d"]
_LARGEST_BYTES: Final = 2**63 - 1

_NUMBER: Final = r"[0-9]{1,20}(?:\.[0-9]{1,15})?"
_DURATION: Final = re.compile(rf"(?:{_NUMBER}(?:ms|[smhdw]))+")
_DURATION_PART: Final = re.compile(rf"({_NUMBER})(ms|[smhdw])")
_SIZE: Final = re.compile(rf"({_NUMBER})([BKMGT])", re.IGNORECASE)
_BARE: Final = re.compile(_NUMBER)
_LONG_SIZE: Final = re.compile(rf"({_NUMBER}) ?([KMGT])i?B", re.IGNORECASE)


def parse_duration_ms(text: str) -> int:
    """Return the milliseconds of "15s", "24h" or "1h30m".

    Raises:
        ValueError: a sentence with the cure.
    """
    if text == "0":
        return 0
    if not _DURATION.fullmatch(text):
        cure = f'Write "{text}s" for seconds.' if _BARE.fullmatch(text) else _DURATION_CURE
        raise ValueError(f"not a duration. {cure}")
    total = sum(Fraction(number) * _MS[unit] for number, unit in _DURATION_PART.findall(text))
    if total.denominator != 1:
        raise ValueError("finer than a millisecond. Use whole milliseconds.")
    if total > _LONGEST_MS:
        raise ValueError("longer than a hundred years. Write a shorter one.")
    return int(total)


def parse_size_bytes(text: str) -> int:
    """Return the bytes of "1B", "10M" or "1.5G".

    Raises:
        ValueError: a sentence with the cure.
    """
    if text == "0":
        return 0
    matched = _SIZE.fullmatch(text)
    if not matched:
        raise ValueError(f"not a size. {_size_cure(text)}")
    total = Fraction(matched[1]) * _BYTES[matched[2].upper()]
    if total.denominator != 1:
        raise ValueError("not a whole number of bytes. Use a smaller unit.")
    if total > _LARGEST_BYTES:
        raise ValueError("larger than any object can be. Write a smaller one.")
    return int(total)


def duration_text(ms: int) -> str:
    """Return a duration in its shortest usual form, e.g. "1h30m".

    `parse_duration_ms` returns the same milliseconds.
    """
    parts = []
    for unit, one_ms in _MS.items():
        count, ms = divmod(ms, one_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def size_text(size_bytes: int) -> str:
    """Return a size in the largest unit that keeps it exact, e.g. "10M".

    `parse_size_bytes` returns the same bytes.
    """
    for unit, one in _BYTES.items():
        if size_bytes and size_bytes % one == 0:
            return f"{size_bytes // one}{unit}"
    return "0B"


def rounded_duration(seconds: float) -> str:
    """Return a duration in its two largest units, e.g. "5 min 2 s"; in tenths below 10 s."""
    if seconds < _SMALL_S:
        return f"{round(seconds, 1):g} s"
    parts, left = [], round(seconds)
    for unit, one in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, one)
        parts.append(f"{count} {unit}" if count else "")
    first = next(n for n, part in enumerate(parts) if part)
    return " ".join(part for part in parts[first : first + 2] if part)


def counted(n: int, noun: str) -> str:
    """Return a number with its noun, e.g. "1 call" or "0 calls"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def rounded_size(size_bytes: float) -> str:
    """Return a size in its largest unit, e.g. "1.5 GB" (1 KB = 1024 bytes)."""
    if size_bytes < _BYTES["K"]:
        return f"{size_bytes:.0f} bytes"
    unit = next(unit for unit, one in _BYTES.items() if size_bytes >= one)
    return f"{size_bytes / _BYTES[unit]:.1f} {unit}B"


_DURATION_CURE: Final = (
    'Write a number and a unit (ms, s, m, h, d, w), e.g. "90s", "24h" or "1h30m".'
)


def _size_cure(text: str) -> str:
    if _BARE.fullmatch(text):
        return f'Write "{text}B" for bytes.'
    if long := _LONG_SIZE.fullmatch(text):
        return f'Write "{long[1]}{long[2].upper()}" (1K = 1024).'
    return 'Write a number and a unit (B, K, M, G, T; 1K = 1024), e.g. "10M".'

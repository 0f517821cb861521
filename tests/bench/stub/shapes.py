"""Key shapes: n keys, strictly increasing, made by arithmetic alone.

The tidy ones have 60 bytes each, all `.mp4`, all Normal, and no object is left out; "mixed" is a
bucket as they are.
"""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import md5
from typing import TYPE_CHECKING, Final

from tests.bench.stub import mix
from tests.bench.stub.mix import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY_BYTES: Final = 60
_DAYS: Final = 365
_FIRST_DAY: Final = date(2026, 1, 1)


def dated(n: int) -> Iterator[str]:
    """Yield `uploaded/YYYY/MM/DD/UUID.mp4`, with busy and idle days.

    The r-th busiest day of a year has 1/r of the busiest day's objects.
    """
    for day, count in enumerate(_counts(n)):
        folder = f"uploaded/{_FIRST_DAY + timedelta(day):%Y/%m/%d}/"
        step = (1 << 96) // count if count else 0
        for place in range(count):
            text = f"{((place << 32) + scattered(place)) * step:032x}"
            yield f"{folder}{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}.mp4"


def sequential(n: int) -> Iterator[str]:
    """Yield keys that count up from zero."""
    folder = "cctv/floor-0/gate-1/recordings/"
    digits = KEY_BYTES - len(folder) - len(".mp4")
    for place in range(n):
        yield f"{folder}{place:0{digits}}.mp4"


def deep(n: int) -> Iterator[str]:
    """Yield 99 % of the keys under one deep prefix, the rest before and behind it."""
    aside = n // 200
    for folder, count in (
        ("a/few/things/before/", aside),
        ("studio/archive/2026/masters/", n - 2 * aside),
        ("z/few/things/behind/", aside),
    ):
        digits = KEY_BYTES - len(folder) - len(".mp4")
        for place in range(count):
            yield f"{folder}{place:0{digits}}.mp4"


TIDY: Final[dict[str, Callable[[int], Iterator[str]]]] = {
    "dated": dated,
    "sequential": sequential,
    "deep": deep,
}
MIXED: Final = "mixed"
SHAPES: Final[dict[str, Callable[[int], Iterator[str]]]] = {MIXED: mix.keys, **TIDY}


def facts(shape: str, key: str, number: int) -> Facts:
    """Return what a listing shows of the object with that number beside its key."""
    if shape == MIXED:
        return mix.facts(key, number)
    bits = scattered(number)
    return Facts(
        modified=f"2026-{1 + bits % 9:02}-{1 + bits % 28:02}"
        f"T{bits % 24:02}:{bits % 60:02}:{bits % 59:02}.000Z",
        etag=md5(b"%d" % number, usedforsecurity=False).hexdigest().upper(),
        type="Normal",
        size_bytes=10_000_000 + bits % 90_000_000,
        storage_class="Standard",
    )


def scattered(number: int) -> int:
    """Return 32 bits that look random (Knuth's multiplicative hash)."""
    return number * 2_654_435_761 & 0xFFFFFFFF


def _counts(n: int) -> list[int]:
    """Return how many objects each day has; they add up to n."""
    weights = [1 / (1 + day * 137 % _DAYS) for day in range(_DAYS)]
    total = sum(weights)
    counts: list[int] = []
    reached, given = 0.0, 0
    for weight in weights:
        reached += weight
        counts.append(round(n * reached / total) - given)
        given += counts[-1]
    return counts

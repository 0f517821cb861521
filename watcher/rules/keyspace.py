"""Keys as numbers: where to cut a range of keys of which only a few are known.

Keys compare as their UTF-8 does, which is the order of their characters.  A key becomes a number written in the
characters that were seen in keys so far; half way between two numbers lies a key that may not exist.
"""

from __future__ import annotations

from bisect import bisect_left, insort

MAX_KEY_BYTES = 1023  # of a key, and of `start-after`.  Source: OSS object naming, ListObjectsV2
_PLACES = 12  # characters behind a stem that count
_SURROGATES = range(0xD800, 0xE000)
_LAST = 0x10FFFF


class Alphabet:
    """The characters that keys were seen to consist of."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._sorted: list[str] = []

    def learn(self, text: str) -> None:
        """Note the characters of one key, or of several."""
        for new in set(text) - self._seen:
            self._seen.add(new)
            insort(self._sorted, new)

    def number(self, key: str, *, behind: int) -> int:
        """Return what follows the first `behind` characters of `key` as a number below `end`."""
        value = 0
        for at in range(behind, behind + _PLACES):
            value *= self._base
            value += bisect_left(self._sorted, key[at]) + 1 if at < len(key) else 0
        return value

    def spell(self, number: int) -> str:
        """Return characters whose number is `number`, or little less."""
        digits = []
        for _ in range(_PLACES):
            number, digit = divmod(number, self._base)
            digits.append(digit)
        spelt = []
        for digit in reversed(digits):
            if not digit or not self._sorted:
                break
            spelt.append(self._sorted[min(digit, len(self._sorted)) - 1])
        return "".join(spelt)

    @property
    def end(self) -> int:
        """Above the number of any key."""
        return int(self._base**_PLACES)

    @property
    def _base(self) -> int:
        return len(self._sorted) + 2  # the end of a key comes before, and whatever was not seen yet behind


def common_stem(*keys: str) -> str:
    """Return what all of the keys begin with."""
    least, most = min(keys), max(keys)
    return least[
        : next((at for at, pair in enumerate(zip(least, most, strict=False)) if pair[0] != pair[1]), len(least))
    ]


def stem(lo: str, hi: str | None, prefix: str) -> str:
    """Return what all keys above `lo` up to `hi` begin with; all begin with `prefix`."""
    return prefix if hi is None else common_stem(max(lo, prefix), hi)


def share_done(start: str, now: str, hi: str | None, *, prefix: str, alphabet: Alphabet) -> float:
    """Return which share of the keys above `start` up to `hi` lies at or before `now`, were they spread evenly."""
    behind = len(stem(start, hi, prefix))
    first, last = _bounds(start, hi, behind, prefix, alphabet)
    at = alphabet.number(max(now, prefix), behind=behind)
    return min(1.0, max(0.0, (at - first) / (last - first))) if last > first else 1.0


def between(lo: str, hi: str | None, *, prefix: str, alphabet: Alphabet) -> str | None:
    """Return a key, existing or not, half way between `lo` and `hi` (None = the end); None if there is no room."""
    common = stem(lo, hi, prefix)
    first, last = _bounds(lo, hi, len(common), prefix, alphabet)
    cut = common + alphabet.spell((first + last) // 2)
    return cut if is_between(lo, cut, hi) else None


def behind_all(start: str) -> str | None:
    """Return the least key above all that begin with `start`, or None if there is none."""
    for end in range(len(start) - 1, -1, -1):
        code = ord(start[end]) + 1
        if code <= _LAST:
            return start[:end] + chr(_SURROGATES.stop if code in _SURROGATES else code)
    return None


def is_between(lo: str, cut: str, hi: str | None) -> bool:
    """Tell whether a range can be cut there: keys up to `cut`, and keys above it."""
    return lo < cut and (hi is None or cut < hi) and len(cut.encode()) <= MAX_KEY_BYTES


def _bounds(lo: str, hi: str | None, behind: int, prefix: str, alphabet: Alphabet) -> tuple[int, int]:
    last = alphabet.end if hi is None else alphabet.number(hi, behind=behind)
    return alphabet.number(max(lo, prefix), behind=behind), last

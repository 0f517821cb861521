"""Keys as numbers: where to cut a range of keys of which only a few are known.

Keys compare like their UTF-8, which is the order of their characters. A key becomes a number
written in the characters that were seen so far. Half way between two numbers lies a key, which
need not exist.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from watcher.model import MAX_KEY_BYTES

_PLACES = 12  # characters behind a stem that count
_SURROGATES = range(0xD800, 0xE000)
_LAST = 0x10FFFF


class Alphabet:
    """The characters of the keys so far."""

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
        """A number above that of every key."""
        return int(self._base**_PLACES)

    @property
    def _base(self) -> int:
        # The end of a key is the lowest digit, and any character not seen yet the highest.
        return len(self._sorted) + 2


def common_stem(*keys: str) -> str:
    """Return the common beginning of all the keys."""
    least, most = min(keys), max(keys)
    for at, (one, other) in enumerate(zip(least, most, strict=False)):
        if one != other:
            return least[:at]
    return least


def stem(lo: str, hi: str | None, prefix: str) -> str:
    """Return the common beginning of all keys above `lo` up to `hi`; they begin with `prefix`."""
    return prefix if hi is None else common_stem(max(lo, prefix), hi)


def share_done(start: str, now: str, hi: str | None, *, prefix: str, alphabet: Alphabet) -> float:
    """Return the share of a range that lies at or before `now`, if keys are spread evenly.

    The range goes from above `start` up to `hi` (None = the end).
    """
    behind = len(stem(start, hi, prefix))
    first, last = _bounds(start, hi, behind, prefix, alphabet)
    at = alphabet.number(max(now, prefix), behind=behind)
    return min(1.0, max(0.0, (at - first) / (last - first))) if last > first else 1.0


def between(lo: str, hi: str | None, *, prefix: str, alphabet: Alphabet) -> str | None:
    """Return a key half way between `lo` and `hi` (None = the end); None if there is no room.

    The key need not exist.
    """
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
    """Whether a range can be cut into the keys up to `cut` and the keys above it."""
    return lo < cut and (hi is None or cut < hi) and len(cut.encode()) <= MAX_KEY_BYTES


def _bounds(
    lo: str, hi: str | None, behind: int, prefix: str, alphabet: Alphabet
) -> tuple[int, int]:
    last = alphabet.end if hi is None else alphabet.number(hi, behind=behind)
    return alphabet.number(max(lo, prefix), behind=behind), last

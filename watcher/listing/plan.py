"""What is left to list, as ranges of keys, and where to cut one that turns out to be long.

The ranges of a plan tile the keys that are to be listed; whoever is free takes the next one, or the upper half of the
one with the most left in it (work stealing; compare google/dataflux, aws-samples/s3-fast-list).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watcher.rules.keyspace import Alphabet, behind_all, between, common_stem, is_between, share_done

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from watcher.model import Range

PAGE_SIZE = 1000  # the most that OSS lists at once
_WORTH_CUTTING = 2  # pages left, as far as can be guessed
_PROBES = 16  # requests that may find nothing ...
_MORE_PROBES = 60  # ... up to as many more as there were full pages, at most so many ...
_PAGES_A_PROBE = 40  # ... and one more for so many pages
_LEVELS = 24  # of what the first keys have in common
_SAMPLED = 128  # one key in so many shows which characters there are


@dataclass(slots=True, kw_only=True, eq=False)
class Interval:
    """A range of keys that somebody is listing: above `lo`, up to `hi` and with it (None = to the end)."""

    lo: str
    hi: str | None
    known: Range | None = None  # what was listed there before, if it is to be trusted
    expected: int | None = None  # objects, as far as remembered
    listed: int = 0
    page_first: str = ""  # the first key of the last page
    page_listed: int = 0


class Plan:
    """Which range to list next.  Not to be shared between threads."""

    def __init__(self, ahead: Iterator[Interval], *, prefix: str, page_size: int = PAGE_SIZE) -> None:
        self._ahead = ahead  # what was cut before; together with what is taken it tiles the keys
        self._prefix = prefix
        self._page_size = page_size
        self._alphabet = Alphabet()
        self._taken: list[Interval] = []
        self._stem: str | None = None  # what all keys begin with that were seen before the first cut
        self._levels: list[str] | None = None  # the first cuts, the highest last
        self._requests = 0
        self._listed = 0

    @property
    def probes_left(self) -> bool:
        """Whether another request may be spent on finding out where keys are."""
        pages = self._listed / self._page_size
        return self._requests - pages < _PROBES + min(pages, _MORE_PROBES) + pages / _PAGES_A_PROBE

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to list."""
        return not self._taken and next(self._ahead, None) is None

    def next(self, *, cutting: bool) -> Interval | None:
        """Return a range that nobody lists yet, if need be by `cutting` one; None if there is none now."""
        interval = next(self._ahead, None)
        if interval is None and cutting and self.probes_left:
            interval = self._cut()
        if interval is not None:
            self._taken.append(interval)
            self._alphabet.learn(interval.lo + (interval.hi or ""))
        return interval

    def advance(self, interval: Interval, keys: Sequence[str], *, last_key: str, is_last: bool) -> bool:
        """Learn what a request found above `interval.lo`; return whether that is all of the range.

        `keys` ascend, and may lead beyond the range, which may have been cut since; what is listed goes up to
        `last_key` ("" = nowhere).
        """
        self._requests += 1
        inside = len(keys) if interval.hi is None else bisect_right(keys, interval.hi)
        interval.listed += inside
        interval.page_first, interval.page_listed = keys[0] if keys else "", inside
        self._listed += inside
        self._learn(keys)
        if is_last or inside < len(keys) or (interval.hi is not None and last_key >= interval.hi):
            self._taken.remove(interval)
            return True
        interval.lo = last_key or interval.lo
        return False

    def repeated(self, interval: Interval, listed: int) -> None:
        """Learn that a range is as it was remembered: nothing of it is left."""
        self._requests += 1
        self._listed += listed
        self._taken.remove(interval)

    def _learn(self, keys: Sequence[str]) -> None:
        self._alphabet.learn("".join((*keys[::_SAMPLED], *keys[-1:])))
        if keys and self._levels is None:
            self._stem = common_stem(keys[0], keys[-1], *([] if self._stem is None else [self._stem]))

    def _cut(self) -> Interval | None:
        """Give away the upper part of the range with the most left in it, if that is worth a request."""
        for left, victim in sorted(
            ((self._left(each), each) for each in self._taken), key=lambda pair: pair[0], reverse=True
        ):
            if left < _WORTH_CUTTING * self._page_size:
                return None
            cut = self._where(victim)
            if cut is not None:
                given = Interval(lo=cut, hi=victim.hi)
                victim.hi = cut
                return given
        return None

    def _left(self, interval: Interval) -> float:
        """Return about how many objects are left in a range; 0 if nothing was seen of it yet."""
        if interval.expected is not None and interval.expected > interval.listed:
            return interval.expected - interval.listed
        if not interval.page_listed:
            return 0.0
        done = self._share_done(interval)
        return interval.page_listed * (1 - done) / done if done else float("inf")

    def _share_done(self, interval: Interval) -> float:
        """Return how much the last page was of what was left, were keys spread evenly; 0 = too little to tell."""
        return share_done(interval.page_first, interval.lo, interval.hi, prefix=self._prefix, alphabet=self._alphabet)

    def _where(self, victim: Interval) -> str | None:
        """Return where to cut: right above what the first keys have in common, level by level; then half way."""
        if self._levels is None:
            self._levels = self._levels_above()
        while self._levels:
            cut = self._levels.pop()
            if is_between(victim.lo, cut, victim.hi):
                return cut
        if not self._share_done(victim):
            common = common_stem(victim.page_first, victim.lo)
            above = behind_all(common[: self._last_level(common) + 1])
            if above is not None and is_between(victim.lo, above, victim.hi):
                return above
        return between(victim.lo, victim.hi, prefix=self._prefix, alphabet=self._alphabet)

    def _levels_above(self) -> list[str]:
        """Return the cuts that take away, one request each, the emptiness above what the first keys begin with.

        A level is a character where keys may go apart: the first, one behind a separator, a digit.
        """
        common, least = self._stem or "", len(self._prefix)
        ends = [
            at
            for at in range(len(common) - 1, least - 1, -1)
            if at == least or common[at].isdigit() or not common[at - 1].isalnum()
        ]
        cuts = (behind_all(common[: at + 1]) for at in ends[:_LEVELS])
        return [cut for cut in cuts if cut is not None]

    def _last_level(self, common: str) -> int:
        """Return the place of the last separator of what all keys of a page begin with."""
        for at in range(len(common) - 1, len(self._prefix) - 1, -1):
            if not common[at].isalnum():
                return at
        return len(common) - 1

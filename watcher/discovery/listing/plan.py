"""The ranges of keys that are left to list, and where to cut a long one.

The ranges of a plan tile the keys. A free request takes the next range. If none is left, it takes
the upper half of the range with the most objects left (work stealing; compare google/dataflux and
aws-samples/s3-fast-list).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watcher.discovery.listing.tuning import DEFAULT_TUNING
from watcher.rules.keyspace import (
    Alphabet,
    behind_all,
    between,
    common_stem,
    is_between,
    share_done,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from watcher.discovery.listing.tuning import ListingTuning
    from watcher.model import Range


@dataclass(slots=True, kw_only=True, eq=False)
class Interval:
    """A range of keys that is being listed: above `lo`, up to `hi` and with it (None = the end)."""

    lo: str
    hi: str | None
    known: Range | None = None  # the range as remembered, if its digest is used
    expected: int | None = None  # objects, as far as remembered
    listed: int = 0
    page_first: str = ""  # the first key of the last page
    page_listed: int = 0


class Plan:
    """Decides which range to list next.  For one thread only."""

    def __init__(
        self, unlisted: Iterator[Interval], *, prefix: str, tuning: ListingTuning = DEFAULT_TUNING
    ) -> None:
        self._unlisted = unlisted  # with the ranges in progress they tile the keys
        self._prefix = prefix
        self._tuning = tuning
        self._alphabet = Alphabet()
        self._in_progress: list[Interval] = []
        self._stem: str | None = None  # the common beginning of all keys before the first cut
        self._levels: list[str] | None = None  # the first cuts, the highest last
        self._requests = 0
        self._listed = 0

    @property
    def probes_left(self) -> bool:
        """Whether another request may be risked that finds nothing."""
        pages = self._listed / self._tuning.page_size
        return (
            self._requests - pages
            < self._tuning.probes
            + min(pages, self._tuning.most_probes_by_page)
            + pages / self._tuning.pages_a_probe
        )

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to list."""
        return not self._in_progress and next(self._unlisted, None) is None

    def next(self, *, cutting: bool) -> Interval | None:
        """Return a range that is not being listed yet; None if there is none now.

        With `cutting`, a range that is being listed may be cut for it.
        """
        interval = next(self._unlisted, None)
        if interval is None and cutting and self.probes_left:
            interval = self._cut()
        if interval is not None:
            self._in_progress.append(interval)
            self._alphabet.learn(interval.lo + (interval.hi or ""))
        return interval

    def advance(
        self, interval: Interval, keys: Sequence[str], *, last_key: str, is_last: bool
    ) -> bool:
        """Note what a request found above `interval.lo`; return whether the range is done.

        Args:
            interval: the range; it may have been cut meanwhile.
            keys: ascending, perhaps beyond the range.
            last_key: the answer covers all keys up to here; "" = none.
            is_last: whether the answer goes to the end of the bucket.
        """
        self._requests += 1
        inside = len(keys) if interval.hi is None else bisect_right(keys, interval.hi)
        interval.listed += inside
        interval.page_first, interval.page_listed = keys[0] if keys else "", inside
        self._listed += inside
        self._learn(keys)
        if is_last or inside < len(keys) or (interval.hi is not None and last_key >= interval.hi):
            self._in_progress.remove(interval)
            return True
        interval.lo = last_key or interval.lo
        return False

    def repeated(self, interval: Interval, listed: int) -> None:
        """Note that a range is as remembered: nothing of it is left."""
        self._requests += 1
        self._listed += listed
        self._in_progress.remove(interval)

    def _learn(self, keys: Sequence[str]) -> None:
        self._alphabet.learn("".join((*keys[:: self._tuning.keys_a_sample], *keys[-1:])))
        if keys and self._levels is None:
            self._stem = common_stem(
                keys[0], keys[-1], *([] if self._stem is None else [self._stem])
            )

    def _cut(self) -> Interval | None:
        """Cut off the upper part of the range with the most left, if that is worth a request."""
        for left, victim in sorted(
            ((self._left(each), each) for each in self._in_progress),
            key=lambda pair: pair[0],
            reverse=True,
        ):
            if left < self._tuning.pages_worth_cutting * self._tuning.page_size:
                return None
            cut = self._where(victim)
            if cut is not None:
                given = Interval(lo=cut, hi=victim.hi)
                victim.hi = cut
                return given
        return None

    def _left(self, interval: Interval) -> float:
        """Return the estimated number of objects left in a range; 0 before its first answer."""
        if interval.expected is not None and interval.expected > interval.listed:
            return interval.expected - interval.listed
        if not interval.page_listed:
            return 0.0
        done = self._share_done(interval)
        return interval.page_listed * (1 - done) / done if done else float("inf")

    def _share_done(self, interval: Interval) -> float:
        """Return which share of the range the last page covered, if keys are spread evenly.

        0 = too little to be measured.
        """
        return share_done(
            interval.page_first,
            interval.lo,
            interval.hi,
            prefix=self._prefix,
            alphabet=self._alphabet,
        )

    def _where(self, victim: Interval) -> str | None:
        """Return where to cut a range; None if there is no place.

        The first cuts lie right above the common beginning of the first keys, level by level.
        Later ones lie half way.
        """
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
        """Return cuts above the common beginning of the first keys, the highest last.

        Each costs one request, and most find nothing. A level is a character where keys may
        differ: the first, one behind a separator, or a digit.
        """
        common, least = self._stem or "", len(self._prefix)
        ends = [
            at
            for at in range(len(common) - 1, least - 1, -1)
            if at == least or common[at].isdigit() or not common[at - 1].isalnum()
        ]
        cuts = (behind_all(common[: at + 1]) for at in ends[: self._tuning.levels])
        return [cut for cut in cuts if cut is not None]

    def _last_level(self, common: str) -> int:
        """Return the place of the last separator in the common beginning of a page's keys."""
        for at in range(len(common) - 1, len(self._prefix) - 1, -1):
            if not common[at].isalnum():
                return at
        return len(common) - 1

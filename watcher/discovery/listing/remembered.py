"""From the ranges of an earlier listing to the ranges that are listed now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watcher.discovery.listing.plan import Interval
from watcher.discovery.listing.tuning import DEFAULT_TUNING
from watcher.model import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.discovery.listing.trust import DigestTrust
    from watcher.discovery.listing.tuning import ListingTuning


def intervals(
    remembered: Callable[[str], Sequence[tuple[Range, bool]]],
    trust: DigestTrust,
    *,
    tuning: ListingTuning = DEFAULT_TUNING,
) -> Iterator[Interval]:
    """Yield the ranges to list, in order: all keys except the ranges that are confirmed.

    Args:
        remembered: returns some ranges from a key on, in order, each with whether this scan has
            confirmed it. They may leave holes.
        trust: whether ranges are compared by their bytes.
        tuning: how many ranges are joined.
    """
    at: str | None = ""  # all up to here is confirmed, yielded or waiting
    waiting: list[Range] = []
    for each, is_confirmed in _each(remembered):
        if each.lo > (at or ""):
            waiting.append(Range(lo=at or "", hi=each.lo))  # a hole
            yield _as_one(waiting, trust)
            waiting = []
        if is_confirmed:
            if waiting:
                yield _as_one(waiting, trust)
                waiting = []
        else:
            if waiting and not _go_together([*waiting, each], trust, tuning):
                yield _as_one(waiting, trust)
                waiting = []
            waiting.append(each)
        at = each.hi
    if at is not None:
        waiting.append(Range(lo=at, hi=None))
    if waiting:
        yield _as_one(waiting, trust)


def within(unlisted: Iterator[Interval], above: str, upto: str | None) -> Iterator[Interval]:
    """Yield only the parts that lie above one key and up to another (None = to the end)."""
    for each in unlisted:
        lo = max(each.lo, above)
        hi = min((end for end in (each.hi, upto) if end is not None), default=None)
        if (lo, hi) == (each.lo, each.hi):
            yield each
        elif hi is None or lo < hi:
            yield Interval(lo=lo, hi=hi)


def _each(
    remembered: Callable[[str], Sequence[tuple[Range, bool]]],
) -> Iterator[tuple[Range, bool]]:
    after: str | None = ""
    while after is not None and (some := remembered(after)):
        yield from some
        after = some[-1][0].hi


def _go_together(ranges: Sequence[Range], trust: DigestTrust, tuning: ListingTuning) -> bool:
    if not trust.holds:
        return len(ranges) <= tuning.ranges_together
    return (
        not any(each.listed for each in ranges[:-1])
        or sum(each.listed for each in ranges) <= tuning.small_share * tuning.page_size
    )


def _as_one(ranges: Sequence[Range], trust: DigestTrust) -> Interval:
    """Return neighbours as one range.

    It keeps the digest of the last one if the others hold no objects.
    """
    first, last = ranges[0], ranges[-1]
    listed = sum(each.listed for each in ranges)
    known = None
    if trust.holds and last.digest and listed == last.listed:
        known = replace(last, lo=first.lo)
    return Interval(lo=first.lo, hi=last.hi, known=known, expected=listed or None)

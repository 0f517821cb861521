"""From what was remembered of a listing to what is to be listed now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watcher.listing.plan import PAGE_SIZE, Interval
from watcher.model import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SMALL = 0.8  # of a page: neighbours that hold no more together are listed as one
_TOGETHER = 32  # ranges that are listed as one where none is trusted: pages are cut anew, and come out full
_ENOUGH = 32  # ranges that were asked for, before it is judged how many are the same
_MOSTLY = 0.7  # of them must be


@dataclass(slots=True)
class Trust:
    """Whether it pays to compare ranges by their bytes."""

    holds: bool
    asked: int = 0
    repeated: int = 0

    def learn(self, *, repeated: bool) -> None:
        """Learn whether a range was the same; where most are not, none is trusted any more."""
        self.asked += 1
        self.repeated += repeated
        self.holds = self.holds and not self.mostly_changed

    @property
    def mostly_changed(self) -> bool:
        """Whether most ranges were not the same."""
        return self.asked >= _ENOUGH and self.repeated < _MOSTLY * self.asked


def intervals(
    remembered: Callable[[str], Sequence[tuple[Range, bool]]], trust: Trust, *, page_size: int = PAGE_SIZE
) -> Iterator[Interval]:
    """Yield what is to be listed, in order: all keys but the ranges that this scan has confirmed already.

    `remembered(after)` returns some ranges from a key on, in order, each with whether it was confirmed; they may
    leave holes.
    """
    at: str | None = ""  # up to here all is confirmed or yielded, but for what waits
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
            if waiting and not _go_together([*waiting, each], trust, page_size):
                yield _as_one(waiting, trust)
                waiting = []
            waiting.append(each)
        at = each.hi
    if at is not None:
        waiting.append(Range(lo=at, hi=None))
    if waiting:
        yield _as_one(waiting, trust)


def within(ahead: Iterator[Interval], above: str, upto: str | None) -> Iterator[Interval]:
    """Yield only what lies above one key and up to another (None = to the end)."""
    for each in ahead:
        lo = max(each.lo, above)
        hi = each.hi if upto is None else upto if each.hi is None else min(each.hi, upto)
        if (lo, hi) == (each.lo, each.hi):
            yield each
        elif hi is None or lo < hi:
            yield Interval(lo=lo, hi=hi)


def _each(remembered: Callable[[str], Sequence[tuple[Range, bool]]]) -> Iterator[tuple[Range, bool]]:
    after: str | None = ""
    while after is not None and (some := remembered(after)):
        yield from some
        after = some[-1][0].hi


def _go_together(ranges: Sequence[Range], trust: Trust, page_size: int) -> bool:
    if not trust.holds:
        return len(ranges) <= _TOGETHER
    return not any(each.listed for each in ranges[:-1]) or sum(each.listed for each in ranges) <= _SMALL * page_size


def _as_one(ranges: Sequence[Range], trust: Trust) -> Interval:
    """Return neighbours as one range.  Where only the last holds objects, it is known by its bytes still."""
    first, last = ranges[0], ranges[-1]
    listed = sum(each.listed for each in ranges)
    known = None
    if trust.holds and last.digest and listed == last.listed:
        known = replace(last, lo=first.lo)
    return Interval(lo=first.lo, hi=last.hi, known=known, expected=listed or None)

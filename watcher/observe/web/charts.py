"""Charts of samples: plain shapes in a box of 1000 by 100. The page stretches them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.observe.history import Sample

WIDTH: Final = 1000
HEIGHT: Final = 100
_BARS: Final = 60
_FEWEST: Final = 2  # samples that make a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The work in one part of the time span."""

    x: float
    width: float
    registered: float  # heights
    failed: float
    per_minute: float
    failed_per_minute: float
    at_ms: int  # when it begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart, ready to draw."""

    top: float  # value at the upper edge
    begin_ms: int
    end_ms: int
    line: str = ""  # of an SVG path
    area: str = ""
    bars: tuple[Bar, ...] = ()


def backlog(samples: Sequence[Sample], *, span_ms: int) -> Chart | None:
    """Return the chart of waiting entries over the last `span_ms`; None with too few samples."""
    if len(samples) < _FEWEST:
        return None
    end = samples[-1].at_ms
    begin = end - span_ms
    shown = [sample for sample in samples if sample.at_ms >= begin]
    top = nice(max(sample.backlog for sample in shown))
    points = [
        (WIDTH * (sample.at_ms - begin) / span_ms, HEIGHT - HEIGHT * sample.backlog / top)
        for sample in shown
    ]
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    area = f"{line}L{points[-1][0]:.1f} {HEIGHT}L{points[0][0]:.1f} {HEIGHT}Z"
    return Chart(top=top, begin_ms=begin, end_ms=end, line=line, area=area)


def throughput(samples: Sequence[Sample], *, span_ms: int) -> Chart | None:
    """Return the chart of registered and failed entries a minute, in sixty bars.

    None with too few samples.
    """
    if len(samples) < _FEWEST:
        return None
    end = samples[-1].at_ms
    begin, part_ms = end - span_ms, span_ms / _BARS
    done, failed = [0.0] * _BARS, [0.0] * _BARS
    for before, after in itertools.pairwise(samples):
        place = int((after.at_ms - begin - 1) // part_ms)
        if 0 <= place < _BARS:
            # A lower total comes from a restart.
            done[place] += max(0, after.registered - before.registered)
            failed[place] += max(0, after.failed - before.failed)
    minutes = part_ms / 60_000
    top = nice(max((a + b) / minutes for a, b in zip(done, failed, strict=True)))
    width = WIDTH / _BARS
    bars = tuple(
        Bar(
            x=round(n * width, 2),
            width=round(width * 0.8, 2),
            registered=round(HEIGHT * done[n] / minutes / top, 2),
            failed=round(HEIGHT * failed[n] / minutes / top, 2),
            per_minute=done[n] / minutes,
            failed_per_minute=failed[n] / minutes,
            at_ms=round(begin + n * part_ms),
        )
        for n in range(_BARS)
    )
    return Chart(top=top, begin_ms=begin, end_ms=end, bars=bars)


def nice(most: float) -> float:
    """Return a round number for the top of a scale: the least one that is not below `most`."""
    step = 1.0
    while step * 10 < most:
        step *= 10
    return next(step * digit for digit in (1, 2, 3, 4, 5, 6, 8, 10) if step * digit >= most)

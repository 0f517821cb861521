"""How cost grows with the bucket, as a picture that anyone can redraw."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tests.bench.measuring import NotMeasured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.growing import Size

_INK, _FIRST, _AGAIN, _GRID = "#6e7681", "#d9730d", "#1f77b4", "#8b949e"  # each readable on white and on near-black


def draw(sizes: Sequence[Size], path: Path) -> None:
    """Write a PNG with five log-log panels on a transparent ground.

    Raises:
        NotMeasured: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 (an extra; the figures do without it)
    except ImportError:
        raise NotMeasured("no plot: matplotlib is not installed") from None
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    colours = ("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color", "legend.labelcolor")
    with mpl.rc_context({**dict.fromkeys(colours, _INK), "font.size": 9, "axes.titlesize": 10}):
        figure, grid = plt.subplots(2, 3, figsize=(9.6, 5.6), layout="constrained")
        *panels, legend = grid.flat
        n = [size.n for size in sizes]
        for panel, (title, unit, first, again) in zip(panels, _series(sizes), strict=True):
            panel.loglog(n, first, "o-", color=_FIRST, label="first scan")
            if again:
                panel.loglog(n, again, "s--", color=_AGAIN, label="rescan, nothing new")
            panel.set(title=title, xlabel="objects", ylabel=unit, ylim=_decades(*first, *again))
            panel.grid(visible=True, which="major", color=_GRID, alpha=0.35, linewidth=0.6)
            panel.patch.set_alpha(0)
        legend.set_axis_off()
        legend.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="center")
        figure.savefig(path, dpi=110, transparent=True, metadata={"Software": None})
        plt.close(figure)


def _decades(*values: float) -> tuple[float, float]:
    """Return the powers of ten that hold all values between them, so that a few per cent do not look like a cliff."""
    return 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)) + 1e-9)


def _series(sizes: Sequence[Size]) -> list[tuple[str, str, list[float], list[float]]]:
    """Return for each panel its title, unit, and what the first and the later scan cost."""
    return [
        ("wall clock", "seconds", [s.first.wall_s for s in sizes], [s.again.wall_s for s in sizes]),
        ("CPU", "seconds", [s.first.cpu_s for s in sizes], [s.again.cpu_s for s in sizes]),
        ("peak memory", "MB", [s.first.rss_mb for s in sizes], [s.again.rss_mb for s in sizes]),
        ("ledger file", "bytes", [float(s.ledger_bytes) for s in sizes], []),
        ("list requests", "requests", [s.first_calls for s in sizes], [s.again_calls for s in sizes]),
    ]

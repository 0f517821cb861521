"""How cost grows with the bucket, as a picture that anyone can redraw."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tests.bench.measuring import NotMeasured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.bench.growing import Size

_INK, _FIRST, _AGAIN, _GRID = (
    "#6e7681",
    "#d9730d",
    "#1f77b4",
    "#8b949e",
)  # each readable on white and on near-black

_RESCAN = "rescan, nothing new"
_LINES = {"mixed": "-", "tidy": ":"}
_PANELS: tuple[tuple[str, str, Callable[[Size], float], Callable[[Size], float] | None], ...] = (
    ("wall clock", "seconds", lambda size: size.first.wall_s, lambda size: size.again.wall_s),
    ("CPU", "seconds", lambda size: size.first.cpu_s, lambda size: size.again.cpu_s),
    ("peak memory", "MB", lambda size: size.first.rss_mb, lambda size: size.again.rss_mb),
    ("ledger file", "bytes", lambda size: float(size.ledger_bytes), None),
    ("list requests", "requests", lambda size: size.first_calls, lambda size: size.again_calls),
)


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

    colours = (
        "axes.edgecolor",
        "axes.labelcolor",
        "xtick.color",
        "ytick.color",
        "text.color",
        "legend.labelcolor",
    )
    with mpl.rc_context({**dict.fromkeys(colours, _INK), "font.size": 9, "axes.titlesize": 10}):
        figure, grid = plt.subplots(2, 3, figsize=(9.6, 5.6), layout="constrained")
        *panels, legend = grid.flat
        for panel, (title, unit, first, again) in zip(panels, _PANELS, strict=True):
            shown: list[float] = []
            for kind, line in _LINES.items():
                of_kind = [size for size in sizes if size.kind == kind]
                for measure, marker, colour, what in (
                    (first, "o", _FIRST, "first scan"),
                    (again, "s", _AGAIN, _RESCAN),
                ):
                    shown += _draw_line(
                        panel,
                        of_kind,
                        measure,
                        marker=f"{marker}{line}",
                        colour=colour,
                        label=f"{what}, {kind}",
                    )
            panel.set(title=title, xlabel="objects", ylabel=unit, ylim=_decades(*shown))
            panel.grid(visible=True, which="major", color=_GRID, alpha=0.35, linewidth=0.6)
            panel.patch.set_alpha(0)
        legend.set_axis_off()
        legend.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="center")
        figure.savefig(path, dpi=110, transparent=True, metadata={"Software": None})
        plt.close(figure)


def _draw_line(
    panel: Any,
    sizes: Sequence[Size],
    measure: Callable[[Size], float] | None,
    *,
    marker: str,
    colour: str,
    label: str,
) -> list[float]:
    """Draw one measure over the sizes, if there is any; return its figures."""
    if not measure or not sizes:
        return []
    figures = [measure(size) for size in sizes]
    n = [size.n for size in sizes]
    panel.loglog(n, figures, marker, color=colour, label=label, markersize=4)
    return figures


def _decades(*values: float) -> tuple[float, float]:
    """Return the powers of ten that hold all values between them.

    A few per cent then do not look like a cliff.
    """
    return 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(
        math.log10(max(values)) + 1e-9
    )

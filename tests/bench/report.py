"""The table: what was measured, beside what, how many times better, and whether that is enough."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from tests.bench.measuring import NotMeasured, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_HEADINGS = ("what", "ours", "beside it", "figure", "wanted", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: a figure and its bound; without a bound it is only shown."""

    what: str
    ours: str = ""
    peer: str = ""
    figure: float | None = None  # None: not measured, or no figure that could be compared
    unit: str = "x"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the figure keeps its bound; None if there is nothing to keep or to measure."""
        if self.figure is None or (self.at_least is None and self.at_most is None):
            return None
        return (self.at_least is None or self.figure >= self.at_least) and (
            self.at_most is None or self.figure <= self.at_most
        )

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the line."""
        bound = self.at_least if self.at_least is not None else self.at_most
        wanted = (
            ""
            if bound is None
            else f"{'>=' if self.at_least is not None else '<='} {bound:,g} {self.unit}"
        )
        figure = "" if self.figure is None else f"{_rounded(self.figure)} {self.unit}"
        said = {True: "yes", False: "**missed**", None: ""}[self.met]
        return self.what, self.ours, self.peer, figure, wanted, said


def _rounded(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def attempted(rows: Callable[[], Iterator[Row]], *, what: str) -> Iterator[Row]:
    """Yield the rows; one that says why in place of what could not be measured."""
    try:
        yield from rows()
    except NotMeasured as why:
        yield Row(what=what, ours=f"not measured: {why}")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [_HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    texts = [
        "| "
        + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    return "\n".join(
        (texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:])
    )


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return the rows for machines."""
    return [asdict(row) | {"met": row.met} for row in rows]


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    return {
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{
            name: _version(name) for name in ("oss2", "urllib3", "aliyun-python-sdk-vod", "obstore")
        },
        **{name: _program(name) for name in ("s5cmd", "rclone")},
    }


def _program(name: str) -> str:
    """Return the version that a program prints in its first line."""
    found = program(name)
    if not found:
        return "not installed"
    said = subprocess.run([found, "version"], capture_output=True, text=True, check=False).stdout
    version_number = re.search(r"\d+(?:\.\d+)+", said)
    return version_number[0] if version_number else "of unknown version"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"

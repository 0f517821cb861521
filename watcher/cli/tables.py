"""Tables and sentences for people, laid out for a width: words and figures stay whole."""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Row = Sequence[str]

_GAP: Final = "  "
_LOOKED_AT: Final = 1000  # rows of a long table that decide how wide its columns are
_WIDEST: Final = 60  # a column of a long table; what is longer moves the rest of its row
_WORD: Final = re.compile(r"\s*\S+")


def width_of(text: str) -> int:
    """Return the columns of a terminal that the text takes: two for a wide character."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrapped(text: str, width: int) -> list[str]:
    """Return the text in lines of at most `width`; a longer word has its own line, whole."""
    lines: list[str] = []

    def add(token: str) -> None:
        if lines and width_of(lines[-1]) + width_of(token) <= width:
            lines[-1] += token
        else:
            lines.append(token.lstrip())

    for token in _tokens(text):
        for part in [token] if width_of(token.strip()) <= width else _WORD.findall(token):
            add(part)
    return lines or [""]


def _tokens(text: str) -> list[str]:
    """Return the words, each with the space before it; a command in backquotes is one word."""
    tokens: list[str] = []
    quoted: list[str] = []
    for word in _WORD.findall(text):
        quoted.append(word)
        if "".join(quoted).count("`") % 2 == 0:
            tokens.append("".join(quoted))
            quoted.clear()
    return tokens + quoted


def laid_out(
    columns: Row, rows: Sequence[Row], *, figures: Sequence[bool], width: int | None, rule: str
) -> list[str]:
    """Return the lines of a table, or of one record below the other where it does not fit.

    Args:
        columns: what stands above each.
        rows: the cells; "" = nothing.
        figures: for each column, whether it holds figures only, which stand to the right.
        width: of the terminal; None = as wide as it is.
        rule: the character of the line below the head.
    """
    cells = [columns, *(_dashed(row) for row in rows)]
    widths = [max(map(width_of, column)) for column in zip(*cells, strict=True)]
    if width is not None and not _shrink(widths, cells, width):
        return stacked(columns, rows, width=width)
    head = [_line(parts, widths, figures) for parts in _parts(columns, widths)]
    body = [_line(parts, widths, figures) for row in cells[1:] for parts in _parts(row, widths)]
    return [*head, rule * (sum(widths) + len(_GAP) * (len(widths) - 1)), *body]


def _dashed(row: Row) -> Row:
    return [cell or "-" for cell in row]


def _shrink(widths: list[int], cells: Sequence[Row], width: int) -> bool:
    """Make columns narrower, down to their longest words; return whether all fit then."""
    least = [
        max(width_of(word) for cell in column for word in cell.split() or [""])
        for column in zip(*cells, strict=True)
    ]
    room = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room:
        loose = [n for n, least_width in enumerate(least) if widths[n] > least_width]
        if not loose:
            return False
        widths[max(loose, key=lambda n: widths[n])] -= 1
    return True


def _parts(row: Row, widths: Sequence[int]) -> Iterator[Row]:
    """Yield the lines of one row, each with a part of each cell."""
    cells = [
        [cell] if width_of(cell) <= width else wrapped(cell, width)
        for cell, width in zip(row, widths, strict=True)
    ]
    return itertools.zip_longest(*cells, fillvalue="")


def _line(parts: Row, widths: Sequence[int], figures: Sequence[bool]) -> str:
    padded = []
    for part, width, is_figure in zip(parts, widths, figures, strict=True):
        blank = " " * (width - width_of(part))
        padded.append(blank + part if is_figure else part + blank)
    return _GAP.join(padded).rstrip()


def stacked(columns: Row, rows: Iterable[Row], *, width: int) -> list[str]:
    """Return the rows as records, a cell a line; empty cells are left out."""
    lines: list[str] = []
    for row in rows:
        lines += [*([""] if lines else []), *_record(columns, row, width)]
    return lines


def _record(columns: Row, row: Row, width: int) -> Iterator[str]:
    label = max(map(width_of, columns))
    for column, cell in zip(columns, row, strict=True):
        if not cell:
            continue
        name = column + " " * (label - width_of(column))
        longest = max(map(width_of, cell.split()), default=0)
        room = width - label - len(_GAP)
        if width_of(cell) <= room:
            yield f"{name}{_GAP}{cell}"
        elif longest <= room:
            first, *rest = wrapped(cell, room)
            yield f"{name}{_GAP}{first}"
            yield from (" " * (label + len(_GAP)) + part for part in rest)
        else:
            yield column
            yield from wrapped(cell, width)


def streamed(columns: Row, rows: Iterable[Row], *, width: int | None, rule: str) -> Iterator[str]:
    """Yield the lines of a table of any length; the first rows decide how wide its columns are.

    On a terminal a table that is longer, or does not fit into `width`, is one of records.
    """
    coming = iter(rows)
    first = list(itertools.islice(coming, _LOOKED_AT))
    widths = [
        max(map(width_of, column)) for column in zip(columns, *map(_dashed, first), strict=True)
    ]
    if width is not None:
        further = next(coming, None)
        if further is not None or sum(widths) + len(_GAP) * (len(widths) - 1) > width:
            for n, row in enumerate(
                itertools.chain(first, [further] if further is not None else [], coming)
            ):
                yield from [*([""] if n else []), *_record(columns, row, width)]
            return
    widths = [
        min(each, max(_WIDEST, width_of(name))) for each, name in zip(widths, columns, strict=True)
    ]
    no_figures = [False] * len(columns)
    yield _line(columns, widths, no_figures)
    yield rule * (sum(widths) + len(_GAP) * (len(widths) - 1))
    yield from (_line(_dashed(row), widths, no_figures) for row in itertools.chain(first, coming))

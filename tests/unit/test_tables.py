"""Tables and sentences laid out for a width: every word and figure stays whole."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.cli.tables import laid_out, streamed, width_of, wrapped

WIDTHS = (20, 40, 80, 120, 200)
words = st.one_of(
    st.integers(0, 99_999_999).map(str),
    st.sampled_from(
        [
            "2026-11-30T18:25:40Z",
            "课程/第一讲 高清.mp4",
            "e\u0301te\u0301.mp4",
            "a" * 130,
            "yes",
            "`ledger init`",
        ]
    ),
    st.text("abc课é`", min_size=1, max_size=12),
)
cells = st.lists(words, max_size=5).map(" ".join)
names = st.sampled_from(
    ["watch", "last complete scan", "list GB a day", "状态", "media ID, or why not"]
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    n = draw(st.integers(1, 12))
    columns = draw(st.lists(names, min_size=n, max_size=n))
    return columns, draw(st.lists(st.lists(cells, min_size=n, max_size=n), max_size=6))


def torn(lines: list[str], width: int) -> list[str]:
    """Return the lines that a terminal would fold although they hold more than one word."""
    return [line for line in lines if width_of(line) > width and len(line.split()) > 1]


def whole(lines: list[str], texts: list[str]) -> bool:
    found = [word for line in lines for word in line.split()]
    return all(found.count(word) >= 1 for text in texts for word in text.split())


@given(tables(), st.sampled_from(WIDTHS))
def test_no_word_is_torn_or_lost_at_any_width(
    table: tuple[list[str], list[list[str]]], width: int
) -> None:
    columns, rows = table
    figures = [all(cell.isdigit() for cell in column) for column in zip(*rows, strict=True)] or [
        False
    ] * len(columns)
    for lines in (
        laid_out(columns, rows, figures=figures, width=width, rule="-"),
        list(streamed(columns, rows, width=width, rule="-")),
    ):
        assert torn(lines, width) == []
        assert whole(lines, [cell for row in rows for cell in row])
        if rows and all(all(row) for row in rows):
            assert whole(lines, columns)


@given(tables())
def test_a_piped_table_has_one_line_a_row_and_cuts_nothing(
    table: tuple[list[str], list[list[str]]],
) -> None:
    columns, rows = table
    for lines in (
        laid_out(columns, rows, figures=[False] * len(columns), width=None, rule="-"),
        list(streamed(columns, rows, width=None, rule="-")),
    ):
        assert len(lines) == len(rows) + 2
        assert set(lines[1]) == {"-"}
        for column in columns:
            assert column in lines[0]
        for row, line in zip(rows, lines[2:], strict=True):
            assert all(cell.rstrip() in line for cell in row)


@given(cells, st.sampled_from(WIDTHS))
def test_a_sentence_keeps_its_words_in_order(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert torn(lines, width) == []


def test_a_command_in_a_sentence_is_not_parted_where_it_fits() -> None:
    text = "Create it first with `oss-vod-watcher ledger init`, once, and then scan."
    assert wrapped(text, 40) == [
        "Create it first with",
        "`oss-vod-watcher ledger init`, once, and",
        "then scan.",
    ]
    assert wrapped(text, 20)[1:3] == ["`oss-vod-watcher", "ledger init`, once,"]


def test_columns_stand_below_each_other_by_what_a_terminal_shows() -> None:
    """Wide characters take two columns, combining ones none; figures end at the same column."""
    rows = [["课程", "1234567"], ["e\u0301te\u0301", "3"], ["ascii", ""]]
    lines = laid_out(["watch", "new"], rows, figures=[False, True], width=80, rule="─")
    assert lines == [
        "watch      new",
        "──────────────",
        "课程   1234567",
        "e\u0301te\u0301          3",
        "ascii        -",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_heads_and_texts_wrap_at_words_before_a_table_is_stacked(width: int) -> None:
    columns = ["watch", "oldest pending", "last complete scan", "excluded"]
    row = [
        "videos",
        "1234567 s",
        "2026-11-30T18:25:40Z",
        "extension 12345, too_small 7, directory 1234567, junk 99",
    ]
    lines = laid_out(columns, [row], figures=[False] * 4, width=width, rule="-")
    assert max(map(len, lines)) <= width
    assert re.search(r"videos +1234567 s +2026-11-30T18:25:40Z +extension 12345,", "\n".join(lines))


def test_what_does_not_fit_is_stacked_and_empty_cells_are_left_out() -> None:
    columns = ["watch", "last complete scan", "breaker"]
    rows = [
        ["videos", "2026-11-30T18:25:40Z", ""],
        ["a" * 50, "never", "account arrears since long"],
    ]
    assert laid_out(columns, rows, figures=[False] * 3, width=40, rule="-") == [
        "watch               videos",
        "last complete scan  2026-11-30T18:25:40Z",
        "",
        "watch",
        "a" * 50,
        "last complete scan  never",
        "breaker             account arrears",
        "                    since long",
    ]


def test_a_table_of_many_rows_on_a_terminal_is_stacked_rather_than_misjudged() -> None:
    """Later rows may be wider than those that decided."""
    rows = ([str(n), "k" * (n // 100)] for n in range(3000))
    lines = list(streamed(["n", "key"], rows, width=80, rule="-"))
    assert lines[:3] == ["n    0", "", "n    1"]
    assert lines[-2:] == ["n    2999", f"key  {'k' * 29}"]
    assert next(iter(streamed(["n"], ([str(n)] for n in range(10)), width=80, rule="-"))) == "n"

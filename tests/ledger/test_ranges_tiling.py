"""Confirm range by range, against a model that knows which scan confirmed each key last."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.range_builders import KEYS, begin, confirm, listed, opened
from watcher.ledger.sqlite import ranges
from watcher.ledger.sqlite.invalidation import invalidate
from watcher.model import Range, ScanBegun

if TYPE_CHECKING:
    import sqlite3

BOUNDS = ["", *KEYS]
CELLS = [*KEYS, None]  # each ends at a key, the last one at the end


class Cell(NamedTuple):
    """The range that one key belongs to, in the model."""

    place: tuple[str, str | None]
    scan: int  # 0: what was left of a range that another one cut
    listed: int
    digest: bytes


class Model:
    """Who confirmed each key last."""

    def __init__(self) -> None:
        self.cells: dict[str | None, Cell] = {}

    def confirm(self, scan: int, found: Range) -> None:
        inside = [cell for cell in CELLS if covers(found, cell)]
        cut = {self.cells[cell].place for cell in inside if cell in self.cells}
        for cell, known in self.cells.items():
            if known.place in cut:
                self.cells[cell] = known._replace(scan=0, digest=b"")
        for cell in inside:
            self.cells[cell] = Cell((found.lo, found.hi), scan, found.listed, found.digest)

    def doubt(self, key: str) -> None:
        if key in self.cells:
            place = self.cells[key].place
            self.cells = {
                cell: known._replace(digest=b"") if known.place == place and known.scan else known
                for cell, known in self.cells.items()
            }

    def total(self, scan: int) -> int | None:
        """Return how many objects a complete scan listed, None if it is not complete."""
        if len(self.cells) < len(CELLS) or any(known.scan != scan for known in self.cells.values()):
            return None
        return self.seen(scan)

    def seen(self, scan: int) -> int:
        """Return how many objects a scan listed so far."""
        return sum(
            {
                known.place: known.listed for known in self.cells.values() if known.scan == scan
            }.values()
        )


def covers(found: Range, cell: str | None) -> bool:
    if cell is None:
        return found.hi is None
    return found.lo < cell and (found.hi is None or cell <= found.hi)


@st.composite
def some_range(draw: st.DrawFn) -> Range:
    lo = draw(st.sampled_from(BOUNDS))
    hi = draw(st.sampled_from([*KEYS[BOUNDS.index(lo) :], None]))
    return listed(
        lo, hi, digest=draw(st.sampled_from([b"", b"D", b"E"])), n=draw(st.integers(0, 9))
    )


steps = st.lists(
    st.one_of(
        some_range(),
        st.sampled_from(
            [Range(lo="", hi=None, listed=7), "again the same", "fill", "another scan", "cut short"]
        ),
        st.tuples(st.just("doubt"), st.sampled_from(KEYS)),
    ),
    max_size=30,
)


@given(steps)
@settings(max_examples=300, deadline=None)
def test_ranges_never_overlap_and_are_complete_only_if_one_scan_confirmed_all(
    found: list[Any],
) -> None:
    with closing(opened()) as db:
        model, begun = Model(), begin(db)
        for step in found:
            begun = apply(db, model, begun, step)
            assert_same(db, model, begun)


def apply(db: sqlite3.Connection, model: Model, begun: ScanBegun, step: Any) -> ScanBegun:
    """Apply one step to both; return the scan that is under way."""
    match step:
        case Range():
            put(db, model, begun, step)
        case "again the same":
            for each, _ in ranges.remembered_ranges(db, begun, ""):
                put(db, model, begun, each)
        case "fill":
            at: str | None = ""
            for each, _ in [
                *ranges.remembered_ranges(db, begun, ""),
                (Range(lo="~", hi=None), False),
            ]:
                if at is not None and at < each.lo:
                    put(db, model, begun, listed(at, None if each.lo == "~" else each.lo))
                at = each.hi
        case "doubt", key:
            invalidate(db, 1, key)
            model.doubt(key)
        case "another scan":
            ranges.forget(db, begun)
            return begin(db)
        case _:
            again, n = begin(db), model.seen(begun.number)
            assert (again.number == begun.number) == bool(n and model.total(begun.number) is None)
            assert again.listed == (n if again.number == begun.number else 0)
            return again
    return begun


def put(db: sqlite3.Connection, model: Model, begun: ScanBegun, found: Range) -> None:
    confirm(db, begun, found)
    model.confirm(begun.number, found)


def assert_same(db: sqlite3.Connection, model: Model, begun: ScanBegun) -> None:
    """Hold the table against the model."""
    known = ranges.remembered_ranges(db, begun, "")
    rows = {row.lo: row for row, _ in known}
    at: str | None = ""
    for each, is_confirmed in known:
        assert at is not None
        assert at <= each.lo
        assert each.hi is None or each.lo < each.hi
        inside = [model.cells[cell] for cell in CELLS if covers(each, cell)]
        assert {cell.digest for cell in inside} == {each.digest}
        assert {cell.scan == begun.number for cell in inside} == {is_confirmed}
        at = each.hi
    assert model.cells.keys() == {
        cell for cell in CELLS for each in rows.values() if covers(each, cell)
    }
    for after in BOUNDS:
        assert ranges.remembered_ranges(db, begun, after) == [
            pair for pair in known if pair[0].lo >= after
        ]
    totals, total = ranges.totals(db, begun), model.total(begun.number)
    assert (totals and totals.listed) == total
    assert (totals is None) == (total is None)

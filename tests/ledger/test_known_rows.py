"""Exactly those listed objects are looked at whose rows are missing, differ, or wait."""

from __future__ import annotations

import functools
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.ledger.sqlite.known_rows import _are_as_listed, to_look_at
from watcher.ledger.sqlite.migrations import MIGRATIONS
from watcher.model import ObjectInfo, Objects

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTLED = ("registered", "claimed", "pending", "refused")
OTHERWISE = ("of another watch", "parked", "gone", "archived")


def put(db: sqlite3.Connection, found: ObjectInfo, state: str) -> None:
    """Write a row as it is when all went as `state` says."""
    kinds = dict.fromkeys(("refused", "gone", "archived"), "failed") | dict.fromkeys(
        OTHERWISE[:2], "pending"
    )
    db.execute(
        """
        INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes, modified_at,
                           first_seen_at, due_at, media_id, reason)
        VALUES (1, ?, ?, ?, 0, ?, ?, ?, 0, ?, ?, ?)
        """,
        (
            *(found.key, 2 if state == "of another watch" else 1, kinds.get(state, state)),
            *(found.etag, found.size_bytes, found.modified_at, None if state == "parked" else 1),
            "M" if state == "registered" else None,
            state if kinds.get(state) == "failed" else None,
        ),
    )


def is_plainly_the_same(
    rows: Sequence[tuple[ObjectInfo, str]], listed: Sequence[ObjectInfo]
) -> bool:
    """Whether the rows of the range are just what is listed, and no line end is in the way."""
    between = [
        (found, state) for found, state in rows if listed[0].key <= found.key <= listed[-1].key
    ]
    is_same = [(found.key, found) for found, _ in sorted(between, key=lambda row: row[0].key)] == [
        (each.key, each) for each in listed
    ]
    are_settled = all(state in SETTLED for _, state in between)
    return is_same and are_settled and not any("\n" in each.key + each.etag for each in listed)


def looked_at(
    rows: Sequence[tuple[ObjectInfo, str]], listed: Sequence[ObjectInfo]
) -> list[ObjectInfo]:
    """Return what is looked at, by a ledger that holds these rows."""
    with closing(ledger(rows)) as db:
        worth, there = to_look_at(db, 1, 1, Objects.of(listed))
        if listed:
            assert _are_as_listed(db, 1, 1, Objects.of(listed)) == is_plainly_the_same(rows, listed)
    keys = {found.key for found, _ in rows}
    assert there is not None
    assert all((each.key in there) == (each.key in keys) for each in worth)
    return list(worth)


@functools.cache
def _migrated() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        MIGRATIONS.apply(db)
        return db.serialize()


def ledger(rows: Sequence[tuple[ObjectInfo, str]]) -> sqlite3.Connection:
    """Return a ledger that holds these rows."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.deserialize(_migrated())
    db.execute("PRAGMA foreign_keys = OFF")
    for found, state in rows:
        put(db, found, state)
    return db


keys = st.text(st.sampled_from("ab\n\0,é\U0001f3ac"), min_size=1, max_size=3)
texts = st.sampled_from(["E", "E\n", "\nE", "", "E, E", "\0"])
numbers = st.sampled_from([0, 1, 11, 2**50, -1])
versions = st.builds(ObjectInfo, st.just(""), texts, numbers, numbers)
states = st.sampled_from([*SETTLED * 4, *OTHERWISE])


@given(
    st.dictionaries(keys, st.tuples(versions, states), max_size=6),
    st.dictionaries(keys, versions, max_size=3),
    st.sets(keys, max_size=2),
)
def test_one_comparison_of_a_page_finds_what_comparing_each_row_finds(
    known: dict[str, tuple[ObjectInfo, str]], changed: dict[str, ObjectInfo], deleted: set[str]
) -> None:
    rows = {key: (replace(found, key=key), state) for key, (found, state) in known.items()}
    now = {key: found for key, (found, _) in rows.items()} | {
        k: replace(found, key=k) for k, found in changed.items()
    }
    listed = [now[key] for key in sorted(now) if key not in deleted]
    settled = {found for found, state in rows.values() if state in SETTLED}
    assert looked_at(list(rows.values()), listed) == [
        each for each in listed if each not in settled
    ]


@pytest.mark.parametrize(
    ("rows", "listed"),
    [
        ([("a\na", "E"), ("b", "E"), ("z", "E")], [("a", "E"), ("a\nb", "E"), ("z", "E")]),
        ([("a", "E\nE"), ("b", "E")], [("a", "E"), ("b", "E\nE")]),
        ([("a\nb", "E")], [("a", "E"), ("b", "E")]),
        ([("a", "E"), ("b", "E")], [("a\nb", "E")]),
        ([("a\0b", "E")], [("a", "E")]),
        ([("a", "E\0")], [("a", "E")]),
    ],
)
def test_values_that_are_equal_only_when_joined_are_looked_at(
    rows: list[tuple[str, str]], listed: list[tuple[str, str]]
) -> None:
    found = [(ObjectInfo(key, etag, 1, 1), "registered") for key, etag in rows]
    now = [ObjectInfo(key, etag, 1, 1) for key, etag in listed]
    assert looked_at(found, now) == [each for each in now if each not in {row for row, _ in found}]


@pytest.mark.parametrize("state", [*SETTLED, *OTHERWISE])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_entry_that_waits_to_be_listed_is_looked_at(state: str, place: int) -> None:
    page = [ObjectInfo(key, "E", 1, 1) for key in "abc"]
    rows = [(each, state if n == place else "registered") for n, each in enumerate(page)]
    assert looked_at(rows, page) == ([page[place]] if state in OTHERWISE else [])


@pytest.mark.parametrize("field", ["etag", "size_bytes", "modified_at"])
@pytest.mark.parametrize("place", [0, 499, 999])
def test_one_change_in_a_page_is_seen(field: str, place: int) -> None:
    page = [ObjectInfo(f"{n:04}", "E", n, n) for n in range(1000)]
    values = {"etag": "F", "size_bytes": 5000, "modified_at": 5000}
    now = [
        replace(each, **{field: values[field]}) if n == place else each  # type: ignore[arg-type]
        for n, each in enumerate(page)
    ]
    rows = [(each, "registered") for each in page]
    assert looked_at(rows, page) == []
    assert looked_at(rows, now) == [now[place]]
    assert looked_at([*rows[:place], *rows[place + 1 :]], page) == [page[place]]
    assert looked_at(rows, [*page[:place], *page[place + 1 :]]) == []


def test_however_many_rows_there_are_between_few_are_read() -> None:
    """Most of a bucket was deleted: the many rows between two keys become no text."""
    page = [ObjectInfo(f"{n:05}", "E", n, n) for n in range(0, 5000, 100)]
    statements: list[str] = []
    with closing(
        ledger([(ObjectInfo(f"{n:05}", "E", n, n), "registered") for n in range(5000)])
    ) as db:
        db.set_trace_callback(statements.append)
        worth, there = to_look_at(db, 1, 1, Objects.of(page))
    assert statements
    assert not any("group_concat" in statement for statement in statements)
    assert (list(worth), there) == (page, None)

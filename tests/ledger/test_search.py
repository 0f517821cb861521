"""Searches of a large ledger end in time, and resume where they stopped."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.ledgers import NOW, adopt, obj, record
from tests.support.page_fixture import opened
from tests.support.process_locks import locks
from watcher.ledger.sqlite import LedgerReader, search

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = [f"k/{n:03}-{'odd' if n % 3 == 0 else 'even'}" for n in range(100)]


@pytest.fixture
def reader(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerReader]:
    """A ledger of a hundred entries, read seven by seven."""
    monkeypatch.setattr(
        search, "_END_OF_STRETCH", search._END_OF_STRETCH.replace("OFFSET 19999", "OFFSET 6")
    )
    with opened(path) as ledger:
        adopt(ledger)
        record(ledger, *(obj(key, at=NOW) for key in KEYS))
        with LedgerReader(path, beside=True) as it:
            yield it


class Hurry:
    """A clock that reaches the deadline after `looks` calls."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def __call__(self) -> float:
        self.left -= 1
        return 0.0 if self.left > 0 else 9.0


def in_steps(reader: LedgerReader, text: str, *, looks: int) -> list[str]:
    """Return the keys found by searches that resume until every entry is read."""
    after, found = "", []
    for _ in range(500):
        result = reader.browsing.search(text, after=after, within_s=1, elapsed=Hurry(looks))
        found += [hit.key for hit in result.hits]
        after = result.go_on
        if not after:
            return found
    raise AssertionError(found)


@pytest.mark.parametrize("looks", [3, 4, 5, 8, 13, 1000])
def test_a_search_that_stopped_early_resumes_without_gap_or_double(
    reader: LedgerReader, looks: int
) -> None:
    assert in_steps(reader, "-odd", looks=looks) == [key for key in KEYS if "-odd" in key]


def test_a_search_out_of_time_says_so(reader: LedgerReader) -> None:
    result = reader.browsing.search("-odd", within_s=1, elapsed=Hurry(3))
    assert result.late
    assert result.go_on
    assert not reader.browsing.search("-odd", within_s=1, elapsed=lambda: 0.0).late


def test_a_search_with_enough_hits_is_not_late(reader: LedgerReader) -> None:
    result = reader.browsing.search("-", within_s=1, elapsed=lambda: 0.0)
    assert [hit.key for hit in result.hits] == KEYS[:50]
    assert not result.late
    rest = reader.browsing.search("-", after=result.go_on, within_s=1, elapsed=lambda: 0.0)
    assert [hit.key for hit in rest.hits] == KEYS[50:]
    last = reader.browsing.search("-", after=rest.go_on, within_s=1, elapsed=lambda: 0.0)
    assert (last.hits, last.go_on) == ((), "")


def test_a_whole_key_is_found_without_any_time(reader: LedgerReader) -> None:
    result = reader.browsing.search(KEYS[77], within_s=0, elapsed=lambda: 9.0)
    assert [hit.key for hit in result.hits] == [KEYS[77]]
    assert not result.late


def test_the_beginning_of_a_key_is_found_without_any_time(reader: LedgerReader) -> None:
    result = reader.browsing.search("k/09", within_s=0, elapsed=lambda: 9.0)
    assert [hit.key for hit in result.hits] == KEYS[90:]
    assert result.late


def test_the_deadline_interrupts_a_statement(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_INSTRUCTIONS", 100)
    with opened(path) as ledger:
        adopt(ledger)
        record(ledger, *(obj(key) for key in KEYS))
        with LedgerReader(path, beside=True) as reader:
            assert reader.browsing.search("odd", within_s=1, elapsed=Hurry(2)).late
            assert reader.status()[0].pending == 100  # the connection still works


def test_a_reader_beside_the_writer_drops_no_lock(path: Path) -> None:
    """To close the file by hand would drop SQLite's locks of the whole process."""
    with opened(path) as ledger:
        adopt(ledger)
        before = locks(path, os.getpid())
        with LedgerReader(path, beside=True):
            pass
        assert before
        assert locks(path, os.getpid()) == before

"""Searches of a large ledger: they end in time, say where they stopped, and go on from there without a gap."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.ledgers import NOW, adopt, obj, record
from tests.locked import locks
from tests.watching import opened
from watcher.ledger import LedgerReader, browsing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = [f"k/{n:03}-{'odd' if n % 3 == 0 else 'even'}" for n in range(100)]


@pytest.fixture
def reader(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerReader]:
    """A ledger of a hundred entries, looked at seven by seven."""
    monkeypatch.setattr(browsing, "_END_OF_STRETCH", browsing._END_OF_STRETCH.replace("OFFSET 19999", "OFFSET 6"))
    with opened(path) as ledger:
        adopt(ledger)
        record(ledger, *(obj(key, at=NOW) for key in KEYS))
        with LedgerReader(path, beside=True) as it:
            yield it


class Hurry:
    """Time that runs out after so many looks at the clock."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def __call__(self) -> float:
        self.left -= 1
        return 0.0 if self.left > 0 else 9.0


def in_steps(reader: LedgerReader, text: str, *, looks: int) -> list[str]:
    """Return the keys found, going on until all was searched."""
    after, found = "", []
    for _ in range(500):
        result = reader.browsing.search(text, after=after, within_s=1, elapsed=Hurry(looks))
        found += [hit.key for hit in result.hits]
        after = result.go_on
        if not after:
            return found
    raise AssertionError(found)


@pytest.mark.parametrize("looks", [3, 4, 5, 8, 13, 1000])
def test_a_search_that_stops_early_goes_on_without_a_gap_or_a_double(reader: LedgerReader, looks: int) -> None:
    assert in_steps(reader, "-odd", looks=looks) == [key for key in KEYS if "-odd" in key]


def test_a_search_out_of_time_says_so(reader: LedgerReader) -> None:
    result = reader.browsing.search("-odd", within_s=1, elapsed=Hurry(3))
    assert result.late
    assert result.go_on
    assert not reader.browsing.search("-odd", within_s=1, elapsed=lambda: 0.0).late


def test_enough_is_as_good_as_a_feast(reader: LedgerReader) -> None:
    result = reader.browsing.search("-", within_s=1, elapsed=lambda: 0.0)
    assert [hit.key for hit in result.hits] == KEYS[:50]
    assert not result.late
    rest = reader.browsing.search("-", after=result.go_on, within_s=1, elapsed=lambda: 0.0)
    assert [hit.key for hit in rest.hits] == KEYS[50:]
    last = reader.browsing.search("-", after=rest.go_on, within_s=1, elapsed=lambda: 0.0)
    assert (last.hits, last.go_on) == ((), "")


def test_a_whole_key_is_found_with_no_time_at_all(reader: LedgerReader) -> None:
    result = reader.browsing.search(KEYS[77], within_s=0, elapsed=lambda: 9.0)
    assert [hit.key for hit in result.hits] == [KEYS[77]]
    assert not result.late


def test_how_a_key_begins_is_found_with_no_time_at_all(reader: LedgerReader) -> None:
    result = reader.browsing.search("k/09", within_s=0, elapsed=lambda: 9.0)
    assert [hit.key for hit in result.hits] == KEYS[90:]
    assert result.late


def test_a_statement_is_given_up_in_the_midst_of_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "_INSTRUCTIONS", 100)
    with opened(path) as ledger:
        adopt(ledger)
        record(ledger, *(obj(key) for key in KEYS))
        with LedgerReader(path, beside=True) as reader:
            assert reader.browsing.search("odd", within_s=1, elapsed=Hurry(2)).late
            assert reader.status()[0].pending == 100  # the connection is as good as before


def test_a_reader_beside_the_writer_takes_no_lock_off_it(path: Path) -> None:
    """Opening and closing the file by hand would drop the locks that SQLite holds for the whole process."""
    with opened(path) as ledger:
        adopt(ledger)
        before = locks(path, os.getpid())
        with LedgerReader(path, beside=True):
            pass
        assert before
        assert locks(path, os.getpid()) == before

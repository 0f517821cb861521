"""The memory of a listing: the next one trusts it, resumes it, or reads a part of it again."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.range_builders import (
    DAY,
    KEYS,
    NOW,
    begin,
    confirm,
    digests,
    listed,
    opened,
    whole,
)
from watcher.ledger.sqlite import ranges
from watcher.ledger.sqlite.invalidation import invalidate, is_invalidated
from watcher.model import Range, ScanTotals

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


@pytest.fixture(name="db")
def migrated() -> Iterator[sqlite3.Connection]:
    """Tables of three watches, two of them over bucket 1."""
    with closing(opened()) as db:
        yield db


# Invalidated


@given(
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=5, unique=True).map(sorted),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=5, unique=True).map(sorted),
    st.sampled_from(KEYS),
)
@settings(max_examples=100, deadline=None)
def test_exactly_the_ranges_that_hold_a_key_are_invalidated_in_all_listings_of_its_bucket(
    one: list[str], other: list[str], key: str
) -> None:
    with closing(opened()) as db:
        for watch_id, cuts in ((1, one), (2, other), (3, one)):
            begun = begin(db, watch_id)
            bounds = ["", *cuts, None]
            confirm(db, begun, *(listed(str(lo), hi) for lo, hi in itertools.pairwise(bounds)))
        before = digests(db)

        invalidate(db, 1, key)

        unknown = {
            (watch_id, max(["", *(cut for cut in cuts if cut < key)]))
            for watch_id, cuts in ((1, one), (2, other))
        }
        assert digests(db) == before | dict.fromkeys(unknown, b"")


def test_a_key_between_two_ranges_invalidates_neither(db: sqlite3.Connection) -> None:
    confirm(db, begin(db), listed("", "f"), listed("m", None))
    before = digests(db)
    invalidate(db, 1, "g")
    assert digests(db) == before


@pytest.mark.parametrize("lo", ["", "f"])
def test_a_range_that_is_invalidated_while_it_is_asked_for_is_invalidated(
    db: sqlite3.Connection, lo: str
) -> None:
    """Also where empty neighbours below were asked for with it."""
    begun = begin(db)
    confirm(db, begun, listed("", "f", digest=b"", n=0), listed("f", "m"), listed("m", None))
    asked = listed(lo, "m")
    assert not is_invalidated(db, begun, asked)
    assert not is_invalidated(db, begun, listed("m", None))
    invalidate(db, 1, "g")
    assert is_invalidated(db, begun, asked)
    assert not is_invalidated(db, begun, listed("m", None))


# Trusted


def test_a_complete_scan_is_trusted_until_the_next_full_one_is_due(db: sqlite3.Connection) -> None:
    first = begin(db)
    assert (first.uses_digests, first.digests) == (False, True)
    whole(db, first)
    second = begin(db, now_ms=NOW + DAY - 1)
    assert second.uses_digests
    whole(db, second)
    assert not begin(db, now_ms=NOW + DAY).uses_digests  # trusting scans put nothing off
    assert not begin(db, full_every_ms=0).uses_digests
    assert not begin(db, now_ms=NOW - 1).uses_digests


@pytest.mark.parametrize(
    "more",
    [{"decision_digest": "other"}, {"source": "oss://b/other/"}, {"kind": "backfill"}],
    ids=str,
)
def test_ranges_of_other_rules_or_of_another_source_are_not_trusted(
    db: sqlite3.Connection, more: dict[str, Any]
) -> None:
    whole(db, begin(db))
    assert begin(db).uses_digests
    assert not begin(db, **more).uses_digests
    assert not begin(db, 2).uses_digests


def test_another_source_remembers_nothing_of_the_first(db: sqlite3.Connection) -> None:
    whole(db, begin(db))
    begun = begin(db, source="oss://b/other/")
    assert ranges.remembered_ranges(db, begun, "") == []


def test_a_row_deleted_by_hand_makes_the_next_scan_trust_nothing(db: sqlite3.Connection) -> None:
    db.execute(
        """
        INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes, modified_at,
                           first_seen_at)
        VALUES (2, 'a', 3, 'pending', 0, 'E', 1, 1, 1)
        """
    )
    whole(db, begin(db))
    interrupted = begin(db)
    confirm(db, interrupted, listed("", "m"))
    db.execute("DELETE FROM entry")
    begun = begin(db)
    assert not begun.uses_digests
    assert begun.number > interrupted.number
    assert not any(is_confirmed for _, is_confirmed in ranges.remembered_ranges(db, begun, ""))
    whole(db, begun)
    assert begin(db).uses_digests


def test_a_row_deleted_while_a_full_scan_is_under_way_lets_it_count_for_nothing(
    db: sqlite3.Connection,
) -> None:
    begun = begin(db)
    db.execute("UPDATE deletions SET n = n + 1")
    whole(db, begun)
    assert not begin(db).uses_digests


# Interrupted


def test_an_interrupted_scan_is_resumed_with_its_counts(
    db: sqlite3.Connection,
) -> None:
    begun = begin(db)
    confirm(db, begun, Range(lo="", hi="f", listed=3, matched=2, excluded={"extension": 1}))
    confirm(db, begun, Range(lo="m", hi="p", listed=4, matched=3, excluded={"extension": 1}))
    again = begin(db, now_ms=NOW + 1)
    assert (again.number, again.started_at) == (begun.number, NOW)
    assert (again.listed, again.matched, again.excluded) == (7, 5, {"extension": 2})
    assert [
        (each.lo, is_confirmed) for each, is_confirmed in ranges.remembered_ranges(db, again, "")
    ] == [
        ("", True),
        ("m", True),
    ]
    confirm(db, again, listed("f", "m"), listed("p", None))
    assert ranges.totals(db, again) == ScanTotals(listed=9, matched=7, excluded={"extension": 2})


@pytest.mark.parametrize(
    "more", [{"decision_digest": "other"}, {"source": "oss://b/other/"}], ids=str
)
def test_a_scan_that_was_interrupted_under_other_rules_begins_again(
    db: sqlite3.Connection, more: dict[str, Any]
) -> None:
    begun = begin(db)
    confirm(db, begun, listed("", "f"))
    again = begin(db, **more)
    assert again.number > begun.number
    assert (again.started_at, again.listed) == (0, 0)


def test_a_full_scan_does_not_resume_one_that_trusted_ranges(db: sqlite3.Connection) -> None:
    whole(db, begin(db))
    trusting = begin(db)
    confirm(db, trusting, listed("", "f"))
    assert begin(db).number == trusting.number
    assert begin(db, full_every_ms=0).number > trusting.number


def test_a_scan_that_lacked_only_its_end_begins_again(db: sqlite3.Connection) -> None:
    begun = begin(db)
    confirm(db, begun, listed("", None))
    again = begin(db)
    assert again.number > begun.number
    assert ranges.totals(db, again) is None


def test_a_scan_that_saw_no_object_begins_again(db: sqlite3.Connection) -> None:
    """Objects may have come since: with an empty rest, the bucket would look empty."""
    begun = begin(db)
    confirm(db, begun, listed("", "m", n=0))
    assert begin(db).number > begun.number


def test_a_forgotten_scan_begins_again_and_is_not_trusted(db: sqlite3.Connection) -> None:
    whole(db, begin(db))
    begun = begin(db)
    confirm(db, begun, listed("", "f"))
    ranges.forget(db, begun)
    again = begin(db)
    assert again.number > begun.number
    assert not again.uses_digests


def test_a_scan_that_another_has_overtaken_leaves_no_trace(db: sqlite3.Connection) -> None:
    """Its decisions under other rules must not be trusted under the present ones."""
    slow = begin(db, decision_digest="old")
    confirm(db, slow, listed("", "m"))
    quick = begin(db)
    whole(db, quick)
    known = ranges.remembered_ranges(db, quick, "")
    confirm(db, slow, listed("m", None, digest=b"E"))
    assert ranges.remembered_ranges(db, quick, "") == known


def test_where_most_ranges_changed_none_is_remembered_until_a_full_scan_is_complete(
    db: sqlite3.Connection,
) -> None:
    whole(db, begin(db))
    begun = begin(db)
    confirm(db, begun, listed("", None))
    ranges.close(db, begun, mostly_changed=True)
    for _ in range(2):
        plain = begin(db)
        assert (plain.uses_digests, plain.digests) == (False, False)
        whole(db, plain)
    full = begin(db, full_every_ms=0)
    assert (full.uses_digests, full.digests) == (False, True)
    whole(db, full)
    assert begin(db).uses_digests

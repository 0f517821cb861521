"""What is remembered of a listing: whether the next one trusts it, goes on with it, or doubts a part of it."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.remembered import DAY, KEYS, NOW, begin, confirm, digests, listed, opened, whole
from watcher.ledger import ranges
from watcher.model import Range, ScanTotals

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


@pytest.fixture(name="db")
def migrated() -> Iterator[sqlite3.Connection]:
    """Tables of three watches, two of them over bucket 1."""
    with closing(opened()) as db:
        yield db


# Doubts


@given(
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=5, unique=True).map(sorted),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=5, unique=True).map(sorted),
    st.sampled_from(KEYS),
)
@settings(max_examples=100, deadline=None)
def test_a_doubt_makes_exactly_the_ranges_unknown_that_hold_the_key_in_all_listings_of_its_bucket(
    one: list[str], other: list[str], key: str
) -> None:
    with closing(opened()) as db:
        for watch_id, cuts in ((1, one), (2, other), (3, one)):
            begun = begin(db, watch_id)
            bounds = ["", *cuts, None]
            confirm(db, begun, *(listed(str(lo), hi) for lo, hi in itertools.pairwise(bounds)))
        before = digests(db)

        ranges.doubt(db, 1, key)

        unknown = {
            (watch_id, max(["", *(cut for cut in cuts if cut < key)])) for watch_id, cuts in ((1, one), (2, other))
        }
        assert digests(db) == before | dict.fromkeys(unknown, b"")


def test_a_doubt_of_a_key_between_two_ranges_concerns_neither(db: sqlite3.Connection) -> None:
    confirm(db, begin(db), listed("", "f"), listed("m", None))
    before = digests(db)
    ranges.doubt(db, 1, "g")
    assert digests(db) == before


@pytest.mark.parametrize("lo", ["", "f"])
def test_what_was_doubted_while_it_was_asked_for_is_doubted(db: sqlite3.Connection, lo: str) -> None:
    """Also where empty neighbours below were asked for with it."""
    begun = begin(db)
    confirm(db, begun, listed("", "f", digest=b"", n=0), listed("f", "m"), listed("m", None))
    asked = listed(lo, "m")
    assert not ranges.is_doubted(db, begun, asked)
    assert not ranges.is_doubted(db, begun, listed("m", None))
    ranges.doubt(db, 1, "g")
    assert ranges.is_doubted(db, begun, asked)
    assert not ranges.is_doubted(db, begun, listed("m", None))


# Whom the next scan trusts


def test_a_complete_scan_is_trusted_until_the_next_full_one_is_due(db: sqlite3.Connection) -> None:
    first = begin(db)
    assert (first.trusts, first.digests) == (False, True)
    whole(db, first)
    second = begin(db, now_ms=NOW + DAY - 1)
    assert second.trusts
    whole(db, second)
    assert not begin(db, now_ms=NOW + DAY).trusts  # trusting scans put nothing off
    assert not begin(db, full_every_ms=0).trusts
    assert not begin(db, now_ms=NOW - 1).trusts


@pytest.mark.parametrize("more", [{"basis": "other"}, {"source": "oss://b/other/"}, {"kind": "backfill"}], ids=str)
def test_what_was_decided_otherwise_or_elsewhere_is_not_trusted(db: sqlite3.Connection, more: dict[str, Any]) -> None:
    whole(db, begin(db))
    assert begin(db).trusts
    assert not begin(db, **more).trusts
    assert not begin(db, 2).trusts


def test_another_source_has_nothing_of_the_first(db: sqlite3.Connection) -> None:
    whole(db, begin(db))
    begun = begin(db, source="oss://b/other/")
    assert ranges.ahead(db, begun, "") == []


def test_a_row_deleted_by_hand_makes_the_next_scan_trust_nothing(db: sqlite3.Connection) -> None:
    db.execute(
        """
        INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes, modified_at, first_seen_at)
        VALUES (2, 'a', 3, 'pending', 0, 'E', 1, 1, 1)
        """
    )
    whole(db, begin(db))
    cut_short = begin(db)
    confirm(db, cut_short, listed("", "m"))
    db.execute("DELETE FROM entry")
    begun = begin(db)
    assert not begun.trusts
    assert begun.number > cut_short.number
    assert not any(is_confirmed for _, is_confirmed in ranges.ahead(db, begun, ""))
    whole(db, begun)
    assert begin(db).trusts


def test_a_row_deleted_while_a_full_scan_is_under_way_lets_it_count_for_nothing(db: sqlite3.Connection) -> None:
    begun = begin(db)
    db.execute("UPDATE deletions SET n = n + 1")
    whole(db, begun)
    assert not begin(db).trusts


# Cut short


def test_a_scan_that_was_cut_short_is_gone_on_with_and_brings_its_counts(db: sqlite3.Connection) -> None:
    begun = begin(db)
    confirm(db, begun, Range(lo="", hi="f", listed=3, matched=2, excluded={"extension": 1}))
    confirm(db, begun, Range(lo="m", hi="p", listed=4, matched=3, excluded={"extension": 1}))
    again = begin(db, now_ms=NOW + 1)
    assert (again.number, again.started_at) == (begun.number, NOW)
    assert (again.listed, again.matched, again.excluded) == (7, 5, {"extension": 2})
    assert [(each.lo, is_confirmed) for each, is_confirmed in ranges.ahead(db, again, "")] == [("", True), ("m", True)]
    confirm(db, again, listed("f", "m"), listed("p", None))
    assert ranges.totals(db, again) == ScanTotals(listed=9, matched=7, excluded={"extension": 2})


@pytest.mark.parametrize("more", [{"basis": "other"}, {"source": "oss://b/other/"}], ids=str)
def test_one_that_was_cut_short_under_other_terms_is_begun_anew(db: sqlite3.Connection, more: dict[str, Any]) -> None:
    begun = begin(db)
    confirm(db, begun, listed("", "f"))
    again = begin(db, **more)
    assert again.number > begun.number
    assert (again.started_at, again.listed) == (0, 0)


def test_one_that_trusted_is_not_gone_on_with_by_one_that_must_not(db: sqlite3.Connection) -> None:
    whole(db, begin(db))
    trusting = begin(db)
    confirm(db, trusting, listed("", "f"))
    assert begin(db).number == trusting.number
    assert begin(db, full_every_ms=0).number > trusting.number


def test_one_that_lacked_only_its_end_is_begun_anew(db: sqlite3.Connection) -> None:
    begun = begin(db)
    confirm(db, begun, listed("", None))
    again = begin(db)
    assert again.number > begun.number
    assert ranges.totals(db, again) is None


def test_one_that_saw_no_object_is_begun_anew(db: sqlite3.Connection) -> None:
    """Objects may have come since: together with an empty rest it would look like an empty bucket."""
    begun = begin(db)
    confirm(db, begun, listed("", "m", n=0))
    assert begin(db).number > begun.number


def test_one_that_is_forgotten_is_begun_anew_and_not_trusted(db: sqlite3.Connection) -> None:
    whole(db, begin(db))
    begun = begin(db)
    confirm(db, begun, listed("", "f"))
    ranges.forget(db, begun)
    again = begin(db)
    assert again.number > begun.number
    assert not again.trusts


def test_one_that_another_has_overtaken_leaves_no_trace(db: sqlite3.Connection) -> None:
    """What it decides under other rules must not be trusted under the present ones."""
    slow = begin(db, basis="old")
    confirm(db, slow, listed("", "m"))
    quick = begin(db)
    whole(db, quick)
    known = ranges.ahead(db, quick, "")
    confirm(db, slow, listed("m", None, digest=b"E"))
    assert ranges.ahead(db, quick, "") == known


def test_where_most_ranges_changed_none_is_remembered_until_a_full_scan_is_complete(db: sqlite3.Connection) -> None:
    whole(db, begin(db))
    begun = begin(db)
    confirm(db, begun, listed("", None))
    ranges.close(db, begun, mostly_changed=True)
    for _ in range(2):
        plain = begin(db)
        assert (plain.trusts, plain.digests) == (False, False)
        whole(db, plain)
    full = begin(db, full_every_ms=0)
    assert (full.trusts, full.digests) == (False, True)
    whole(db, full)
    assert begin(db).trusts

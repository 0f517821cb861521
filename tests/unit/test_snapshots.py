"""A snapshot never replaces a later version, and it confirms no range."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.ledgers import (
    HOUR,
    NOW,
    adopt,
    begin,
    claim,
    counts,
    finish,
    obj,
    record,
    settle,
    sleep,
    states,
)
from watcher.discovery.listing.snapshot import SnapshotPieces
from watcher.discovery.listing.trust import DigestTrust
from watcher.discovery.pieces import RememberedRanges
from watcher.ledger.sqlite import Ledger, LedgerReader, ProcessLock, create
from watcher.model import (
    Accepted,
    Failure,
    Found,
    ListingCost,
    ObjectInfo,
    Objects,
    Page,
    Range,
    Recorded,
    Refused,
    ScanTotals,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as opened:
        assert lock.try_acquire()
        adopt(opened)
        yield opened


def snap(ledger: Ledger, *objects: ObjectInfo, as_of: int = NOW) -> Recorded:
    """Record a page of a snapshot."""
    found = Objects.of(sorted(objects, key=lambda each: each.key))
    page = Found(range=Range(lo="", hi="", listed=len(found)), objects=found, at=NOW, as_of=as_of)
    begun = begin(ledger, kind="backfill")
    return ledger.discovery.record(
        "w", [page], begun=begun, started_at=NOW, now_ms=NOW, began_ms=NOW
    )


def known(path: Path) -> dict[str, tuple[str, int, bool, str]]:
    """Return by key the ETag, the instant, whether it is changed, and the state."""
    with LedgerReader(path) as reader:
        return {
            entry.key: (
                entry.etag,
                round(entry.modified_at.timestamp() * 1000),
                entry.changed,
                entry.state,
            )
            for entry in reader.entries(lambda *_: "")
        }


_versions = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.integers(0, 3), st.sampled_from(["E1", "E2"]))
)


@given(seen=_versions, pictured=_versions, n_claimed=st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_of_each_object_the_later_version_stands(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    seen: dict[str, tuple[int, str]],
    pictured: dict[str, tuple[int, str]],
    n_claimed: int,
) -> None:
    """Seen, registered or pending; of two from the same second the listed one stands."""
    path = tmp_path_factory.mktemp("snapshot") / "ledger.db"
    create(path)
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        assert lock.try_acquire()
        adopt(ledger)
        record(
            ledger, *(obj(key, etag=etag, at=NOW + second) for key, (second, etag) in seen.items())
        )
        if claimed := claim(ledger, most=n_claimed) if n_claimed else None:
            settle(ledger, claimed, Accepted(media_id="m", new_register=True))
        before = known(path)

        recorded = snap(
            ledger,
            *(obj(key, etag=etag, at=NOW + second) for key, (second, etag) in pictured.items()),
        )

        after = known(path)
    later = {key for key in seen.keys() & pictured.keys() if pictured[key][0] > seen[key][0]}
    assert recorded.new == len(pictured.keys() - seen.keys())
    assert set(after) == seen.keys() | pictured.keys()
    assert {key: after[key] for key in seen.keys() - later} == {
        key: before[key] for key in seen.keys() - later
    }
    assert all(after[key][:2] == (pictured[key][1], NOW + pictured[key][0]) for key in later)
    overwritten = {
        key for key in later if before[key][3] == "registered" and pictured[key][1] != seen[key][1]
    }
    assert set(recorded.changed) == overwritten == {key for key in after if after[key][2]}


@pytest.mark.parametrize(("as_of", "state"), [(NOW - 1, "failed"), (NOW + HOUR, "pending")])
@pytest.mark.parametrize("reason", [Failure.GONE, Failure.ARCHIVED])
def test_an_entry_that_failed_as_gone_is_back_only_if_the_snapshot_was_taken_later(
    ledger: Ledger, path: Path, as_of: int, state: str, reason: Failure
) -> None:
    """And a dry run shows the same."""
    record(ledger, obj("a"))
    settle(
        ledger,
        claim(ledger) or pytest.fail("nothing"),
        Refused(reason=reason, message="", final=True),
    )
    with LedgerReader(path) as reader:
        would = reader.would_be_new("b", [obj("a")], now_ms=NOW, began_ms=NOW, as_of=as_of)
    snap(ledger, obj("a"), as_of=as_of)
    assert states(path) == {"a": state}
    assert would == ({"a"} if state == "pending" else set())


@pytest.mark.parametrize(
    ("at", "state"), [(NOW - 1000, "failed"), (NOW, "failed"), (NOW + 1000, "pending")]
)
def test_only_a_later_version_of_a_failed_object_starts_afresh(
    ledger: Ledger, path: Path, at: int, state: str
) -> None:
    record(ledger, obj("a"))
    settle(
        ledger,
        claim(ledger) or pytest.fail("nothing"),
        Refused(reason=Failure.REFUSED, message="", final=True),
    )
    other = obj("a", etag="E2", at=at)
    with LedgerReader(path) as reader:
        would = reader.would_be_new("b", [other], now_ms=NOW, began_ms=NOW, as_of=NOW)
    snap(ledger, other)
    assert states(path) == {"a": state}
    assert would == ({"a"} if state == "pending" else set())


def test_a_page_over_a_wide_range_is_compared_object_by_object(ledger: Ledger, path: Path) -> None:
    """Though more rows lie between its first key and its last than are read at once."""
    record(ledger, *(obj(f"{n:05}", at=NOW - 1) for n in range(6000)))
    page = [
        obj("00000", at=NOW - 1),
        obj("02999x"),
        obj("05000", etag="E2"),
        obj("05999", etag="E2", at=NOW - 2),
    ]

    recorded = snap(ledger, *page)

    assert recorded.new == 1
    rows = known(path)
    assert len(rows) == 6001
    assert [rows[each.key][0] for each in page] == ["E1", "E1", "E2", "E1"]


def test_it_confirms_no_range_and_is_complete_by_its_counts(ledger: Ledger, path: Path) -> None:
    finish(ledger)
    snap(ledger, obj("a"), obj("b"))
    begun = begin(ledger, kind="backfill")
    finish_scan = partial(
        ledger.discovery.finish_scan,
        "w",
        begun=begun,
        cost=ListingCost(calls=1, n_bytes=1, took_ms=1),
        started_at=NOW,
        now_ms=NOW,
        mostly_changed=False,
    )
    counted = ScanTotals(listed=5, matched=2, excluded={"extension": 3})
    assert list(ledger.discovery.remembered_ranges(begun, "")) == []
    assert finish_scan(counted=counted) is None
    assert finish_scan(counted=counted, by_ranges=False) == counted
    assert counts(path)[0] == 2


_NOTHING = RememberedRanges(
    after=lambda _key: (), trust=DigestTrust(holds=False), makes_digests=False
)


class _Snapshot:
    """Pages as they are given."""

    as_of = calls = n_bytes = 0

    def __init__(self, *pages: Page) -> None:
        self._pages = pages

    def pages(self) -> Iterator[Page]:
        return iter(self._pages)


def _page(keys: Sequence[str] = (), raw: Sequence[bytes] = (), *, is_last: bool = False) -> Page:
    objects = Objects.of(obj(key) for key in sorted(keys))
    return Page(objects=objects, at=NOW, last_key="", is_last=is_last, not_utf8=tuple(raw))


_keys = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3), unique=True
)
_bound = st.text(st.characters(exclude_categories=["Cs"]), max_size=2)


@given(pages=st.lists(_keys), above=_bound, upto=st.none() | _bound)
def test_only_keys_between_the_bounds_are_let_through_in_byte_order(
    *, pages: list[list[str]], above: str, upto: str | None
) -> None:
    keys = [key for page in pages for key in page]
    snapshot = _Snapshot(*map(_page, pages), _page(is_last=True))
    source = SnapshotPieces(snapshot, above=above, upto=upto)
    found = list(source.pieces(_NOTHING))
    assert source.is_complete
    within = [
        key
        for key in keys
        if key.encode() > above.encode() and (upto is None or key.encode() <= upto.encode())
    ]
    assert sorted(key for piece in found for key in piece.objects.keys) == sorted(within)
    assert [piece.hi for piece in found] == [""] * len(pages) + [None]


def test_raw_keys_are_bounded_by_their_bytes() -> None:
    raw = (b"a\xff", b"b\xff", b"c\xff")
    snapshot = _Snapshot(_page(raw=raw), _page(is_last=True))
    (piece, _) = SnapshotPieces(snapshot, above="b", upto="c").pieces(_NOTHING)
    assert piece.not_utf8 == 1

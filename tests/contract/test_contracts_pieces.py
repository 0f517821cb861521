"""`PieceSource` promises the same of a bucket, a list of keys and an inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.piece_sources import FIXTURES, fixture, remembered
from watcher.errors import CloudError
from watcher.model import Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.piece_sources import Fixture
    from watcher.discovery.pieces import Piece

KEYS = ["a", "a b+%.mp4", "a/é.mp4", "b/1", "b/2", "\ue000", "\uffff", "\U00010000", "中 文/🎬.mp4"]
IN_ORDER = sorted(KEYS, key=str.encode)


@pytest.fixture(params=FIXTURES)
def listed(request: pytest.FixtureRequest) -> Iterator[Fixture]:
    made = fixture(request.param, KEYS, lambda: request.getfixturevalue("sandbox"))
    yield made
    made.store.close()


def keys_of(pieces: Sequence[Piece]) -> list[str]:
    return sorted(key for piece in pieces for key in piece.objects.keys)


def test_each_object_comes_once_in_ascending_pieces_and_the_listing_is_complete(
    listed: Fixture,
) -> None:
    source = listed.source()
    pieces = list(source.pieces(remembered()))
    assert keys_of(pieces) == sorted(KEYS)
    assert all(piece.objects.keys == sorted(piece.objects.keys) for piece in pieces)
    assert all(piece.at for piece in pieces)
    assert source.is_complete
    assert source.calls > 0


def test_pieces_that_prove_completeness_tile_all_keys_and_others_end_with_a_last_one(
    listed: Fixture,
) -> None:
    source = listed.source()
    pieces = list(source.pieces(remembered()))
    if not source.proves_completeness:
        assert [piece.hi for piece in pieces] == [""] * (len(pieces) - 1) + [None]
        assert source.as_of
        return
    assert source.as_of is None
    at: str | None = ""
    for piece in sorted(pieces, key=lambda piece: piece.lo):
        assert piece.lo == at
        assert all(
            piece.lo < key and (piece.hi is None or key <= piece.hi) for key in piece.objects.keys
        )
        at = piece.hi
    assert at is None


@pytest.mark.parametrize(("above", "upto"), [("a/é.mp4", None), ("", "b/1"), ("a", "\uffff")])
def test_only_keys_after_one_bound_and_up_to_the_other_are_listed(
    listed: Fixture, above: str, upto: str | None
) -> None:
    pieces = list(listed.source(above=above, upto=upto).pieces(remembered()))
    inside = [key for key in KEYS if key > above and (upto is None or key <= upto)]
    assert keys_of(pieces) == sorted(inside)


def test_ranges_that_this_scan_has_confirmed_are_not_listed_again(listed: Fixture) -> None:
    """Only an inventory is always read from the front."""
    source = listed.source()
    confirmed = Range(lo="a", hi="b/1", listed=3)
    pieces = list(source.pieces(remembered((confirmed, True))))
    left = [key for key in KEYS if not "a" < key <= "b/1"]
    assert keys_of(pieces) == sorted(left if source.proves_completeness else KEYS)
    assert source.is_complete


def test_a_stop_request_ends_the_pieces_and_the_listing_is_not_complete(listed: Fixture) -> None:
    source = listed.source()
    listed.clock.stopping = True
    pieces = list(source.pieces(remembered()))
    assert set(keys_of(pieces)) < set(KEYS)
    assert not source.is_complete


def test_the_pieces_before_an_error_are_true_and_the_listing_is_not_complete(
    listed: Fixture,
) -> None:
    source, pieces = listed.source(), []
    if listed.reads_ahead:
        listed.store.stop_answering()
    with pytest.raises(CloudError):  # noqa: PT012 (the pieces before it matter)
        for piece in source.pieces(remembered()):
            pieces.append(piece)
            listed.store.stop_answering()
    assert set(keys_of(pieces)) < set(KEYS)
    assert not source.is_complete

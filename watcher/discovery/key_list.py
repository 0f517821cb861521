"""A list of keys as pieces: each key is looked up by a HEAD request of its own."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from watcher.discovery.listing.remembered import intervals, within
from watcher.discovery.pieces import Piece
from watcher.model import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from watcher.discovery.key_lookup import KeyLookup
    from watcher.discovery.pieces import RememberedRanges

KEYS_A_PIECE: Final = 200

Named = tuple[str, str]  # (bucket, key)


class KeyListSource:
    """`PieceSource` of those of some keys that are in the bucket.

    The pieces tile all keys, as if nothing else were there, so an interrupted scan is resumed.
    """

    proves_completeness: Final = True
    as_of: Final = None
    n_bytes: Final = 0  # a HEAD has no body

    def __init__(
        self,
        lookup: KeyLookup,
        keys: Iterable[str],
        *,
        gone: Callable[[str, str], None],
        above: str = "",
        upto: str | None = None,
        keys_a_piece: int = KEYS_A_PIECE,
    ) -> None:
        self._lookup = lookup
        self._above = above
        self._upto = upto  # None = to the end
        self._keys = sorted({key for key in keys if key > above and (upto is None or key <= upto)})
        self._keys_a_piece = keys_a_piece
        self._gone = gone  # called with (bucket, key) of each key that is not there
        self.is_complete = False

    @property
    def calls(self) -> int:
        """See `PieceSource.calls`."""
        return self._lookup.calls

    def pieces(self, remembered: RememberedRanges) -> Iterator[Piece]:
        """See `PieceSource.pieces`. A piece holds some keys, by default at most 200.

        Raises:
            CloudError: a key could not be looked up. All pieces before are true.
        """
        self.is_complete = False
        for interval in within(
            intervals(remembered.after, remembered.trust), self._above, self._upto
        ):
            lo: str | None = interval.lo
            while lo is not None:
                piece = self._next_piece(lo, interval.hi)
                if piece is None:
                    return
                yield piece
                lo = None if piece.hi == interval.hi else piece.hi
        self.is_complete = True

    def _next_piece(self, lo: str, end: str | None) -> Piece | None:
        """Return the first keys above `lo` up to `end`; None if the process is stopping."""
        first = bisect_right(self._keys, lo)
        behind = len(self._keys) if end is None else bisect_right(self._keys, end)
        group = self._keys[first : min(behind, first + self._keys_a_piece)]
        result = self._lookup.look_up(group)
        if result is None:
            return None
        at, found = result
        for key, listed in zip(group, found, strict=True):
            if listed is None:
                self._gone(self._lookup.bucket, key)
        return Piece(
            lo=lo,
            hi=end if first + len(group) >= behind else group[-1],
            at=at,
            objects=Objects.of(each for each in found if each),
            is_last_waiting=True,
        )


def share_out(
    named: Iterable[Named], watches: Mapping[str, tuple[str, str]]
) -> tuple[dict[str, list[str]], list[Named]]:
    """Return the keys below each watch, and the keys below none.

    Args:
        named: (bucket, key) of each object.
        watches: {name: (bucket, prefix)}.
    """
    shares: dict[str, list[str]] = {name: [] for name in watches}
    outside = []
    for bucket, key in named:
        names = [
            name for name, (b, prefix) in watches.items() if b == bucket and key.startswith(prefix)
        ]
        for name in names:
            shares[name].append(key)
        if not names:
            outside.append((bucket, key))
    return shares, outside

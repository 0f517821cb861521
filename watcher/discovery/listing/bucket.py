"""A bucket as pieces: several ranges at once, or page after page where ranges cannot be listed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from watcher.discovery.listing.pager import Pager
from watcher.discovery.listing.parallel import RangeListing
from watcher.discovery.listing.remembered import intervals, within
from watcher.discovery.listing.sequential import pieces_in_order
from watcher.discovery.listing.tuning import DEFAULT_TUNING
from watcher.errors import StartAfterIgnored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.discovery.listing.tuning import ListingTuning
    from watcher.discovery.pieces import Piece, RememberedRanges
    from watcher.ports import Clock, Source


class BucketListing:
    """`PieceSource` of one bucket below one prefix, between two keys."""

    proves_completeness: Final = True
    as_of: Final = None

    def __init__(
        self,
        source: Source,
        *,
        pace: Callable[[float], bool],
        clock: Clock,
        jitter: Callable[[], float],
        concurrency: int,
        lowered: Callable[[int], None],
        above: str = "",
        upto: str | None = None,
        tuning: ListingTuning = DEFAULT_TUNING,
    ) -> None:
        self._source = source
        self._pager = Pager(source, pace=pace, clock=clock, jitter=jitter, tuning=tuning)
        self._clock = clock
        self._concurrency = concurrency
        self._lowered = lowered  # called with the number of requests at once, when it falls
        self._above = above
        self._upto = upto  # None = to the end
        self._tuning = tuning
        self.is_complete = False

    @property
    def calls(self) -> int:
        """See `PieceSource.calls`."""
        return self._pager.calls

    @property
    def n_bytes(self) -> int:
        """See `PieceSource.n_bytes`."""
        return self._pager.n_bytes

    def pieces(self, remembered: RememberedRanges) -> Iterator[Piece]:
        """See `PieceSource.pieces`. A service that ignores `start-after` is listed by tokens.

        Raises:
            CloudError: some keys could not be listed. All pieces before the error are true.
        """
        self.is_complete = False
        listing = RangeListing(
            self._source,
            self._pager,
            concurrency=self._concurrency,
            digests=remembered.makes_digests,
            clock=self._clock,
            lowered=self._lowered,
            tuning=self._tuning,
        )
        unlisted = intervals(remembered.after, remembered.trust, tuning=self._tuning)
        try:
            yield from listing.pieces(within(unlisted, self._above, self._upto))
        except StartAfterIgnored:
            yield from self._from_the_front()
        else:
            self.is_complete = listing.is_complete

    def _from_the_front(self) -> Iterator[Piece]:
        starts_over = True
        for piece in pieces_in_order(self._pager):
            self.is_complete = piece.hi is None
            yield replace(piece, starts_over=starts_over)
            starts_over = False

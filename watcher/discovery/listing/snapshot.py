"""An inventory as pieces."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from watcher.discovery.pieces import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.discovery.pieces import RememberedRanges
    from watcher.ports import Snapshot


class SnapshotPieces:
    """`PieceSource` of a snapshot, between two keys.

    Its pages come in no order, so only the last page shows that none is missing.
    """

    proves_completeness: Final = False

    def __init__(self, snapshot: Snapshot, *, above: str, upto: str | None) -> None:
        self._snapshot = snapshot
        self._above = above
        self._upto = upto  # None = to the end
        self.is_complete = False

    @property
    def as_of(self) -> int | None:
        """See `PieceSource.as_of`."""
        return self._snapshot.as_of

    @property
    def calls(self) -> int:
        """See `PieceSource.calls`."""
        return self._snapshot.calls

    @property
    def n_bytes(self) -> int:
        """See `PieceSource.n_bytes`."""
        return self._snapshot.n_bytes

    def pieces(self, remembered: RememberedRanges) -> Iterator[Piece]:  # noqa: ARG002 (the port's)
        """See `PieceSource.pieces`. Nothing is remembered of a snapshot: it is read from the front.

        Raises:
            CloudError: not all pages could be read. The pieces before are true of the snapshot.
        """
        above, upto = self._above, self._upto
        self.is_complete = False
        for page in self._snapshot.pages():
            keys = page.objects.keys
            first = bisect_right(keys, above) if above else 0
            last = len(keys) if upto is None else bisect_right(keys, upto)
            self.is_complete = page.is_last
            yield Piece(
                lo="",
                hi=None if page.is_last else "",
                at=page.at,
                objects=page.objects[first:last],
                not_utf8=sum(1 for raw in page.not_utf8 if is_within(raw, above, upto)),
            )


def is_within(raw: bytes, above: str, upto: str | None) -> bool:
    """Whether a raw key lies above one key and up to another (None = to the end)."""
    return raw > above.encode() and (upto is None or raw <= upto.encode())

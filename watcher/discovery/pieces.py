"""The one port of discovery: where the objects of a watch come from, piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.discovery.listing.trust import DigestTrust
    from watcher.model import Objects, Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The objects above the key `lo`, up to `hi` and with it (None = to the end)."""

    lo: str
    hi: str | None
    at: int  # milliseconds since the epoch: the answer's `Date`
    was_known: bool = False  # whether the range was remembered by its bytes
    known: Range | None = None  # ... and the answer has the same bytes
    objects: Objects
    not_utf8: int = 0  # keys that are not UTF-8, and so not among `objects`
    n_bytes: int = 0  # of what was listed, and their SHA-256: see `ports.ListAnswer.digest`
    digest: bytes = b""  # empty: it would not prove that the piece is the same
    is_last_waiting: bool = False  # whether no other answer is there yet, or is due at once
    starts_over: bool = False  # listed from the front again: earlier counts do not hold


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedRanges:
    """The ledger's memory of earlier listings, and how far this scan may use it."""

    after: Callable[[str], Sequence[tuple[Range, bool]]]
    """Returns some ranges from a key on, in order, each with whether this scan confirmed it."""

    trust: DigestTrust
    makes_digests: bool  # whether pieces are to be recognised by the next scan


class PieceSource(Protocol):
    """Where the objects of one watch come from: its bucket, a list of keys or an inventory."""

    @property
    def proves_completeness(self) -> bool:
        """Whether the pieces of a complete listing tile all keys.

        The ledger then proves by their ranges that none is missing. Pieces that do not tile have
        `hi` "", and the last one has None.
        """
        ...

    @property
    def is_complete(self) -> bool:
        """Whether `pieces` ended and left nothing out."""
        ...

    @property
    def as_of(self) -> int | None:
        """The instant that the pieces show, in milliseconds since the epoch; None = now."""
        ...

    @property
    def calls(self) -> int:
        """Requests so far, of all kinds."""
        ...

    @property
    def n_bytes(self) -> int:
        """Bytes of the answers so far."""
        ...

    def pieces(self, remembered: RememberedRanges) -> Iterator[Piece]:
        """Yield each object once, in pieces of ascending keys; pieces come in any order.

        Ranges that this scan has confirmed are left out. A stop request ends the iterator early,
        and the listing is then not complete.

        Raises:
            CloudError: some objects could not be listed. All pieces before the error are true.
        """
        ...

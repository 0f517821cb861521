"""From one answer to pieces that each end at a listed key."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watcher.discovery.listing.snapshot import is_within
from watcher.discovery.pieces import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.model import Page
    from watcher.ports import ListAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The objects of one request, or of several where a key could not name the next place."""

    at: int  # milliseconds since the epoch: the answer's `Date`
    answer: ListAnswer | None  # None: there were several
    page: Page | None  # None: the same bytes as remembered


def pieces_of_page(
    lo: str, hi: str | None, fetched: Fetched, page: Page, *, in_two: bool, digests: bool
) -> list[Piece]:
    """Return the pieces of a page that lie above `lo` up to `hi`; there is at least one.

    Each ends at a listed key if it holds one, so that it can be asked for again. Only the first
    piece has a digest: an answer is compared from its beginning.

    Args:
        lo: the key that the page was asked for behind.
        hi: the last key that counts; None = to the end.
        fetched: the answers behind the page.
        page: their objects; more may follow behind `hi`.
        in_two: whether the objects make two pieces, since a range has grown beyond a page.
        digests: whether the first piece gets a digest.
    """
    pieces, first = [], 0
    for last, upto in _ends(page.objects.keys, hi, in_two=in_two):
        not_utf8 = sum(1 for raw in page.not_utf8 if is_within(raw, lo, upto))
        n_bytes, digest = 0, b""
        if fetched.answer and digests and not first and (last or upto is None):
            n_bytes, digest = fetched.answer.digest(last + not_utf8)
        pieces.append(
            Piece(
                lo=lo,
                hi=upto,
                at=fetched.at,
                objects=page.objects[first:last],
                not_utf8=not_utf8,
                n_bytes=n_bytes,
                digest=digest,
            )
        )
        lo, first = upto or "", last
    return pieces


def _ends(keys: Sequence[str], hi: str | None, *, in_two: bool) -> list[tuple[int, str | None]]:
    """Return where each piece ends: behind so many objects, and at which key (None = the end)."""
    end = len(keys) if hi is None else bisect_right(keys, hi)
    counts = [end // 2] if in_two else []
    if end and hi is not None:
        counts.append(end)
    ends: list[tuple[int, str | None]] = [(n, keys[n - 1]) for n in counts]
    if not ends or ends[-1][1] != hi:
        ends.append((end, hi))
    return ends

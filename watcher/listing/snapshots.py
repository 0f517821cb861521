"""A snapshot as pieces of a listing."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from watcher.listing.parallel import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.ports import Snapshot


def pieces_of_snapshot(snapshot: Snapshot, *, above: str, upto: str | None) -> Iterator[Piece]:
    """Yield what lies above the key `above`, up to `upto` and with it (None = to the end).

    No piece covers a range of keys, but the last one ends at None.  Ends early, without that one, if the process is
    stopping.

    Raises:
        CloudError: not all could be had; what was yielded is true of the snapshot.
    """
    for page in snapshot.pages():
        keys = page.objects.keys
        first = bisect_right(keys, above) if above else 0
        last = len(keys) if upto is None else bisect_right(keys, upto)
        yield Piece(
            lo="",
            hi=None if page.is_last else "",
            at=page.at,
            objects=page.objects[first:last],
            not_utf8=sum(1 for raw in page.not_utf8 if _is_within(raw, above, upto)),
        )


def _is_within(raw: bytes, above: str, upto: str | None) -> bool:
    return raw > above.encode() and (upto is None or raw <= upto.encode())

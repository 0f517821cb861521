"""A list of keys as pieces: each key is looked up by a HEAD request of its own."""

from __future__ import annotations

import threading
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from watcher.discovery.listing.pager import Retry
from watcher.discovery.listing.remembered import intervals, within
from watcher.discovery.pieces import Piece
from watcher.errors import CallSuppressed, CloudError
from watcher.model import ObjectInfo, Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from watcher.discovery.pieces import RememberedRanges
    from watcher.ports import Clock, Source

KEYS_A_PIECE: Final = 200

Named = tuple[str, str]  # (bucket, key)


class KeyList:
    """`PieceSource` of those of some keys that are in the bucket.

    The pieces tile all keys, as if nothing else were there, so an interrupted scan is resumed.
    """

    proves_completeness: Final = True
    as_of: Final = None

    def __init__(
        self,
        source: Source,
        keys: Iterable[str],
        *,
        clock: Clock,
        jitter: Callable[[], float],
        concurrency: int,
        pace: Callable[[], bool],
        gone: Callable[[str, str], None],
        above: str = "",
        upto: str | None = None,
        keys_a_piece: int = KEYS_A_PIECE,
    ) -> None:
        self._source = source
        self._above = above
        self._upto = upto  # None = to the end
        self._keys = sorted({key for key in keys if key > above and (upto is None or key <= upto)})
        self._keys_a_piece = keys_a_piece
        self._clock = clock
        self._retry = Retry(clock, jitter)
        self._concurrency = concurrency
        self._pace = pace  # waits until the next HEAD may be made; False = stopping
        self._gone = gone  # called with (bucket, key) of each key that is not there
        self._zero: tuple[int, float] | None = None  # OSS's clock in ms, and ours in seconds
        self._found: dict[str, ObjectInfo | None] = {}  # of this piece: a retry asks for the rest
        self._lock = threading.Lock()
        self.calls = 0
        self.n_bytes = 0  # a HEAD has no body
        self.is_complete = False

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
        if self._clock.wait(0):
            return None
        at = self._retry.run(lambda: self._look_up(group), ready=lambda: True)
        if at is None:
            return None
        found = [(key, self._found[key]) for key in group]
        self._found.clear()
        for key, listed in found:
            if listed is None:
                self._gone(self._source.bucket, key)
        return Piece(
            lo=lo,
            hi=end if first + len(group) >= behind else group[-1],
            at=at,
            objects=Objects.of(listed for _, listed in found if listed),
            is_last_waiting=True,
        )

    def _look_up(self, group: Sequence[str]) -> int:
        """Look up all keys of a group that are not known yet; return OSS's clock.

        Raises:
            CallSuppressed: the process is stopping.
            CloudError: a key could not be looked up. The others are known now.
        """
        at = self._date()
        missing = [key for key in group if key not in self._found]
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="head") as pool:
            errors = list(filter(None, pool.map(self._look_up_one, missing)))
        if errors:
            raise errors[0]
        if not all(key in self._found for key in group):
            raise CallSuppressed("the watcher is stopping; not every key was looked up")
        return at

    def _look_up_one(self, key: str) -> CloudError | None:
        if not self._pace():
            return None
        with self._lock:
            self.calls += 1
        try:
            self._found[key] = self._source.head(key)
        except CloudError as error:
            return error
        return None

    def _date(self) -> int:
        """Return OSS's clock in milliseconds: a listing's `Date`, and the time since then."""
        if self._zero is None:
            self.calls += 1
            self._zero = self._source.list_objects(max_keys=1).at, self._clock.monotonic()
        at, then = self._zero
        return at + int((self._clock.monotonic() - then) * 1000)


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

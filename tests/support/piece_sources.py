"""Every implementation of `discovery.pieces.PieceSource`, filled with the same keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tests.support.contracts import FakeStore, RealStore, pages
from tests.support.fakes import PAGE, FakeClock
from tests.support.inventories import Shelf
from watcher.discovery.key_list import KeyListSource
from watcher.discovery.key_lookup import KeyLookup
from watcher.discovery.listing.bucket import BucketListing
from watcher.discovery.listing.snapshot import SnapshotPieces
from watcher.discovery.listing.trust import DigestTrust
from watcher.discovery.listing.tuning import ListingTuning
from watcher.discovery.pieces import RememberedRanges
from watcher.errors import CloudError
from watcher.model import Objects, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.support.contracts import Store
    from watcher.discovery.pieces import PieceSource
    from watcher.model import Range
    from watcher.ports import Snapshot
    from watcher.sandbox import Sandbox


def remembered(*ranges: tuple[Range, bool]) -> RememberedRanges:
    """Return a ledger's memory that holds these ranges, in order, each confirmed or not."""
    return RememberedRanges(
        after=lambda key: [each for each in ranges if each[0].lo >= key],
        trust=DigestTrust(holds=True),
        makes_digests=True,
    )


class Fixture(Protocol):
    """Something to list, and one way to list it."""

    store: Store
    clock: FakeClock
    reads_ahead: bool  # much may be read before the first piece comes

    def source(self, *, above: str = "", upto: str | None = None) -> PieceSource: ...


class Bucket:
    """A bucket by its ranges."""

    reads_ahead = False

    def __init__(self, store: Store, *, concurrency: int) -> None:
        self.store, self.clock = store, FakeClock()
        self._concurrency = concurrency

    def source(self, *, above: str = "", upto: str | None = None) -> PieceSource:
        return BucketListing(
            self.store.source(),
            pace=lambda _: True,
            clock=self.clock,
            jitter=lambda: 0.5,
            concurrency=self._concurrency,
            lowered=lambda _: None,
            above=above,
            upto=upto,
            tuning=ListingTuning(page_size=PAGE),
        )


class Keys:
    """A list of keys, of which some are not there."""

    reads_ahead = False

    def __init__(self, store: Store, keys: Sequence[str]) -> None:
        self.store, self.clock = store, FakeClock()
        self._keys = keys

    def source(self, *, above: str = "", upto: str | None = None) -> PieceSource:
        lookup = KeyLookup(
            self.store.source(),
            clock=self.clock,
            jitter=lambda: 0.5,
            concurrency=2,
            pace=lambda: not self.clock.wait(0),
        )
        return KeyListSource(
            lookup,
            [*self._keys, "not there", "~ not there"],
            gone=lambda _bucket, _key: None,
            above=above,
            upto=upto,
            keys_a_piece=PAGE,
        )


class FakeSnapshot:
    """`ports.Snapshot` of what a store holds now: its pages come backwards."""

    calls = n_bytes = as_of = 1

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self._found = list(pages(store.source()))
        self._store = store
        self._clock = clock

    def pages(self) -> Iterator[Page]:
        """See `ports.Snapshot.pages`."""
        for page in reversed(self._found):
            if self._clock.wait(0):
                return
            if isinstance(self._store, FakeStore) and self._store.is_silent:
                raise CloudError("the file could not be read")
            yield Page(objects=page.objects, at=1, last_key="", is_last=False)
        yield Page(objects=Objects.of(()), at=1, last_key="", is_last=True)


class Pictured:
    """An inventory, real or fake."""

    def __init__(
        self,
        store: Store,
        clock: FakeClock,
        picture: Callable[[], Snapshot],
        *,
        reads_ahead: bool = False,
    ) -> None:
        self.store, self.clock, self.reads_ahead = store, clock, reads_ahead
        self._picture = picture

    def source(self, *, above: str = "", upto: str | None = None) -> PieceSource:
        return SnapshotPieces(self._picture(), above=above, upto=upto)


FIXTURES = (
    "fake bucket",
    "fake bucket, parallel",
    "real bucket",
    "fake key list",
    "real key list",
    "fake inventory",
    "real inventory",
)


def fixture(kind: str, keys: Sequence[str], sandbox: Callable[[], Sandbox]) -> Fixture:
    """Return one implementation over a store that holds `keys`."""
    store: Store = RealStore(sandbox()) if kind.startswith("real") else FakeStore()
    for key in keys:
        store.put(key)
    if "bucket" in kind:
        return Bucket(store, concurrency=8 if "parallel" in kind else 1)
    if "key list" in kind:
        return Keys(store, keys)
    if kind == "fake inventory":
        clock = FakeClock()
        return Pictured(store, clock, lambda: FakeSnapshot(store, clock))
    shelf = Shelf(sandbox())

    def picture() -> Snapshot:
        shelf.picture()
        return shelf.inventory()

    return Pictured(store, shelf.clock, picture, reads_ahead=True)

"""Listing by ranges: each key is listed once in any split, and remembered ranges hide none."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fakes import FakeClock
from tests.support.listed_bucket import ListedAnswer, ListedBucket
from watcher.discovery.listing.pager import Pager
from watcher.discovery.listing.parallel import RangeListing
from watcher.discovery.listing.plan import Interval, Plan
from watcher.discovery.listing.tuning import ListingTuning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.discovery.pieces import Piece


PAGE = 4
STEMS = (
    "",
    "a",
    "a/",
    "uploads/2026/11/25/camera-07/",
    "x" * 300,
    "上传/视频/",
    "\U0001f3ac/",
    "\x7f",
    "\uffff",
    "\U0010ffff",
    "~",
)
CHARACTERS = "0123456789/.-azAZ~\x01\n é中\ud7ff\ue000\uffff\U00010000\U0010ffff"
SEEDS = st.integers(0, 2**32)


def awkward_keys(chance: random.Random) -> set[str]:
    """Return up to 120 keys below a few stems."""
    stems = chance.sample(STEMS, chance.randint(1, len(STEMS)))
    tails = (
        "".join(chance.choices(CHARACTERS, k=chance.randint(1, 6)))
        for _ in range(chance.randint(0, 120))
    )
    return {chance.choice(stems) + tail for tail in tails}


def list_all(
    bucket: ListedBucket,
    ahead: Sequence[Interval] = (),
    *,
    concurrency: int = 4,
    page_size: int = PAGE,
    clock: FakeClock | None = None,
) -> list[Piece]:
    """Return the pieces of a whole listing."""
    clock = clock or FakeClock()
    listing = RangeListing(
        bucket,
        Pager(bucket, pace=lambda _: True, clock=clock, jitter=lambda: 0.5),
        concurrency=concurrency,
        digests=True,
        clock=clock,
        lowered=lambda _: None,
        tuning=ListingTuning(page_size=page_size),
    )
    pieces = list(listing.pieces(iter(ahead or [Interval(lo="", hi=None)])))
    assert listing.is_complete
    return pieces


def assert_tiles(pieces: Sequence[Piece]) -> None:
    """Check that the pieces leave out no key, and that each holds only keys of its own."""
    at: str | None = ""
    for piece in sorted(pieces, key=lambda piece: piece.lo):
        assert piece.lo == at
        at = piece.hi
        for key in piece.objects.keys:
            assert piece.lo < key
            assert piece.hi is None or key <= piece.hi
    assert at is None


def listed(pieces: Sequence[Piece]) -> list[str]:
    """Return the keys of all pieces, in order."""
    return sorted(key for piece in pieces for key in piece.objects.keys)


@given(seed=SEEDS, prefix=st.sampled_from(STEMS), concurrency=st.sampled_from((1, 2, 16)))
@settings(max_examples=200, deadline=None)
def test_whatever_the_keys_each_is_listed_once(seed: int, prefix: str, concurrency: int) -> None:
    keys = awkward_keys(random.Random(seed))  # noqa: S311 (chance, not secrecy)
    bucket = ListedBucket(keys, prefix=prefix, page_size=PAGE)
    pieces = list_all(bucket, concurrency=concurrency)
    assert_tiles(pieces)
    assert listed(pieces) == bucket.keys


@given(seed=SEEDS)
@settings(max_examples=150, deadline=None)
def test_objects_put_and_deleted_meanwhile_neither_hide_nor_double_others(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (chance, not secrecy)
    keys = awkward_keys(chance)
    bucket = ListedBucket(keys, page_size=PAGE)
    steady = {key for key in sorted(keys) if chance.random() < 0.7}
    fleeting = sorted(keys - steady)

    def meanwhile() -> None:
        if fleeting:
            key = chance.choice(fleeting)
            (bucket.delete if key in bucket.objects else bucket.put)(key)

    bucket.meanwhile = meanwhile
    pieces = list_all(bucket, concurrency=8)
    assert_tiles(pieces)
    found = listed(pieces)
    assert len(set(found)) == len(found)
    assert steady <= set(found)
    assert set(found) <= set(keys)


@pytest.mark.parametrize("pages", [1, 2, 3, 4])
def test_a_small_bucket_costs_a_request_a_page(pages: int) -> None:
    bucket = ListedBucket([f"{n:02}" for n in range(pages * PAGE)], page_size=PAGE)
    assert listed(list_all(bucket, concurrency=16)) == bucket.keys
    assert len(bucket.requests) == pages


@pytest.mark.parametrize("shape", ["numbers", "dates", "one deep prefix", "hexadecimal", "Chinese"])
def test_a_large_bucket_is_listed_by_several_with_few_more_requests_than_pages(shape: str) -> None:
    chance, n = random.Random(7), 20_000  # noqa: S311
    days = [f"2026/{month:02}/{day:02}" for month in range(1, 13) for day in range(1, 29)]
    make: dict[str, Callable[[int], str]] = {
        "numbers": lambda at: f"camera/{at:012}.mp4",
        "dates": lambda _: f"uploads/{chance.choice(days)}/{chance.getrandbits(64):016x}.mp4",
        "one deep prefix": lambda at: (
            f"{'a/b/c/d/e/f/g/' if at % 100 else chance.choice('xyz')}{chance.getrandbits(64):x}"
        ),
        "hexadecimal": lambda _: f"{chance.getrandbits(128):032x}",
        "Chinese": lambda at: (
            f"上传/{chance.choice(days)}/{chr(0x4E00 + chance.randrange(5000))}{at}.mp4"
        ),
    }
    bucket = ListedBucket({make[shape](at) for at in range(n)}, page_size=100)
    pieces = list_all(bucket, concurrency=16, page_size=100)
    assert_tiles(pieces)
    assert listed(pieces) == bucket.keys
    assert len(bucket.requests) <= n / 100 + 100
    assert rounds(bucket, at_once=16) <= 3 * n / 100 / 16


def rounds(bucket: ListedBucket, *, at_once: int) -> int:
    """Return how often `at_once` requests have to be made together until all is listed."""
    plan, n = (
        Plan(iter([Interval(lo="", hi=None)]), prefix="", tuning=ListingTuning(page_size=100)),
        0,
    )
    goes_on: list[Interval] = []
    while True:
        now, goes_on = goes_on, []
        while len(now) < (at_once if n >= 4 else 1) and (interval := plan.next(cutting=n >= 4)):
            now.append(interval)
        if not now:
            return n
        n += 1
        for interval in now:
            page = bucket.list_objects(start_after=interval.lo, max_keys=100).page()
            if not plan.advance(
                interval, page.objects.keys, last_key=page.last_key, is_last=page.is_last
            ):
                goes_on.append(interval)


def test_a_service_that_throttles_is_asked_for_less_at_once_and_for_more_again_later() -> None:
    bucket, clock = ListedBucket([f"{n:05}" for n in range(20_000)], page_size=10), Slow()
    lowered: list[int] = []
    bucket.throttles = list(range(40, 44))
    listing = RangeListing(
        bucket,
        Pager(bucket, pace=lambda _: True, clock=clock, jitter=lambda: 0.5),
        concurrency=16,
        digests=False,
        clock=clock,
        lowered=lowered.append,
        tuning=ListingTuning(page_size=10),
    )
    found = listed(list(listing.pieces(iter([Interval(lo="", hi=None)]))))
    assert found == bucket.keys
    assert lowered
    assert lowered[0] == 8
    assert listing._together == 16


class Slow(FakeClock):
    """A clock by which every answer takes a second."""

    def monotonic(self) -> float:
        self._at_s += 1
        return self._at_s


def test_a_service_that_was_slow_once_is_asked_by_one_as_soon_as_it_is_quick() -> None:
    class SlowAtFirst(Slow):
        def monotonic(self) -> float:
            return super().monotonic() if len(askers) < 20 else self._at_s

    class Bucket(ListedBucket):
        def list_objects(
            self, *, start_after: str = "", token: str = "", max_keys: int = 1000
        ) -> ListedAnswer:
            askers.append(threading.current_thread().name)
            return super().list_objects(start_after=start_after, token=token, max_keys=max_keys)

    askers: list[str] = []
    bucket = Bucket([f"{n:04}" for n in range(4000)], page_size=10)
    pieces = list_all(bucket, concurrency=4, page_size=10, clock=SlowAtFirst())
    assert listed(pieces) == bucket.keys
    assert sum(name.startswith("list") for name in askers[:20]) > 10
    assert not any(name.startswith("list") for name in askers[30:])


def test_a_long_range_of_which_nothing_was_listed_yet_can_be_cut() -> None:
    """As in a full listing, where several requests wait for the first range."""
    plan = Plan(
        iter([Interval(lo="a", hi="q", expected=90_000), Interval(lo="q", hi=None, expected=5)]),
        prefix="",
    )
    handed_out = [plan.next(cutting=True) for _ in range(4)]
    assert all(handed_out)
    bounds = sorted((each.lo, each.hi or "~") for each in handed_out if each)
    assert [lo for lo, _ in bounds[1:]] == [hi for _, hi in bounds[:-1]]

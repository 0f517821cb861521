"""Ranges that answer the same are not read again, and yet they hide nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.listed_bucket import ListedAnswer, ListedBucket
from tests.support.rescan_fixture import DAY_MS, MEMORY, PAGE, Remembering, new_ledger
from watcher.rules.selection import Rules

KEYS = [
    f"{folder}/{n:02}.{kind}"
    for folder in ("a", "b", "视频")
    for n in range(12)
    for kind in ("mp4", "txt")
]
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(KEYS)),
        st.tuples(st.just("delete"), st.sampled_from(KEYS)),
        st.tuples(st.just("overwrite"), st.sampled_from(KEYS)),
        st.tuples(st.just("lose"), st.sampled_from(KEYS)),
        st.tuples(st.just("rules"), st.sampled_from(("", "*.mp4", "a/*"))),
        st.tuples(
            st.sampled_from(("scan", "scan", "scan", "cut", "full", "together")), st.just("")
        ),
    ),
    max_size=40,
)


def change(world: Remembering, what: str, key: str, n: int) -> None:
    """Apply one step."""
    bucket = world.bucket
    match what:
        case "put" | "overwrite":
            bucket.put(
                key,
                etag=f"E{n}"
                if what == "overwrite" or key not in bucket.objects
                else bucket.objects[key].etag,
            )
        case "delete" if key in bucket.objects:
            bucket.delete(key)
        case "lose":
            world.execute("DELETE FROM entry WHERE key = ?", key)
        case "rules":
            world.rules = Rules(bucket=bucket.bucket, include=(key,) if key else ())
        case "cut":
            left = [n % 5 + 1]

            def meanwhile() -> None:
                left[0] -= 1
                world.clock.stopping = left[0] <= 0

            bucket.meanwhile = meanwhile
            world.is_cut_short = not world.scan().complete
            bucket.meanwhile = lambda: None
            world.clock.stopping = False
        case "scan" | "full" | "together":
            full, concurrency = what == "full", 4 if what == "together" else 1
            if (
                world.is_cut_short
            ):  # what came since, behind the back of what was listed, the one after that sees
                world.scan(full=full, concurrency=concurrency)
                world.is_cut_short = False
            report = world.scan(full=full, concurrency=concurrency)
            if bucket.objects:  # an empty listing is believed at the third time only
                world.assert_right(report)
        case _:
            pass


@given(first=st.sets(st.sampled_from(KEYS)), changes=CHANGES)
@settings(max_examples=150, deadline=None)
def test_no_remembered_range_hides_a_change(
    first: set[str], changes: list[tuple[str, str]]
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        world = Remembering(new_ledger(Path(folder)), ListedBucket(first, page_size=PAGE))
        for n, (what, key) in enumerate(changes):
            change(world, what, key, n)
        for _ in range(3):  # an empty listing is believed at the third time
            report = world.scan()
        world.assert_right(report)


@pytest.fixture
def world(tmp_path: Path) -> Remembering:
    """A bucket of a hundred objects, four a page, that was scanned once."""
    world = Remembering(
        new_ledger(tmp_path), ListedBucket([f"{n:03}.mp4" for n in range(100)], page_size=PAGE)
    )
    world.assert_right(world.scan())
    return world


def test_ranges_that_are_the_same_are_neither_read_nor_looked_up(world: Remembering) -> None:
    read = ListedAnswer.pages_read
    world.assert_right(world.scan())
    assert ListedAnswer.pages_read == read
    assert len(world.bucket.requests) == 25


def test_a_change_is_seen_and_only_its_range_is_read(world: Remembering) -> None:
    world.bucket.put("042.mp4", etag="E2")
    read = ListedAnswer.pages_read
    report = world.scan()
    world.assert_right(report)
    assert ListedAnswer.pages_read - read == 1


@pytest.mark.parametrize("key", ["", "000.mp4", "041x.mp4", "043x.mp4", "099x.mp4"], ids=str)
def test_a_new_object_is_found_wherever_it_lies(world: Remembering, key: str) -> None:
    world.bucket.put(key or "!.mp4")
    world.assert_right(world.scan())


def test_a_full_scan_reads_all_and_so_does_every_scan_after_so_long(world: Remembering) -> None:
    read = ListedAnswer.pages_read
    world.assert_right(world.scan(full=True))
    assert ListedAnswer.pages_read - read == 25
    world.clock.wait(DAY_MS / 1000 + 1)
    world.assert_right(world.scan())
    assert ListedAnswer.pages_read - read == 50


def test_a_clock_that_was_set_back_trusts_nothing(world: Remembering) -> None:
    world.clock.wrong_ms = -3_600_000
    read = ListedAnswer.pages_read
    world.assert_right(world.scan())
    assert ListedAnswer.pages_read - read == 25


def test_a_row_that_was_deleted_by_hand_is_found_again(world: Remembering) -> None:
    world.execute("DELETE FROM entry WHERE key = '050.mp4'")
    assert "050.mp4" not in world.rows()
    world.assert_right(world.scan())


def test_other_rules_decide_again(world: Remembering) -> None:
    world.rules = Rules(bucket=ListedBucket.bucket, exclude=("05?.mp4",))
    report = world.scan()
    world.assert_right(report)
    assert report.excluded == {"exclude": 10}


def test_an_interrupted_scan_lists_only_the_rest(world: Remembering) -> None:
    world.rules = Rules(bucket=ListedBucket.bucket, min_size_bytes=1, max_size_bytes=9)
    change(world, "cut", "", 3)
    done = len(world.bucket.requests)
    report = world.scan()
    world.assert_right(report)
    assert done == 4
    assert len(world.bucket.requests) == 25 - done


def test_a_scan_that_is_overtaken_by_one_under_other_rules_hides_nothing_from_it(
    world: Remembering,
) -> None:
    """It is complete, since it recorded its objects; the ranges remembered are the other's."""

    def overtake() -> None:
        world.bucket.meanwhile = lambda: None
        world.rules = rules
        world.assert_right(world.scan())
        world.bucket.put("055-new.mp4")

    rules, world.rules = world.rules, Rules(bucket=ListedBucket.bucket, exclude=("05*.mp4",))
    world.bucket.meanwhile = overtake

    slow = world.scan()

    assert (slow.complete, slow.listed, slow.excluded) == (True, 101, {"exclude": 11})
    assert "055-new.mp4" not in world.rows()
    world.assert_right(world.scan())


def test_a_scan_that_is_overtaken_at_its_end_does_not_end_the_other_one(world: Remembering) -> None:
    def begin_another() -> None:
        if len(world.bucket.requests) == 25:
            world.bucket.meanwhile = lambda: None
            world.rules = Rules(bucket=ListedBucket.bucket, exclude=("05*.mp4",))
            change(world, "cut", "", 1)

    world.bucket.meanwhile = begin_another
    assert world.scan().complete
    world.bucket.put("040.mp4", etag="E2")
    world.assert_right(world.scan())
    read = ListedAnswer.pages_read
    world.assert_right(world.scan())
    assert ListedAnswer.pages_read == read


def test_ranges_that_shrink_are_listed_together_later(world: Remembering) -> None:
    for n in range(100):
        if n % 4:
            world.bucket.delete(f"{n:03}.mp4")
    world.assert_right(world.scan())
    world.assert_right(world.scan())
    world.assert_right(world.scan())
    assert len(world.bucket.requests) <= 11


def test_where_most_ranges_change_none_is_trusted_until_the_next_full_scan(tmp_path: Path) -> None:
    keys = [f"{n:03}.mp4" for n in range(400)]
    world = Remembering(new_ledger(tmp_path), ListedBucket(keys, page_size=PAGE))
    world.assert_right(world.scan())
    for n in range(0, 400, 4):
        world.bucket.put(f"{n:03}.mp4", etag="E2")
    world.assert_right(world.scan())
    read = ListedAnswer.pages_read
    world.assert_right(world.scan())
    assert ListedAnswer.pages_read - read == 100
    world.assert_right(world.scan(full=True))
    read = ListedAnswer.pages_read
    world.assert_right(world.scan())
    assert ListedAnswer.pages_read == read


def test_many_new_objects_in_one_range_cost_about_as_many_requests_as_pages(
    world: Remembering,
) -> None:
    for n in range(40):
        world.bucket.put(f"042-{n:02}.mp4")
    world.assert_right(world.scan())
    assert len(world.bucket.requests) <= 25 + 11 + 1
    world.assert_right(world.scan())
    world.assert_right(world.scan())
    assert len(world.bucket.requests) <= 25 + 11 + 1


@pytest.mark.parametrize(
    ("above", "upto"), [("", "049.mp4"), ("020.mp4", None), ("0205", "0401"), ("099.mp4", None)]
)
def test_only_what_lies_within_bounds_is_listed(
    tmp_path: Path, above: str, upto: str | None
) -> None:
    keys = [f"{n:03}.mp4" for n in range(100)]
    world = Remembering(
        new_ledger(tmp_path), ListedBucket(keys, page_size=PAGE), above=above, upto=upto
    )
    report = world.scan()
    inside = [key for key in keys if key > above and (upto is None or key <= upto)]
    assert report.complete
    assert report.listed == len(inside)
    assert sorted(world.rows()) == inside
    assert len(world.bucket.requests) <= len(inside) / PAGE + 1


@pytest.mark.parametrize("concurrency", [1, 16])
def test_a_service_that_ignores_where_to_begin_is_listed_page_after_page(
    world: Remembering, *, concurrency: int
) -> None:
    world.bucket.ignores_start_after = True
    world.bucket.put("042x.mp4")
    for _ in range(2):
        world.assert_right(world.scan(concurrency=concurrency))
        in_order = ["", *world.bucket.keys[3:100:4]]
        assert world.bucket.requests[-26:] == in_order
        assert len(world.bucket.requests) <= 26 + 16

"""A bucket inventory as a source of pages, through the real SDK over HTTP."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from tests.sandbox.test_fault_vod import hit
from tests.support.inventories import FOLDER, SHELF, VERSIONED, Shelf, packed, row
from watcher.errors import CloudError
from watcher.model import ObjectInfo, ObjectType

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

STRANGE_KEYS = (
    "a b.mp4",
    "a+b.mp4",
    "100%.mp4",
    "%41.mp4",
    'a,"b".mp4',
    "line\nbreak.mp4",
    "cr\r.mp4",
    "\x01.mp4",
    "a/b//c.mp4",
    "视频/第 1 集.mp4",
    "𠮷.mp4",
    "\uffee.mp4",
    "é.mp4",
    "e\u0301.mp4",
    "视" * 341,
)


@pytest.fixture
def shelf(sandbox: Sandbox) -> Shelf:
    """An empty bucket for inventories."""
    return Shelf(sandbox)


def test_every_object_comes_back_from_several_files_in_ordered_pages_of_a_thousand(
    shelf: Shelf,
) -> None:
    keys = [f"{number * 7919 % 5000:04}.mp4" for number in range(5000)]
    shelf.put(*(packed(row(key) for key in keys[number::3]) for number in range(3)))

    pages = shelf.pages()

    assert sorted(each.key for page in pages for each in page.objects) == sorted(keys)
    assert all(
        [each.key for each in page.objects] == sorted(each.key for each in page.objects)
        for page in pages
    )
    assert max(len(page.objects) for page in pages) == 1000
    assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert len(pages[-1].objects) == 0
    assert {page.last_key for page in pages} == {""}


def test_strange_keys_come_back_exactly(shelf: Shelf) -> None:
    shelf.put(packed(row(key) for key in STRANGE_KEYS))
    assert shelf.keys() == sorted(STRANGE_KEYS)


def test_fields_are_those_that_a_listing_shows(shelf: Shelf, sandbox: Sandbox) -> None:
    quoted = {"ETag": '"5D41402ABC4B2A76B9719D911017C592-2"', "Size": "48000000000000"}
    shelf.put(
        packed(
            [row("a.mp4", StorageClass="ColdArchive", ObjectType="Symlink", **quoted), row("b.mp4")]
        )
    )
    sandbox.clock_offset_s = 60

    a, b = shelf.objects()

    assert (a.etag, a.size_bytes) == ("5D41402ABC4B2A76B9719D911017C592-2", 48_000_000_000_000)
    assert (a.storage_class, a.type, a.restored) == ("ColdArchive", ObjectType.SYMLINK, False)
    assert b == ObjectInfo("b.mp4", "5D41402ABC4B2A76B9719D911017C592", 5, 1_744_614_360_000)


def test_at_is_the_clock_of_oss_and_not_the_age_of_the_inventory(
    shelf: Shelf, sandbox: Sandbox
) -> None:
    shelf.put(packed([row("a.mp4")]))
    before = sandbox.clock.now_ms() // 1000 * 1000
    sandbox.clock_offset_s = 600
    assert all(600_000 <= page.at - before < 700_000 for page in shelf.pages())


def test_columns_are_found_by_name_in_any_order_and_unknown_ones_are_skipped(
    shelf: Shelf,
) -> None:
    columns = ("ETag", "crc64", "LastModifiedDate", "Key", "OBJECTTYPE", "Size")
    fields = {**row("a.mp4", ObjectType="Appendable"), "crc64": "null"}
    shelf.put(packed([{**fields, "OBJECTTYPE": fields["ObjectType"]}], columns), columns=columns)
    (found,) = shelf.objects()
    assert (found.key, found.type, found.storage_class) == (
        "a.mp4",
        ObjectType.APPENDABLE,
        "Standard",
    )
    assert shelf.manifest().missing == ("StorageClass",)


def test_a_header_row_is_no_object(shelf: Shelf) -> None:
    shelf.put(packed([row("a.mp4")], header=True), packed([row("b.mp4")]), packed([], header=True))
    inventory = shelf.inventory()
    assert sorted(each.key for page in inventory.pages() for each in page.objects) == [
        "a.mp4",
        "b.mp4",
    ]
    assert inventory.counts.rows == 2


def test_only_the_current_version_counts_and_a_delete_marker_is_no_object(shelf: Shelf) -> None:
    rows = [
        row("a.mp4", VersionId="3", IsLatest="True", IsDeleteMarker="False"),
        row("a.mp4", VersionId="2", IsLatest="False", IsDeleteMarker="False", Size="7"),
        row("gone.mp4", VersionId="2", IsDeleteMarker="true", Size="", ETag=""),
        row("gone.mp4", VersionId="1", IsLatest="false"),
    ]
    shelf.put(packed(rows, VERSIONED), columns=VERSIONED)
    inventory = shelf.inventory()
    assert [(each.key, each.size_bytes) for page in inventory.pages() for each in page.objects] == [
        ("a.mp4", 5)
    ]
    assert dict(inventory.counts.skipped) == {"old_version": 2, "delete_marker": 1}


def test_of_a_key_listed_twice_the_later_version_counts(shelf: Shelf) -> None:
    later = row("a.mp4", Size="9", LastModifiedDate="2025-04-14T07-06-01Z")
    shelf.put(packed([later, row("a.mp4")]))
    assert [each.size_bytes for each in shelf.objects()] == [9]


def test_keys_outside_the_prefix_and_keys_that_are_not_utf8_are_counted_apart(shelf: Shelf) -> None:
    keys: list[str | bytes] = [
        "videos/a.mp4",
        "video",
        "other/b.mp4",
        b"videos/\xff.mp4",
        b"other/\xff.mp4",
    ]
    shelf.put(packed(row(key) for key in keys))
    inventory = shelf.inventory(prefix="videos/")
    pages = list(inventory.pages())
    assert [each.key for page in pages for each in page.objects] == ["videos/a.mp4"]
    assert sum(len(page.not_utf8) for page in pages) == 1
    counts = inventory.counts
    assert (counts.rows, counts.listed, counts.not_utf8, dict(counts.skipped)) == (
        5,
        1,
        1,
        {"outside": 3},
    )


def test_an_inventory_without_objects_still_ends(shelf: Shelf) -> None:
    shelf.put()
    (page,) = shelf.pages()
    assert (len(page.objects), page.is_last) == (0, True)
    assert page.at > 0


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"Size": "5 KB"}, "'5 KB' is no size"),
        ({"Size": "-1"}, "'-1' is no size"),
        ({"LastModifiedDate": "2025-04-14T07-06Z"}, "'2025-04-14T07-06Z' is no date"),
        ({"LastModifiedDate": "2025-13-14T07-06-00Z"}, "month"),
        ({"ETag": '""'}, "no ETag"),
        ({"Key": "100%.mp4"}, "no URL-encoded key"),
        ({"Key": ""}, "no URL-encoded key"),
        ({"Bucket": "another-bucket"}, "an object of another bucket"),
    ],
)
def test_a_bad_row_is_an_error_with_file_and_line(
    shelf: Shelf, wrong: dict[str, str], why: str
) -> None:
    shelf.put(packed([row("a.mp4"), row("b.mp4", **wrong)]))
    with pytest.raises(CloudError, match=f"oss://{SHELF}/{FOLDER}/data/0.csv.gz, line 2: .*{why}"):
        shelf.pages()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'"media-bucket","a"\n', "2 fields instead of 7"),
        (b'"media-bucket","a\n', "unexpected end of data"),
        (b"x" * 200_000, "the line does not end"),
    ],
)
def test_a_line_that_is_not_a_row_is_refused(shelf: Shelf, text: bytes, why: str) -> None:
    shelf.put(gzip.compress(text))
    with pytest.raises(CloudError, match=why):
        shelf.pages()


def test_an_altered_file_is_an_error_with_its_name_after_its_objects(
    shelf: Shelf, sandbox: Sandbox
) -> None:
    body = packed(row(f"{number}.mp4") for number in range(1500))
    shelf.put(body)
    altered = bytearray(body)
    altered[4] ^= 1  # in the time stamp of gzip's header
    sandbox.oss.put(SHELF, f"{FOLDER}/data/0.csv.gz", bytes(altered))
    pages = shelf.inventory().pages()
    assert len(next(pages).objects) == 1000
    with pytest.raises(CloudError, match=r"data/0\.csv\.gz does not match its MD5checksum"):
        list(pages)


def test_a_file_of_another_size_is_not_read(shelf: Shelf, sandbox: Sandbox) -> None:
    body = packed([row("a.mp4")])
    shelf.put(body)
    sandbox.oss.put(SHELF, f"{FOLDER}/data/0.csv.gz", body[:-1])
    with pytest.raises(CloudError, match=f"has {len(body) - 1} bytes, not {len(body)}"):
        next(shelf.inventory().pages())


def test_a_file_that_oss_itself_cut_short_is_an_error(shelf: Shelf) -> None:
    shelf.put(packed(row(f"{number}.mp4") for number in range(1500))[:-20])
    with pytest.raises(CloudError, match=r"data/0\.csv\.gz is not a whole gzip file"):
        shelf.pages()


@pytest.mark.parametrize(
    "body",
    [b"plain,text\n", gzip.compress(b"")[:-1] + b"\1", packed([]) + b"rubbish"],
    ids=["plain text", "a wrong sum", "rubbish behind it"],
)
def test_a_file_that_is_no_gzip_is_an_error(shelf: Shelf, body: bytes) -> None:
    shelf.put(body)
    with pytest.raises(CloudError, match="is not a whole gzip file"):
        shelf.pages()


def test_a_missing_file_is_an_error_with_its_name(shelf: Shelf, sandbox: Sandbox) -> None:
    shelf.put(packed([row("a.mp4")]), packed([row("b.mp4")]))
    sandbox.oss.delete(SHELF, f"{FOLDER}/data/1.csv.gz")
    with pytest.raises(CloudError, match=r"data/1\.csv\.gz cannot be read: NoSuchKey") as missing:
        shelf.pages()
    assert "lifecycle" in missing.value.hint


def test_a_broken_connection_neither_loses_nor_repeats_an_object(
    shelf: Shelf, sandbox: Sandbox
) -> None:
    keys = [f"{number:05}.mp4" for number in range(3000)]
    shelf.put(packed(row(key) for key in keys))
    inventory = shelf.inventory()
    faults = hit(sandbox, "cut_off", operation="GetObject", next=4)
    assert sorted(each.key for page in inventory.pages() for each in page.objects) == keys
    assert faults.hits.total() == 4
    assert (inventory.counts.rows, inventory.counts.listed) == (3000, 3000)
    assert inventory.calls == 5
    assert inventory.n_bytes == shelf.manifest().size_bytes


def test_several_files_are_read_at_once(shelf: Shelf, sandbox: Sandbox) -> None:
    shelf.put(*(packed([row(f"{number}.mp4")]) for number in range(6)))
    inventory = shelf.inventory(files_at_once=3)
    meeting = threading.Barrier(3)
    hit(sandbox, "call", operation="GetObject", next=3, callback=lambda _: meeting.wait(5) and None)
    assert len([each for page in inventory.pages() for each in page.objects]) == 6
    assert not meeting.broken


def test_a_stop_request_ends_the_pages_without_a_last_one(shelf: Shelf) -> None:
    shelf.put(*(packed(row(f"{number}/{n}.mp4") for n in range(3000)) for number in range(6)))
    pages = shelf.inventory().pages()
    assert not next(pages).is_last
    shelf.clock.stopping = True
    assert list(pages) == []


def test_an_abandoned_reader_leaves_no_thread_behind(shelf: Shelf) -> None:
    shelf.put(*(packed(row(f"{number}/{n}.mp4") for n in range(9000)) for number in range(4)))
    pages = shelf.inventory().pages()
    next(pages)
    assert isinstance(pages, Generator)
    pages.close()
    assert [
        thread.name for thread in threading.enumerate() if thread.name.startswith("inventory")
    ] == []

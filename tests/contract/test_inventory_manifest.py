"""The manifest of an inventory: its content, and refusals with a cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.test_fault_vod import hit
from tests.support.inventories import FOLDER, KEY, MADE_AT, SHELF, Shelf, packed, row
from tests.support.workspace import BUCKET
from watcher.errors import BucketRefused, CloudError, UsageError

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


@pytest.fixture
def shelf(sandbox: Sandbox) -> Shelf:
    """A bucket with one inventory."""
    made = Shelf(sandbox)
    made.put(packed([row("a.mp4")]), packed([]))
    return made


def test_a_manifest_says_what_was_listed_and_when(shelf: Shelf, sandbox: Sandbox) -> None:
    found = shelf.manifest()
    assert found.name == f"oss://{SHELF}/{KEY}"
    assert (found.source_bucket, found.made_at, found.missing) == (BUCKET, MADE_AT * 1000, ())
    assert [file.key for file in found.files] == [
        f"{FOLDER}/data/0.csv.gz",
        f"{FOLDER}/data/1.csv.gz",
    ]
    stored = [sandbox.oss.body(SHELF, file.key) for file in found.files]
    assert found.size_bytes == sum(map(len, stored))
    assert 0 <= sandbox.clock.now_ms() - MADE_AT * 1000 - found.age_ms < 60_000


def test_a_manifest_without_a_checksum_beside_it_is_used(shelf: Shelf, sandbox: Sandbox) -> None:
    sandbox.oss.delete(SHELF, KEY.replace("manifest.json", "manifest.checksum"))
    assert len(shelf.manifest().files) == 2


@pytest.mark.parametrize("checksum", [b"0" * 32, b"no checksum"])
def test_a_manifest_with_a_wrong_checksum_is_refused(shelf: Shelf, checksum: bytes) -> None:
    shelf.put(packed([row("a.mp4")]), checksum=checksum)
    with pytest.raises(CloudError, match=r"does not match the manifest\.checksum"):
        shelf.manifest()


def test_a_checksum_may_end_in_a_newline(shelf: Shelf, sandbox: Sandbox) -> None:
    checksum = KEY.replace("manifest.json", "manifest.checksum")
    sandbox.oss.put(SHELF, checksum, sandbox.oss.body(SHELF, checksum).lower() + b"\r\n")
    assert len(shelf.manifest().files) == 2


def test_an_unreadable_checksum_does_not_count_as_missing(shelf: Shelf, sandbox: Sandbox) -> None:
    hit(sandbox, "access_denied", operation="GetObject", skip=1, keys=())
    with pytest.raises(BucketRefused, match="AccessDenied"):
        shelf.manifest()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"fileFormat": "ORC"}, "the format ORC"),
        ({"fileFormat": None}, "the format None"),
        (
            {"sourceBucket": "another-bucket"},
            f"an inventory of bucket another-bucket, not of {BUCKET}",
        ),
        ({"fileSchema": "Bucket, Key, Size"}, "has no column LastModifiedDate, ETag"),
        ({"startTimestamp": "1759320000", "endTimestamp": "1759320600"}, "incremental"),
        ({"creationTimestamp": "1744617600000"}, "lacks creationTimestamp"),
        ({"creationTimestamp": "yesterday"}, "lacks creationTimestamp"),
        ({"files": None}, "lacks creationTimestamp, sourceBucket or files"),
        ({"files": [{"key": "a", "size": 5}]}, "file 1 has no key, size or MD5checksum"),
        ({"files": [{"key": "a", "size": 5, "MD5checksum": "F77449"}]}, "file 1 has no"),
    ],
)
def test_an_unusable_manifest_is_refused_with_a_cure(
    shelf: Shelf, wrong: dict[str, Any], why: str
) -> None:
    shelf.put(packed([row("a.mp4")]), **wrong)
    with pytest.raises(UsageError, match=why) as refused:
        shelf.manifest()
    assert "as CSV, with the fields" in refused.value.hint


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_a_manifest_must_be_json(shelf: Shelf, body: bytes) -> None:
    shelf.put_manifest(body)
    with pytest.raises(UsageError, match=r"manifest\.json is not JSON"):
        shelf.manifest()


def test_a_manifest_must_be_a_json_object(shelf: Shelf) -> None:
    shelf.put_manifest(b"[1]")
    with pytest.raises(UsageError, match="is not a manifest"):
        shelf.manifest()


def test_a_missing_manifest_is_a_usage_error(shelf: Shelf, sandbox: Sandbox) -> None:
    sandbox.oss.delete(SHELF, KEY)
    with pytest.raises(UsageError, match=f"there is no oss://{SHELF}/{KEY}"):
        shelf.manifest()

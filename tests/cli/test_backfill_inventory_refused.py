"""Inventories that are refused: missing, forbidden, or beside a key list; and their endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_backfill import fill
from tests.cli.test_backfill_inventory import READ
from tests.sandbox.test_fault_vod import hit
from tests.support.inventories import ADDRESS, KEY, SHELF, Shelf, packed, row
from tests.support.workspace import BUCKET
from watcher.wiring.inventory import endpoint_beside

if TYPE_CHECKING:
    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox


@pytest.fixture
def shelf(sandbox: Sandbox) -> Shelf:
    """An empty bucket for inventories."""
    return Shelf(sandbox)


def test_watches_over_several_buckets_must_be_narrowed(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    sandbox.oss.create_bucket("another-bucket")
    workspace.configure(workspace.watch(), workspace.watch("other", "oss://another-bucket/"))
    fill(sandbox, "a.mp4")
    shelf.picture()

    refused = workspace.backfill(*READ)
    wrong = workspace.backfill(*READ, "--watch", "other")

    assert (refused.status, wrong.status) == (2, 2)
    assert "--watch videos" in refused.err
    assert f"is an inventory of bucket {BUCKET}, not of another-bucket" in wrong.err
    assert workspace.backfill(*READ, "--watch", "videos").json["registered"] == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--list-manifest-from", "manifest.json"), "does not begin with oss://"),
        (("--list-manifest-from", f"oss://{SHELF}"), "names a bucket and no key"),
        (("--list-manifest-from", "oss://UPPER/manifest.json"), "not a bucket's name"),
        ((*READ, "--files-from", "-"), "each stand in for a listing"),
    ],
)
def test_what_names_no_inventory_is_refused_before_anything_is_asked(
    workspace: Workspace, sandbox: Sandbox, options: tuple[str, ...], why: str
) -> None:
    done = workspace.backfill(*options)
    assert done.status == 2, done.err
    assert why in done.err
    assert not sandbox.oss.journal


def test_an_inventory_that_is_not_there_or_wrong_touches_nothing(
    workspace: Workspace, shelf: Shelf
) -> None:
    before = workspace.ledger.read_bytes()
    missing = workspace.backfill(*READ)
    assert (missing.status, f"there is no {ADDRESS}" in missing.err) == (2, True)
    shelf.put(packed([row("a.mp4")]), checksum=b"0" * 32)
    broken = workspace.backfill(*READ)
    assert (broken.status, "does not match the manifest.checksum" in broken.err) == (5, True)
    nowhere = workspace.backfill("--list-manifest-from", f"oss://no-such-bucket/{KEY}")
    assert (nowhere.status, "NoSuchBucket" in nowhere.err) == (5, True)
    assert workspace.ledger.read_bytes() == before


def test_an_odd_key_of_a_manifest_is_given_percent_encoded(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    fill(sandbox, "a.mp4")
    shelf.picture()
    sandbox.oss.put(SHELF, "odd key\n.json", sandbox.oss.body(SHELF, KEY))
    address = f"oss://{SHELF}/odd%20key%0A.json"
    done = workspace.backfill("--list-manifest-from", address, "--encoding-type", "url")
    assert (done.status, done.json["registered"]) == (0, 1), done.err


def test_a_refused_inventory_names_the_right_that_is_missing(
    workspace: Workspace, sandbox: Sandbox, shelf: Shelf
) -> None:
    shelf.picture()
    hit(sandbox, "access_denied", operation="GetObject")
    done = workspace.backfill(*READ)
    assert done.status == 5
    assert "AccessDenied" in done.err


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        (
            "https://oss-cn-beijing-internal.aliyuncs.com",
            "https://oss-cn-beijing-internal.aliyuncs.com",
        ),
        ("https://oss-accelerate.aliyuncs.com", "https://oss-cn-beijing.aliyuncs.com"),
    ],
)
def test_it_is_read_where_the_watched_bucket_is_unless_that_is_one_buckets_own(
    endpoint: str, expected: str
) -> None:
    assert endpoint_beside(endpoint, "cn-beijing") == expected

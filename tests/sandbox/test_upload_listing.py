"""ListMultipartUploads, and the bucket that cannot be deleted meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import oss2
import pytest

from tests.support.oss_calls import bucket_client, error_code, send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

KEYS = ("a/1.mp4", "a/2.mp4", "b.mp4", "b.mp4", "b.mp4", "c/d/1.mp4", "c/e.mp4", "视频/第 1 集.mp4")


def begin(sandbox: Sandbox, *keys: str) -> list[tuple[str, str]]:
    """Begin an upload for each key, and return all in order."""
    bucket = bucket_client(sandbox)
    params = {"encoding-type": "url"}
    return [(key, bucket.init_multipart_upload(key, params=params).upload_id) for key in keys]


def pages(sandbox: Sandbox, **given: Any) -> list[list[str]]:
    """Return the uploads and the common prefixes of each page."""
    bucket, found = bucket_client(sandbox), []
    key_marker = id_marker = ""
    while True:
        page = bucket.list_multipart_uploads(
            key_marker=key_marker, upload_id_marker=id_marker, **given
        )
        found.append([f"{each.key} {each.upload_id}" for each in page.upload_list])
        found[-1] += page.prefix_list
        if not page.is_truncated:
            return found
        key_marker, id_marker = page.next_key_marker, page.next_upload_id_marker


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 1000])
def test_pages_of_any_size_show_each_upload_once(sandbox: Sandbox, size: int) -> None:
    begun = begin(sandbox, *reversed(KEYS))
    found = pages(sandbox, max_uploads=size)
    assert all(len(page) == size for page in found[:-1])
    assert [each for page in found for each in page] == [
        f"{key} {upload_id}"
        for key, upload_id in sorted(begun, key=lambda each: (each[0].encode(), each[1]))
    ]


def test_the_uploads_of_one_key_come_by_age(sandbox: Sandbox) -> None:
    begun = begin(sandbox, *["b.mp4"] * 5)
    assert [each for page in pages(sandbox) for each in page] == [" ".join(each) for each in begun]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_common_prefixes_count_as_one_upload(sandbox: Sandbox, size: int) -> None:
    begun = dict(begin(sandbox, *KEYS[:2], "b.mp4", *KEYS[5:]))
    found = [each for page in pages(sandbox, delimiter="/", max_uploads=size) for each in page]
    assert sorted(found) == sorted([f"b.mp4 {begun['b.mp4']}", "a/", "c/", "视频/"])


def test_a_prefix_selects_keys(sandbox: Sandbox) -> None:
    begun = dict(begin(sandbox, *KEYS[:2], *KEYS[5:]))
    assert pages(sandbox, prefix="c/", delimiter="/") == [[f"c/e.mp4 {begun['c/e.mp4']}", "c/d/"]]


def test_a_key_marker_alone_is_behind_all_uploads_of_that_key(sandbox: Sandbox) -> None:
    begin(sandbox, *KEYS)
    page = bucket_client(sandbox).list_multipart_uploads(key_marker="b.mp4")
    assert [each.key for each in page.upload_list] == list(KEYS[5:])


def test_an_upload_id_marker_without_a_key_does_not_count(sandbox: Sandbox) -> None:
    begun = begin(sandbox, "a.mp4", "b.mp4")
    page = bucket_client(sandbox).list_multipart_uploads(upload_id_marker=begun[1][1])
    assert [each.key for each in page.upload_list] == ["a.mp4", "b.mp4"]


def test_the_uploads_of_other_buckets_are_not_shown(sandbox: Sandbox) -> None:
    sandbox.oss.create_bucket("other-bucket")
    begin(sandbox, "a.mp4")
    assert not bucket_client(sandbox, "other-bucket").list_multipart_uploads().upload_list


def test_an_upload_is_shown_with_the_time_of_its_begin(sandbox: Sandbox) -> None:
    sandbox.clock_offset_s = -600
    begin(sandbox, "a.mp4")
    found = bucket_client(sandbox)
    sandbox.clock_offset_s = 0
    (shown,) = found.list_multipart_uploads().upload_list
    assert abs(sandbox.clock.now().timestamp() - 600 - shown.initiation_date) < 30


@pytest.mark.parametrize(
    ("name", "value"),
    [("max-uploads", "0"), ("max-uploads", "1001"), ("max-uploads", "x"), ("encoding-type", "x")],
)
def test_a_wrong_argument_is_refused(sandbox: Sandbox, name: str, value: str) -> None:
    answer = send_signed(sandbox, "GET", BUCKET, params={"uploads": "", name: value})
    assert (answer.status_code, error_code(answer)) == (400, "InvalidArgument")


def test_a_bucket_with_an_unfinished_upload_is_not_deleted(sandbox: Sandbox) -> None:
    ((key, upload_id),) = begin(sandbox, "a.mp4")
    bucket = bucket_client(sandbox)
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        bucket.delete_bucket()
    bucket.abort_multipart_upload(key, upload_id)
    bucket.delete_bucket()
    assert BUCKET not in sandbox.oss.buckets()

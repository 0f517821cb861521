"""The other tasks for which oss2 brings examples, with oss2 as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import oss2
import pytest

from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

KEY = "视频/example 1+2.mp4"
BODY = bytes(range(256)) * 2000


def test_folders_are_listed_as_prefixes(bucket: oss2.Bucket, sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, ["a.mp4", "dir/b.mp4", "dir/sub/c.mp4", "e.mp4"])

    both = [
        [(each.key, each.is_prefix()) for each in iterator(bucket, delimiter="/", max_keys=1)]
        for iterator in (oss2.ObjectIterator, oss2.ObjectIteratorV2)
    ]

    assert both == [[("a.mp4", False), ("dir/", True), ("e.mp4", False)]] * 2


def test_metadata_is_kept_and_replaced(bucket: oss2.Bucket) -> None:
    bucket.put_object(KEY, BODY, headers={"Content-Type": "video/mp4", "x-oss-meta-author": "one"})

    before = bucket.head_object(KEY)
    bucket.update_object_meta(KEY, {"x-oss-meta-author": "two", "Content-Type": "video/other"})
    after = bucket.head_object(KEY)

    assert (before.content_type, before.headers["x-oss-meta-author"]) == ("video/mp4", "one")
    assert (after.content_type, after.headers["x-oss-meta-author"]) == ("video/other", "two")
    assert after.etag == before.etag


def test_http_headers_of_an_upload_come_back(bucket: oss2.Bucket) -> None:
    given = {
        "Cache-Control": "no-cache",
        "Content-Disposition": 'attachment; filename="a.mp4"',
        "Content-Language": "zh-CN",
        "Expires": "Fri, 28 Feb 2031 05:38:42 GMT",
    }
    bucket.put_object(KEY, BODY, headers=given)

    shown = bucket.head_object(KEY).headers
    changed = bucket.get_object(KEY, params={"response-content-type": "text/plain"}).headers

    assert {name: shown[name] for name in given} == given
    assert changed["Content-Type"] == "text/plain"


def test_conditions_decide_on_an_answer(bucket: oss2.Bucket) -> None:
    etag = bucket.put_object(KEY, BODY).etag

    with pytest.raises(oss2.exceptions.NotModified):
        bucket.get_object(KEY, headers={"If-None-Match": f'"{etag}"'})
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        bucket.get_object(KEY, headers={"If-Match": '"another"'})
    assert bucket.get_object(KEY, headers={"If-Match": f'"{etag}"'}).read() == BODY


def test_an_object_can_be_protected_from_an_overwrite(
    bucket: oss2.Bucket, sandbox: Sandbox
) -> None:
    bucket.put_object(KEY, b"first")

    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object(KEY, b"second", headers={"x-oss-forbid-overwrite": "true"})

    assert (refused.value.status, refused.value.code) == (409, "FileAlreadyExists")
    assert sandbox.oss.body(BUCKET, KEY) == b"first"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [((500, None), 500, None), ((None, 199), -199, None), ((3, 3), 3, 4)],
)
def test_ranges_may_be_open(
    bucket: oss2.Bucket, asked: tuple[int | None, int | None], first: int, end: int | None
) -> None:
    bucket.put_object(KEY, BODY)

    assert bucket.get_object(KEY, byte_range=asked).read() == BODY[first:end]


def test_a_symlink_leads_to_its_target(bucket: oss2.Bucket) -> None:
    bucket.put_object(KEY, BODY)
    bucket.put_symlink(KEY, "link 链接.mp4")

    assert bucket.get_symlink("link 链接.mp4").target_key == KEY
    assert bucket.get_object("link 链接.mp4").read() == BODY


def test_a_restore_takes_its_time(bucket: oss2.Bucket, sandbox: Sandbox) -> None:
    bucket.put_object(KEY, BODY, headers={"x-oss-storage-class": "Archive"})
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_object(KEY)
    assert (refused.value.status, refused.value.code) == (403, "InvalidObjectState")

    bucket.restore_object(KEY)

    assert bucket.head_object(KEY).headers["x-oss-restore"] == 'ongoing-request="true"'
    with pytest.raises(oss2.exceptions.RestoreAlreadyInProgress):
        bucket.restore_object(KEY)
    sandbox.clock_offset_s = 120  # an Archive object takes a minute
    shown = oss2.Bucket(bucket.auth, sandbox.url, BUCKET, region=sandbox.region)
    assert shown.head_object(KEY).headers["x-oss-restore"].startswith('ongoing-request="false"')
    assert shown.get_object(KEY).read() == BODY


def test_a_bucket_shows_its_facts(bucket: oss2.Bucket, sandbox: Sandbox) -> None:
    info = bucket.get_bucket_info()
    service = oss2.Service(bucket.auth, sandbox.url, region=sandbox.region)

    assert (info.name, info.location) == (BUCKET, f"oss-{sandbox.region}")
    assert info.storage_class == "Standard"
    assert [each.name for each in oss2.BucketIterator(service, max_keys=1)] == [BUCKET]


def test_only_an_empty_bucket_is_deleted(bucket: oss2.Bucket, sandbox: Sandbox) -> None:
    made = oss2.Bucket(bucket.auth, sandbox.url, "another-bucket", region=sandbox.region)
    made.create_bucket()
    made.put_object(KEY, BODY)

    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        made.delete_bucket()
    made.delete_object(KEY)
    made.delete_bucket()

    with pytest.raises(oss2.exceptions.NoSuchBucket):
        made.get_bucket_info()


def test_an_existing_object_is_seen_and_a_missing_one_is_not(bucket: oss2.Bucket) -> None:
    bucket.put_object(KEY, BODY)

    assert bucket.object_exists(KEY)
    assert not bucket.object_exists("missing.mp4")
    assert bucket.get_object_meta(KEY).content_length == len(BODY)


def unoffered(bucket: oss2.Bucket) -> dict[str, Any]:
    """Return calls that the sandbox does not offer."""
    lifecycle = oss2.models.BucketLifecycle([])
    tags = oss2.models.Tagging(oss2.models.TaggingRule())
    return {
        "object ACL": lambda: bucket.put_object_acl(KEY, "public-read"),
        "object tags": lambda: bucket.put_object_tagging(KEY, tags),
        "no object tags": lambda: bucket.delete_object_tagging(KEY),
        "lifecycle": lambda: bucket.put_bucket_lifecycle(lifecycle),
        "no lifecycle": bucket.delete_bucket_lifecycle,
        "no CORS": bucket.delete_bucket_cors,
        "no policy": bucket.delete_bucket_policy,
        "versions": bucket.list_object_versions,
        "process": lambda: bucket.process_object(KEY, "image/resize,w_100"),
    }


def test_calls_that_are_not_offered_change_nothing(bucket: oss2.Bucket, sandbox: Sandbox) -> None:
    bucket.put_object(KEY, BODY)
    before = sandbox.oss.find(BUCKET, KEY)

    for name, call in unoffered(bucket).items():
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            call()
        assert (name, refused.value.status, refused.value.code) == (name, 501, "NotImplemented")

    assert sandbox.oss.find(BUCKET, KEY) == before
    assert sandbox.oss.body(BUCKET, KEY) == BODY

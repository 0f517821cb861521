"""The tasks for which oss2 brings examples, with oss2 as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import oss2
import pytest

from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from watcher.sandbox import Sandbox

KEY = "视频/example 1+2.mp4"
BODY = bytes(range(256)) * 2000
PART_BYTES = 100 * 1024


@pytest.fixture(params=[oss2.ProviderAuth, oss2.ProviderAuthV4], ids=["V1", "V4"])
def bucket(request: pytest.FixtureRequest, sandbox: Sandbox) -> oss2.Bucket:
    """The sandbox's bucket, by signature V1 and V4."""
    provider = oss2.credentials.StaticCredentialsProvider(
        sandbox.access_key_id, sandbox.access_key_secret
    )
    return oss2.Bucket(request.param(provider), sandbox.url, BUCKET, region=sandbox.region)


class Progress:
    """Counts as the examples do."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        self.seen.append((done, total))


def test_a_file_is_uploaded_and_downloaded_with_progress(
    bucket: oss2.Bucket, tmp_path: Path
) -> None:
    (tmp_path / "up.mp4").write_bytes(BODY)
    up, down = Progress(), Progress()

    bucket.put_object_from_file(KEY, str(tmp_path / "up.mp4"), progress_callback=up)
    bucket.get_object_to_file(KEY, str(tmp_path / "down.mp4"), progress_callback=down)

    assert (tmp_path / "down.mp4").read_bytes() == BODY
    assert up.seen[-1] == down.seen[-1] == (len(BODY), len(BODY))


def test_a_resumable_upload_and_download_are_whole(
    bucket: oss2.Bucket, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "up.mp4").write_bytes(BODY)
    store = oss2.ResumableStore(root=str(tmp_path))
    downloads = oss2.ResumableDownloadStore(root=str(tmp_path))

    oss2.resumable_upload(
        bucket, KEY, str(tmp_path / "up.mp4"), store=store, multipart_threshold=PART_BYTES,
        part_size=PART_BYTES, num_threads=2,
    )  # fmt: skip
    oss2.resumable_download(
        bucket, KEY, str(tmp_path / "down.mp4"), store=downloads, multiget_threshold=PART_BYTES,
        part_size=PART_BYTES, num_threads=2,
    )  # fmt: skip

    assert (tmp_path / "down.mp4").read_bytes() == sandbox.oss.body(BUCKET, KEY) == BODY


def test_a_generator_is_uploaded_in_chunks(bucket: oss2.Bucket, sandbox: Sandbox) -> None:
    def pieces() -> Iterator[bytes]:
        yield from (b"one ", b"two ", b"three")

    bucket.put_object(KEY, pieces())

    assert sandbox.oss.body(BUCKET, KEY) == b"one two three"


def test_both_sides_agree_on_the_crc_of_each_transfer(bucket: oss2.Bucket) -> None:
    put = bucket.put_object(KEY, BODY)
    got = bucket.get_object(KEY)
    got.read()
    upload = bucket.init_multipart_upload(KEY).upload_id
    part = bucket.upload_part(KEY, upload, 1, BODY)
    done = bucket.complete_multipart_upload(
        KEY, upload, [oss2.models.PartInfo(1, part.etag, size=len(BODY), part_crc=part.crc)]
    )
    appended = bucket.append_object("appended.mp4", 0, b"some ", init_crc=0)
    again = bucket.append_object("appended.mp4", 5, b"more", init_crc=appended.crc)

    assert put.crc == got.server_crc == got.client_crc == part.crc == done.crc
    assert again.crc == bucket.get_object("appended.mp4").server_crc


def test_a_wrong_append_position_carries_the_right_one(bucket: oss2.Bucket) -> None:
    bucket.append_object(KEY, 0, b"some ")

    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as refused:
        bucket.append_object(KEY, 3, b"more")

    assert refused.value.next_position == 5
    assert bucket.append_object(KEY, 5, b"more").next_position == 9


def test_a_plain_object_cannot_be_appended_to(bucket: oss2.Bucket) -> None:
    bucket.put_object(KEY, b"plain")

    with pytest.raises(oss2.exceptions.ObjectNotAppendable):
        bucket.append_object(KEY, 5, b"more")


def test_a_large_object_is_copied_in_parts(bucket: oss2.Bucket, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, BODY)
    upload = bucket.init_multipart_upload("copy.mp4").upload_id

    parts = [
        oss2.models.PartInfo(
            number,
            bucket.upload_part_copy(
                BUCKET, KEY, (first, min(first + 200_000, len(BODY)) - 1), "copy.mp4", upload, number
            ).etag,
        )
        for number, first in enumerate(range(0, len(BODY), 200_000), 1)
    ]
    bucket.complete_multipart_upload("copy.mp4", upload, parts)

    assert sandbox.oss.body(BUCKET, "copy.mp4") == BODY


def test_unfinished_uploads_and_their_parts_are_listed_page_by_page(bucket: oss2.Bucket) -> None:
    uploads = {bucket.init_multipart_upload(KEY).upload_id for _ in range(3)}
    other = bucket.init_multipart_upload("other.mp4").upload_id
    first = min(uploads)
    for number in (1, 2, 5):
        bucket.upload_part(KEY, first, number, b"x" * PART_BYTES)

    shown = list(oss2.MultipartUploadIterator(bucket, max_uploads=1))
    parts = list(oss2.PartIterator(bucket, KEY, first, max_parts=1))
    of_key = {each.upload_id for each in oss2.ObjectUploadIterator(bucket, KEY, max_uploads=1)}

    assert {(each.key, each.upload_id) for each in shown} == {
        *((KEY, upload) for upload in uploads),
        ("other.mp4", other),
    }
    assert [(each.part_number, each.size) for each in parts] == [
        (number, PART_BYTES) for number in (1, 2, 5)
    ]
    assert of_key == uploads


def test_an_aborted_upload_is_gone(bucket: oss2.Bucket) -> None:
    upload = bucket.init_multipart_upload(KEY).upload_id
    bucket.abort_multipart_upload(KEY, upload)

    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.upload_part(KEY, upload, 1, b"late")


def test_an_upload_id_belongs_to_one_key(bucket: oss2.Bucket) -> None:
    upload = bucket.init_multipart_upload(KEY).upload_id

    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.upload_part("other.mp4", upload, 1, b"stray")


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

"""The transfers for which oss2 brings examples, with oss2 as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import oss2
import pytest
import requests

from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from watcher.sandbox import Sandbox

KEY = "视频/example 1+2.mp4"
BODY = bytes(range(256)) * 2000
PART_BYTES = 100 * 1024


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
                BUCKET,
                KEY,
                (first, min(first + 200_000, len(BODY)) - 1),
                "copy.mp4",
                upload,
                number,
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


def test_a_presigned_upload_holds_its_headers_fast(bucket: oss2.Bucket, sandbox: Sandbox) -> None:
    signed = {"Content-Type": "video/mp4", "x-oss-meta-author": "one"}
    url = bucket.sign_url("PUT", KEY, 60, headers=signed, slash_safe=True)

    changed = requests.put(url, BODY, headers={**signed, "x-oss-meta-author": "two"}, timeout=30)
    kept = requests.put(url, BODY, headers=signed, timeout=30)

    assert (changed.status_code, kept.status_code) == (403, 200)
    found = bucket.head_object(KEY)
    assert (found.content_type, found.headers["x-oss-meta-author"]) == ("video/mp4", "one")
    assert sandbox.oss.body(BUCKET, KEY) == BODY


def test_a_presigned_download_names_its_own_headers(bucket: oss2.Bucket) -> None:
    bucket.put_object(KEY, BODY)
    shown = {"response-content-disposition": 'attachment; filename="a b.mp4"'}
    url = bucket.sign_url("GET", KEY, 60, params=shown, slash_safe=True)

    answer = requests.get(url, timeout=30)

    assert answer.content == BODY
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a b.mp4"'

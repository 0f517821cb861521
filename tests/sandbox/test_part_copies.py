"""UploadPartCopy: an object, or a range of it, becomes a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import oss2
import pytest

from tests.support.oss_calls import bucket_client, error_code, send_signed
from tests.support.workspace import BUCKET
from watcher.sandbox.account import Grant

if TYPE_CHECKING:
    import requests

    from watcher.sandbox import Sandbox

KEY = "whole.mp4"
SOURCE = "源 +%41.mp4"
BODY = bytes(range(256)) * 2000  # 512,000 bytes
OTHER_BUCKET = "other-bucket"
LONG_AGO = "Sat, 01 Jan 2000 00:00:00 GMT"
LONG_HENCE = "Fri, 01 Jan 2100 00:00:00 GMT"


def copy(sandbox: Sandbox, upload_id: str, **headers: str) -> requests.Response:
    """Copy the source as part 1; the headers are those behind `x-oss-copy-source-`."""
    named = {f"x-oss-copy-source-{name.replace('_', '-')}": each for name, each in headers.items()}
    source = f"/{BUCKET}/{oss2.compat.urlquote(SOURCE, '')}"
    return send_signed(
        sandbox, "PUT", BUCKET, KEY,
        params={"partNumber": "1", "uploadId": upload_id},
        headers={"x-oss-copy-source": source, **named},
    )  # fmt: skip


def begun(sandbox: Sandbox) -> str:
    sandbox.oss.put(BUCKET, SOURCE, BODY)
    return str(bucket_client(sandbox).init_multipart_upload(KEY).upload_id)


def listed(sandbox: Sandbox, upload_id: str) -> list[tuple[int, int]]:
    """Return number and size of each part."""
    parts = bucket_client(sandbox).list_parts(KEY, upload_id).parts
    return [(part.part_number, part.size) for part in parts]


def test_an_object_is_put_together_from_ranges_of_others(sandbox: Sandbox) -> None:
    upload_id = begun(sandbox)
    bucket = bucket_client(sandbox)
    ranges = ((256_000, 511_999), (0, 149_999), None)
    parts = []
    for number, wanted in enumerate(ranges, start=1):
        done = bucket.upload_part_copy(BUCKET, SOURCE, wanted, KEY, upload_id, number)
        parts.append(oss2.models.PartInfo(number, done.etag))
    done = bucket.complete_multipart_upload(KEY, upload_id, parts)

    whole = BODY[256_000:] + BODY[:150_000] + BODY
    assert sandbox.oss.body(BUCKET, KEY) == whole
    got = bucket.get_object(KEY)
    assert (got.read(), got.client_crc) == (whole, done.crc)


def test_a_copied_part_has_the_etag_of_its_bytes(sandbox: Sandbox) -> None:
    upload_id = begun(sandbox)
    copied = copy(sandbox, upload_id, range="bytes=1000-299999")
    uploaded = bucket_client(sandbox).upload_part(KEY, upload_id, 2, BODY[1000:300_000])
    assert copied.headers["ETag"] == f'"{uploaded.etag}"'
    assert "<CopyPartResult><LastModified>" in copied.text


def test_a_part_stays_when_its_source_is_deleted(sandbox: Sandbox) -> None:
    upload_id = begun(sandbox)
    copied = copy(sandbox, upload_id)
    sandbox.oss.put(BUCKET, SOURCE, b"other bytes" * 100_000)
    sandbox.oss.delete(BUCKET, SOURCE)
    part = oss2.models.PartInfo(1, copied.headers["ETag"].strip('"'))
    bucket_client(sandbox).complete_multipart_upload(KEY, upload_id, [part])
    assert sandbox.oss.body(BUCKET, KEY) == BODY


def test_a_source_may_stand_in_another_bucket(sandbox: Sandbox) -> None:
    sandbox.oss.create_bucket(OTHER_BUCKET)
    sandbox.oss.put(OTHER_BUCKET, "a.mp4", b"from there")
    upload_id = begun(sandbox)
    bucket_client(sandbox).upload_part_copy(OTHER_BUCKET, "a.mp4", None, KEY, upload_id, 1)
    assert listed(sandbox, upload_id) == [(1, 10)]


@pytest.mark.parametrize("wanted", ["bytes=9-3", "bytes=x-y", "0-9", "bytes=-5", "bytes="])
def test_a_malformed_range_means_the_whole_object(sandbox: Sandbox, wanted: str) -> None:
    upload_id = begun(sandbox)
    assert copy(sandbox, upload_id, range=wanted).status_code == 200
    assert listed(sandbox, upload_id) == [(1, len(BODY))]


@pytest.mark.parametrize("wanted", ["bytes=0-512000", "bytes=512000-", "bytes=600000-700000"])
def test_a_range_beyond_the_end_is_refused(sandbox: Sandbox, wanted: str) -> None:
    upload_id = begun(sandbox)
    answer = copy(sandbox, upload_id, range=wanted)
    assert (answer.status_code, error_code(answer)) == (416, "InvalidRange")
    assert listed(sandbox, upload_id) == []


@pytest.mark.parametrize(
    ("name", "holds", "fails", "status"),
    [
        ("if_match", "ETAG", '"0123456789ABCDEF0123456789ABCDEF"', 412),
        ("if_none_match", "other", "ETAG", 304),
        ("if_unmodified_since", LONG_HENCE, LONG_AGO, 412),
        ("if_modified_since", LONG_AGO, LONG_HENCE, 304),
    ],
)
def test_a_condition_on_the_source_decides(
    sandbox: Sandbox, name: str, holds: str, fails: str, status: int
) -> None:
    upload_id = begun(sandbox)
    stored = sandbox.oss.find(BUCKET, SOURCE)
    assert stored is not None

    refused = copy(sandbox, upload_id, **{name: fails.replace("ETAG", f'"{stored.etag}"')})
    assert refused.status_code == status
    assert listed(sandbox, upload_id) == []

    copied = copy(sandbox, upload_id, **{name: holds.replace("ETAG", f'"{stored.etag}"')})
    assert copied.status_code == 200
    assert listed(sandbox, upload_id) == [(1, len(BODY))]


def test_a_source_that_is_missing_is_named(sandbox: Sandbox) -> None:
    upload_id = begun(sandbox)
    bucket = bucket_client(sandbox)
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.upload_part_copy(BUCKET, "missing.mp4", None, KEY, upload_id, 1)
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        bucket.upload_part_copy("missing-bucket", "a.mp4", None, KEY, upload_id, 1)
    assert listed(sandbox, upload_id) == []


def test_an_archived_source_must_be_restored_first(sandbox: Sandbox) -> None:
    upload_id = begun(sandbox)
    sandbox.oss.put(BUCKET, "cold.mp4", b"cold", storage_class="Archive")
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidObjectState"):
        bucket_client(sandbox).upload_part_copy(BUCKET, "cold.mp4", None, KEY, upload_id, 1)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("", 400), ("/", 400), (f"{BUCKET}/a.mp4", 400), (f"/{BUCKET}", 400), (f"/{BUCKET}/", 400),
        (f"/{BUCKET}/a.mp4?versionId=1", 501),
    ],
)  # fmt: skip
def test_a_source_that_names_no_object_is_refused(
    sandbox: Sandbox, source: str, status: int
) -> None:
    upload_id = begun(sandbox)
    answer = send_signed(
        sandbox, "PUT", BUCKET, KEY,
        params={"partNumber": "1", "uploadId": upload_id}, headers={"x-oss-copy-source": source},
    )  # fmt: skip
    assert answer.status_code == status
    assert listed(sandbox, upload_id) == []


def test_a_credential_copies_only_what_it_may_read(sandbox: Sandbox) -> None:
    upload_id = begun(sandbox)
    issued = sandbox.account.issue(sandbox.clock.now(), 600, [Grant(bucket=BUCKET, keys=b"whole*")])
    auth = oss2.StsAuth(issued.access_key_id, issued.access_key_secret, issued.security_token)
    bucket = oss2.Bucket(auth, sandbox.url, BUCKET)
    with pytest.raises(oss2.exceptions.AccessDenied):
        bucket.upload_part_copy(BUCKET, SOURCE, None, KEY, upload_id, 1)
    bucket.upload_part(KEY, upload_id, 1, b"own bytes")
    assert listed(sandbox, upload_id) == [(1, 9)]


def test_a_connection_goes_on_after_an_answer_without_a_body(sandbox: Sandbox) -> None:
    upload_id = begun(sandbox)
    bucket, later = bucket_client(sandbox), {"x-oss-copy-source-if-modified-since": LONG_HENCE}
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.upload_part_copy(BUCKET, SOURCE, None, KEY, upload_id, 1, headers=later)
    assert bucket.list_parts(KEY, upload_id).parts == []


def test_a_symlink_is_no_source(sandbox: Sandbox) -> None:
    upload_id = begun(sandbox)
    bucket = bucket_client(sandbox)
    bucket.put_symlink("a.mp4", "link.mp4")
    with pytest.raises(oss2.exceptions.ServerError, match="OperationNotSupported"):
        bucket.upload_part_copy(BUCKET, "link.mp4", None, KEY, upload_id, 1)

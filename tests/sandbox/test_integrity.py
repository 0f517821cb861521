"""Checksums: `x-oss-hash-crc64ecma` on what is written and read, Content-MD5 on every body."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import oss2
import pytest

from tests.support.oss_calls import bucket_client, crc64_of, error_code, send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox import Sandbox

CRC64 = "x-oss-hash-crc64ecma"
BODY = b"123456789"
BODY_CRC64 = str(0x995DC9BBDF1939FA)  # the check value of CRC-64/XZ
DELETE = b"<Delete><Object><Key>a.mp4</Key></Object></Delete>"
NO_PARTS = b"<CompleteMultipartUpload></CompleteMultipartUpload>"


def md5_of(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def test_a_put_and_every_read_show_the_crc_of_the_object(sandbox: Sandbox) -> None:
    put = send_signed(sandbox, "PUT", BUCKET, "a.mp4", body=BODY)
    got = send_signed(sandbox, "GET", BUCKET, "a.mp4")
    head = send_signed(sandbox, "HEAD", BUCKET, "a.mp4")
    meta = send_signed(sandbox, "HEAD", BUCKET, "a.mp4", params={"objectMeta": ""})
    for answer in (put, got, head, meta):
        assert (answer.status_code, answer.headers[CRC64]) == (200, BODY_CRC64)


def test_a_range_shows_the_crc_of_the_whole_object(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4", BODY)
    got = send_signed(sandbox, "GET", BUCKET, "a.mp4", headers={"Range": "bytes=2-4"})
    assert (got.status_code, got.content, got.headers[CRC64]) == (206, b"345", BODY_CRC64)


def test_objects_that_were_filled_in_show_their_crc(sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, ["a.mp4"], BODY)
    assert send_signed(sandbox, "HEAD", BUCKET, "a.mp4").headers[CRC64] == BODY_CRC64


def test_a_copy_has_the_crc_of_its_source(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4", BODY)
    copied = send_signed(
        sandbox, "PUT", BUCKET, "b.mp4", headers={"x-oss-copy-source": f"/{BUCKET}/a.mp4"}
    )
    assert copied.headers[CRC64] == BODY_CRC64
    assert send_signed(sandbox, "HEAD", BUCKET, "b.mp4").headers[CRC64] == BODY_CRC64


def test_parts_show_their_crc_and_the_object_that_of_all(sandbox: Sandbox) -> None:
    first, last = b"1" * 102_400, b"the last part"
    bucket = bucket_client(sandbox)
    upload_id = bucket.init_multipart_upload("a.mp4").upload_id
    parts = [
        bucket.upload_part("a.mp4", upload_id, number, body)
        for number, body in ((1, first), (2, last))
    ]
    done = bucket.complete_multipart_upload(
        "a.mp4",
        upload_id,
        [oss2.models.PartInfo(number, part.etag) for number, part in enumerate(parts, start=1)],
    )
    assert [str(part.crc) for part in parts] == [crc64_of(first), crc64_of(last)]
    assert str(done.crc) == bucket.head_object("a.mp4").headers[CRC64] == crc64_of(first + last)


def test_the_real_sdk_checks_what_it_reads(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4", BODY)
    got = bucket_client(sandbox).get_object("a.mp4")
    assert got.read() == BODY
    assert got.client_crc == got.server_crc == int(BODY_CRC64)


WITH_BODIES: Mapping[str, tuple[str, str, dict[str, str], dict[str, str]]] = {
    "PutObject": ("PUT", "a.mp4", {}, {}),
    "AppendObject": ("POST", "log", {"append": "", "position": "0"}, {}),
    "PutSymlink": ("PUT", "link.mp4", {"symlink": ""}, {"x-oss-symlink-target": "a.mp4"}),
    "InitiateMultipartUpload": ("POST", "a.mp4", {"uploads": ""}, {}),
    "UploadPart": ("PUT", "part.mp4", {"partNumber": "1", "uploadId": "UPLOAD"}, {}),
    "CompleteMultipartUpload": ("POST", "part.mp4", {"uploadId": "UPLOAD"}, {}),
    "DeleteMultipleObjects": ("POST", "", {"delete": ""}, {}),
    "PutBucketAcl": ("PUT", "", {"acl": ""}, {"x-oss-acl": "public-read"}),
}


@pytest.mark.parametrize("operation", WITH_BODIES)
@pytest.mark.parametrize("md5", [md5_of(b"another body"), "no base64", "YWJj", ""])
def test_a_body_with_another_md5_changes_nothing(
    sandbox: Sandbox, operation: str, md5: str
) -> None:
    bucket = bucket_client(sandbox)
    sandbox.oss.put(BUCKET, "a.mp4", b"the original")
    upload_id = bucket.init_multipart_upload("part.mp4").upload_id
    method, key, params, headers = WITH_BODIES[operation]

    answer = send_signed(
        sandbox,
        method,
        BUCKET,
        key,
        params={name: value.replace("UPLOAD", upload_id) for name, value in params.items()},
        headers={**headers, "Content-MD5": md5},
        body=DELETE if "delete" in params else NO_PARTS,
    )

    assert (answer.status_code, error_code(answer)) == (400, "InvalidDigest")
    assert sandbox.oss.keys(BUCKET) == (b"a.mp4",)
    assert sandbox.oss.body(BUCKET, "a.mp4") == b"the original"
    assert not bucket.list_parts("part.mp4", upload_id).parts
    assert len(bucket.list_multipart_uploads().upload_list) == 1
    assert bucket.get_bucket_acl().acl == "private"


@pytest.mark.parametrize("params", [{}, {"append": "", "position": "0"}])
def test_a_body_with_its_own_md5_is_stored(sandbox: Sandbox, params: dict[str, str]) -> None:
    answer = send_signed(
        sandbox, "POST" if params else "PUT", BUCKET, "a.mp4",
        params=params, headers={"Content-MD5": md5_of(BODY)}, body=BODY,
    )  # fmt: skip
    assert (answer.status_code, sandbox.oss.body(BUCKET, "a.mp4")) == (200, BODY)


def test_a_crc_that_is_sent_is_refused_and_not_ignored(sandbox: Sandbox) -> None:
    answer = send_signed(sandbox, "PUT", BUCKET, "a.mp4", headers={CRC64: BODY_CRC64}, body=BODY)
    assert (answer.status_code, CRC64 in answer.text) == (501, True)
    assert sandbox.oss.keys(BUCKET) == ()

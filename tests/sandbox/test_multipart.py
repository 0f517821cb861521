"""Multipart uploads: begin, parts, pages of parts, complete and abort."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import oss2
import pytest

from tests.support.oss_calls import bucket_client, crc64_of, error_code, send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from watcher.sandbox import Sandbox

KEY = "whole.mp4"
ODD_KEY = "\x01 a\rb\n\x1f<&>'\"+%视频.mp4"
FULL = b"1" * 102_400  # the smallest part that is not the last
OTHER_BUCKET = "other-bucket"


def part(number: int, etag: str) -> Any:
    return oss2.models.PartInfo(number, etag)


def begun(sandbox: Sandbox, *bodies: bytes, key: str = KEY) -> tuple[str, list[Any]]:
    """Begin an upload with parts 1, 2 and so on, and return its ID and the parts."""
    bucket = bucket_client(sandbox)
    upload_id = bucket.init_multipart_upload(key, params={"encoding-type": "url"}).upload_id
    parts = [
        part(number, bucket.upload_part(key, upload_id, number, body).etag)
        for number, body in enumerate(bodies, start=1)
    ]
    return upload_id, parts


def complete(
    sandbox: Sandbox, upload_id: str, body: bytes = b"", *, key: str = KEY, **headers: str
) -> requests.Response:
    return send_signed(
        sandbox, "POST", BUCKET, key, params={"uploadId": upload_id},
        headers={f"x-oss-{name.replace('_', '-')}": value for name, value in headers.items()},
        body=body,
    )  # fmt: skip


def body_of(*parts: tuple[object, str]) -> bytes:
    inside = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        for number, etag in parts
    )
    return f"<CompleteMultipartUpload>{inside}</CompleteMultipartUpload>".encode()


def test_the_answer_to_complete_names_the_object(sandbox: Sandbox) -> None:
    upload_id, parts = begun(sandbox, FULL, b"2")
    answer = complete(
        sandbox, upload_id, body_of(*((each.part_number, each.etag) for each in parts))
    )

    tree = ET.fromstring(answer.content)  # noqa: S314 - our own sandbox
    assert [node.tag for node in tree] == ["Location", "Bucket", "Key", "ETag"]
    assert tree.findtext("Location") == f"http://{BUCKET}.oss-cn-shanghai.aliyuncs.com/{KEY}"
    assert tree.findtext("ETag") == answer.headers["ETag"]
    assert re.fullmatch(r'"[0-9A-F]{32}-2"', answer.headers["ETag"])
    assert sandbox.oss.body(BUCKET, KEY) == FULL + b"2"
    assert bucket_client(sandbox).head_object(KEY).object_type == "Multipart"


def test_a_second_complete_finds_no_upload(sandbox: Sandbox) -> None:
    upload_id, parts = begun(sandbox, b"1")
    bucket = bucket_client(sandbox)
    bucket.complete_multipart_upload(KEY, upload_id, parts)
    calls: tuple[Callable[[], object], ...] = (
        lambda: bucket.complete_multipart_upload(KEY, upload_id, parts),
        lambda: bucket.upload_part(KEY, upload_id, 1, b"1"),
        lambda: bucket.list_parts(KEY, upload_id),
        lambda: bucket.abort_multipart_upload(KEY, upload_id),
    )
    for call in calls:
        with pytest.raises(oss2.exceptions.NoSuchUpload):
            call()


def test_an_aborted_upload_is_gone(sandbox: Sandbox) -> None:
    upload_id, parts = begun(sandbox, b"1")
    bucket = bucket_client(sandbox)
    bucket.abort_multipart_upload(KEY, upload_id)
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.complete_multipart_upload(KEY, upload_id, parts)
    assert sandbox.oss.keys(BUCKET) == ()


@pytest.mark.parametrize(("bucket_name", "key"), [(BUCKET, "other.mp4"), (OTHER_BUCKET, KEY)])
def test_an_upload_belongs_to_its_bucket_and_key(
    sandbox: Sandbox, bucket_name: str, key: str
) -> None:
    sandbox.oss.create_bucket(OTHER_BUCKET)
    upload_id, parts = begun(sandbox, b"1")
    other = bucket_client(sandbox, bucket_name)
    calls: tuple[Callable[[], object], ...] = (
        lambda: other.upload_part(key, upload_id, 1, b"foreign"),
        lambda: other.upload_part_copy(BUCKET, "a.mp4", None, key, upload_id, 1),
        lambda: other.list_parts(key, upload_id),
        lambda: other.complete_multipart_upload(key, upload_id, parts),
        lambda: other.abort_multipart_upload(key, upload_id),
    )
    for call in calls:
        with pytest.raises(oss2.exceptions.NoSuchUpload):
            call()

    bucket_client(sandbox).complete_multipart_upload(KEY, upload_id, parts)
    assert sandbox.oss.body(BUCKET, KEY) == b"1"


def test_a_part_that_is_uploaded_again_replaces_the_first(sandbox: Sandbox) -> None:
    upload_id, parts = begun(sandbox, b"first")
    bucket = bucket_client(sandbox)
    again = bucket.upload_part(KEY, upload_id, 1, b"second")
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidPart"):
        bucket.complete_multipart_upload(KEY, upload_id, parts)
    bucket.complete_multipart_upload(KEY, upload_id, [part(1, again.etag)])
    assert sandbox.oss.body(BUCKET, KEY) == b"second"


@pytest.mark.parametrize(
    ("order", "sizes", "code"),
    [
        ((2, 1), (102_400, 102_400), "InvalidPartOrder"),
        ((1, 1), (102_400, 102_400), "InvalidPartOrder"),
        ((1, 3), (102_400, 102_400), "InvalidPart"),
        ((1, 2), (102_399, 102_400), "EntityTooSmall"),
    ],
)
def test_parts_that_do_not_fit_are_refused_and_kept(
    sandbox: Sandbox, order: tuple[int, ...], sizes: tuple[int, ...], code: str
) -> None:
    upload_id, parts = begun(sandbox, *(b"1" * size for size in sizes))
    etags = {each.part_number: each.etag for each in parts}
    named = ((number, etags.get(number, parts[0].etag)) for number in order)

    answer = complete(sandbox, upload_id, body_of(*named))

    assert (answer.status_code, error_code(answer)) == (400, code)
    assert sandbox.oss.keys(BUCKET) == ()
    assert len(bucket_client(sandbox).list_parts(KEY, upload_id).parts) == len(parts)


@pytest.mark.parametrize(
    "body",
    [b"", b"no xml", b"<CompleteMultipartUpload/>", body_of(("one", "x")), body_of(("", "x"))],
)
def test_a_body_that_names_no_parts_is_malformed(sandbox: Sandbox, body: bytes) -> None:
    upload_id, _ = begun(sandbox, b"1")
    answer = complete(sandbox, upload_id, body)
    assert (answer.status_code, error_code(answer)) == (400, "MalformedXML")


@pytest.mark.parametrize("number", ["0", "10001", "-1", "one", ""])
def test_a_part_number_outside_its_bounds_is_refused(sandbox: Sandbox, number: str) -> None:
    upload_id, _ = begun(sandbox)
    params = {"partNumber": number, "uploadId": upload_id}
    answer = send_signed(sandbox, "PUT", BUCKET, KEY, params=params, body=b"1")
    assert (answer.status_code, error_code(answer)) == (400, "InvalidArgument")


def test_all_parts_are_completed_without_naming_them(sandbox: Sandbox) -> None:
    upload_id, _ = begun(sandbox, FULL, b"2")
    bucket_client(sandbox).upload_part(KEY, upload_id, 7, b"7")
    assert error_code(complete(sandbox, upload_id, complete_all="yes")) == "EntityTooSmall"
    bucket_client(sandbox).upload_part(KEY, upload_id, 2, FULL)

    assert complete(sandbox, upload_id, complete_all="yes").status_code == 200
    assert sandbox.oss.body(BUCKET, KEY) == FULL + FULL + b"7"


def test_all_parts_and_a_body_do_not_go_together(sandbox: Sandbox) -> None:
    upload_id, parts = begun(sandbox, b"1")
    answer = complete(sandbox, upload_id, body_of((1, parts[0].etag)), complete_all="yes")
    assert (answer.status_code, error_code(answer)) == (400, "InvalidArgument")
    assert answer.headers["x-oss-ec"] == "0042-00000216"
    assert sandbox.oss.keys(BUCKET) == ()


def test_an_upload_without_parts_cannot_be_completed(sandbox: Sandbox) -> None:
    upload_id, _ = begun(sandbox)
    answer = complete(sandbox, upload_id, complete_all="yes")
    assert (answer.status_code, error_code(answer)) == (400, "InvalidPart")


def test_an_object_that_may_not_be_overwritten_stays(sandbox: Sandbox) -> None:
    upload_id, parts = begun(sandbox, b"new")
    sandbox.oss.put(BUCKET, KEY, b"old")
    bucket, forbid = bucket_client(sandbox), {"x-oss-forbid-overwrite": "true"}

    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        bucket.init_multipart_upload(KEY, headers=forbid)
    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        bucket.complete_multipart_upload(KEY, upload_id, parts, headers=forbid)
    assert sandbox.oss.body(BUCKET, KEY) == b"old"

    bucket.complete_multipart_upload(KEY, upload_id, parts)
    assert sandbox.oss.body(BUCKET, KEY) == b"new"


def test_parts_are_listed_page_by_page(sandbox: Sandbox) -> None:
    upload_id, _ = begun(sandbox, b"1", b"22", b"333")
    bucket = bucket_client(sandbox)
    bucket.upload_part(KEY, upload_id, 9, b"9")
    seen, marker = [], ""
    for truncated in (True, False):
        page = bucket.list_parts(KEY, upload_id, marker=marker, max_parts=2)
        assert (page.is_truncated, len(page.parts)) == (truncated, 2)
        seen += [(each.part_number, each.size) for each in page.parts]
        marker = page.next_marker
    assert (seen, marker) == ([(1, 1), (2, 2), (3, 3), (9, 1)], "9")


def test_each_part_has_its_own_time_and_crc(sandbox: Sandbox) -> None:
    upload_id, parts = begun(sandbox, b"1", b"2")
    sandbox.clock_offset_s = 100
    bucket_client(sandbox).upload_part(KEY, upload_id, 2, b"2")

    answer = send_signed(sandbox, "GET", BUCKET, KEY, params={"uploadId": upload_id})
    found = ET.fromstring(answer.content).findall("Part")  # noqa: S314 - our own sandbox
    times = [oss2.utils.iso8601_to_unixtime(each.findtext("LastModified")) for each in found]
    assert 98 <= times[1] - times[0] <= 102
    crcs = [each.findtext("HashCrc64ecma") for each in found]
    assert crcs == [crc64_of(b"1"), crc64_of(b"2")]
    assert [each.findtext("ETag") for each in found] == [f'"{each.etag}"' for each in parts]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max-parts", "0"), ("max-parts", "1001"), ("max-parts", "x"),
        ("part-number-marker", "-1"), ("part-number-marker", "x"), ("encoding-type", "gzip"),
    ],
)  # fmt: skip
def test_a_page_of_parts_with_a_wrong_argument_is_refused(
    sandbox: Sandbox, name: str, value: str
) -> None:
    upload_id, _ = begun(sandbox)
    params = {"uploadId": upload_id, name: value}
    answer = send_signed(sandbox, "GET", BUCKET, KEY, params=params)
    assert (answer.status_code, error_code(answer)) == (400, "InvalidArgument")


def test_a_key_with_control_characters_passes_through_all_steps(sandbox: Sandbox) -> None:
    upload_id, parts = begun(sandbox, b"1", key=ODD_KEY)
    bucket = bucket_client(sandbox)
    assert [each.key for each in bucket.list_multipart_uploads().upload_list] == [ODD_KEY]
    bucket.complete_multipart_upload(ODD_KEY, upload_id, parts)
    assert sandbox.oss.keys(BUCKET) == (ODD_KEY.encode(),)


@pytest.mark.parametrize("step", ["uploads", "parts", "complete"])
def test_a_key_is_encoded_where_the_request_asks_for_it(sandbox: Sandbox, step: str) -> None:
    upload_id, _ = begun(sandbox, b"1", key=ODD_KEY)
    method, params, headers = {
        "uploads": ("POST", {"uploads": ""}, {}),
        "parts": ("GET", {"uploadId": upload_id}, {}),
        "complete": ("POST", {"uploadId": upload_id}, {"x-oss-complete-all": "yes"}),
    }[step]
    answer = send_signed(
        sandbox, method, BUCKET, ODD_KEY,
        params={**params, "encoding-type": "url"}, headers=headers,
    )  # fmt: skip
    tree = ET.fromstring(answer.content)  # noqa: S314 - our own sandbox
    assert tree.findtext("EncodingType") == "url"
    assert tree.findtext("Key") == oss2.compat.urlquote(ODD_KEY, "")


def test_the_sdk_uploads_and_resumes_by_parts(sandbox: Sandbox, tmp_path: Any) -> None:
    body = bytes(range(256)) * 4000
    path = tmp_path / "movie.mp4"
    path.write_bytes(body)
    oss2.resumable_upload(
        bucket_client(sandbox), KEY, str(path),
        store=oss2.ResumableStore(root=str(tmp_path)),
        multipart_threshold=1, part_size=200 * 1024, num_threads=3,
    )  # fmt: skip
    assert sandbox.oss.body(BUCKET, KEY) == body

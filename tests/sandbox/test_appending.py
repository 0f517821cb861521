"""AppendObject: positions, conflicts, and the checksum of the whole object."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import oss2
import pytest

from tests.support.oss_calls import bucket_client, crc64_of, error_code, send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    import requests

    from watcher.sandbox import Sandbox

KEY = "live.mp4"


def append(
    sandbox: Sandbox, position: str, body: bytes, *, key: str = KEY, **headers: str
) -> requests.Response:
    named = {f"x-oss-{name.replace('_', '-')}": value for name, value in headers.items()}
    params = {"append": "", "position": position}
    return send_signed(sandbox, "POST", BUCKET, key, params=params, headers=named, body=body)


@pytest.mark.parametrize("sizes", [(3, 4, 0, 5), (100_000, 100_000, 1), (700_000, 1, 700_000)])
def test_each_part_stands_behind_the_one_before(sandbox: Sandbox, sizes: tuple[int, ...]) -> None:
    whole = b""
    for number, size in enumerate(sizes):
        body = bytes([number]) * size
        answer = append(sandbox, str(len(whole)), body)
        whole += body
        assert answer.headers["x-oss-next-append-position"] == str(len(whole))
        assert answer.headers["x-oss-hash-crc64ecma"] == crc64_of(whole)

    assert sandbox.oss.body(BUCKET, KEY) == whole
    for method in ("HEAD", "GET"):
        shown = send_signed(sandbox, method, BUCKET, KEY).headers
        assert shown["x-oss-next-append-position"] == str(len(whole))
        assert shown["x-oss-hash-crc64ecma"] == crc64_of(whole)
        assert shown["x-oss-object-type"] == "Appendable"


def test_each_append_changes_the_etag(sandbox: Sandbox) -> None:
    etags = {append(sandbox, str(at), b"1").headers["ETag"] for at in range(5)}
    assert len(etags) == 5


@pytest.mark.parametrize("position", ["0", "2", "4"])
def test_another_position_is_answered_with_the_right_one(sandbox: Sandbox, position: str) -> None:
    append(sandbox, "0", b"one")
    before = sandbox.oss.find(BUCKET, KEY)

    answer = append(sandbox, position, b"two")

    assert (answer.status_code, error_code(answer)) == (409, "PositionNotEqualToLength")
    assert answer.headers["x-oss-next-append-position"] == "3"
    assert answer.headers["x-oss-ec"] == "0026-00000016"
    assert (sandbox.oss.find(BUCKET, KEY), sandbox.oss.body(BUCKET, KEY)) == (before, b"one")


def test_the_sdk_continues_at_the_position_of_the_refusal(sandbox: Sandbox) -> None:
    bucket = bucket_client(sandbox)
    bucket.append_object(KEY, 0, b"one")
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as refused:
        bucket.append_object(KEY, 0, b"two")
    bucket.append_object(KEY, refused.value.next_position, b"two")
    assert sandbox.oss.body(BUCKET, KEY) == b"onetwo"


def test_a_first_append_behind_the_begin_makes_no_object(sandbox: Sandbox) -> None:
    answer = append(sandbox, "3", b"x")
    assert (answer.status_code, error_code(answer)) == (409, "PositionNotEqualToLength")
    assert answer.headers["x-oss-next-append-position"] == "0"
    assert sandbox.oss.keys(BUCKET) == ()


@pytest.mark.parametrize("position", ["-1", "x", ""])
def test_a_position_that_is_no_number_is_refused(sandbox: Sandbox, position: str) -> None:
    answer = append(sandbox, position, b"x")
    assert (answer.status_code, error_code(answer)) == (400, "InvalidArgument")


@pytest.mark.parametrize("type_", ["Normal", "Multipart", "Symlink"])
def test_an_object_of_another_kind_is_not_appended_to(sandbox: Sandbox, type_: str) -> None:
    sandbox.oss.put(BUCKET, KEY, b"whole", type=type_)
    answer = append(sandbox, "5", b"x")
    assert (answer.status_code, error_code(answer)) == (409, "ObjectNotAppendable")
    assert sandbox.oss.body(BUCKET, KEY) == b"whole"


def test_class_and_metadata_are_those_of_the_first_part(sandbox: Sandbox) -> None:
    append(sandbox, "0", b"one", storage_class="IA", meta_who="me")
    append(sandbox, "3", b"two", storage_class="Standard", meta_who="you")
    shown = send_signed(sandbox, "HEAD", BUCKET, KEY).headers
    assert (shown["x-oss-storage-class"], shown["x-oss-meta-who"]) == ("IA", "me")


def test_of_appends_at_one_position_one_wins(sandbox: Sandbox) -> None:
    statuses: list[int] = []
    bodies = [bytes([number]) * 1000 for number in range(6)]
    threads = [
        threading.Thread(
            target=lambda each=body: statuses.append(append(sandbox, "0", each).status_code)
        )
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[409] * 5]
    assert sandbox.oss.body(BUCKET, KEY) in bodies

"""Symlinks of the local OSS: reads show the target, copies and GetSymlink the link."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import oss2
import pytest

from tests.sandbox.test_oss import client, guest_of
from tests.support.oss_calls import send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    import requests

    from watcher.sandbox import Sandbox

TARGET = "视频/a b+c.mp4"
QUOTED = "%E8%A7%86%E9%A2%91%2Fa%20b%2Bc.mp4"
AT = datetime(2026, 11, 25, 8, 0, 0, tzinfo=UTC)
ETAG = "900150983CD24FB0D6963F7D28E17F72"  # of b"abc"


@pytest.fixture
def bucket(sandbox: Sandbox) -> oss2.Bucket:
    """A client for a bucket with a link to `TARGET`."""
    sandbox.oss.put(BUCKET, TARGET, b"abc", modified_at=AT, storage_class="IA")
    made = client(sandbox)
    made.put_symlink(
        TARGET, "link", headers={"x-oss-meta-who": "link", "Cache-Control": "no-cache"}
    )
    return made


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_shows_the_content_of_the_target_and_the_metadata_of_the_link(
    sandbox: Sandbox, bucket: oss2.Bucket, method: str
) -> None:
    answer = send_signed(sandbox, method, BUCKET, "link")
    assert answer.content == (b"abc" if method == "GET" else b"")
    shown = ("Content-Length", "ETag", "x-oss-storage-class", "Content-MD5")
    assert [answer.headers[name] for name in shown] == [
        "3", f'"{ETAG}"', "IA", "kAFQmDzST7DWlj99KOF/cg==",
    ]  # fmt: skip
    assert answer.headers["x-oss-object-type"] == "Symlink"
    assert (answer.headers["x-oss-meta-who"], answer.headers["Cache-Control"]) == (
        "link",
        "no-cache",
    )
    assert "x-oss-symlink-target" not in answer.headers
    assert bucket.get_object("link").read() == b"abc"


def test_last_modified_is_the_later_one_of_link_and_target(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "t", modified_at=AT)
    client(sandbox).put_symlink("t", "link")
    link = sandbox.oss.find(BUCKET, "link")
    assert link is not None
    head = client(sandbox).head_object("link")
    assert head.last_modified * 1000 == link.modified_at > int(AT.timestamp() * 1000)
    later = AT.replace(year=2027)
    sandbox.oss.put(BUCKET, "t", modified_at=later)
    assert client(sandbox).head_object("link").last_modified == int(later.timestamp())


def test_the_target_is_kept_as_it_was_sent(sandbox: Sandbox, bucket: oss2.Bucket) -> None:
    answer = send_signed(sandbox, "GET", BUCKET, "link", params={"symlink": ""})
    assert answer.headers["x-oss-symlink-target"] == QUOTED
    assert answer.headers["x-oss-meta-who"] == "link"
    assert bucket.get_symlink("link").target_key == TARGET
    raw = {"x-oss-symlink-target": "plain/name.mp4"}
    send_signed(sandbox, "PUT", BUCKET, "raw", params={"symlink": ""}, headers=raw)
    assert bucket.get_symlink("raw").headers["x-oss-symlink-target"] == "plain/name.mp4"


def test_the_meta_of_a_link_is_its_own(sandbox: Sandbox, bucket: oss2.Bucket) -> None:
    meta = bucket.get_object_meta("link")
    link = sandbox.oss.find(BUCKET, "link")
    assert link is not None
    assert (meta.content_length, meta.headers["ETag"]) == (0, f'"{link.etag}"')
    assert link.etag != ETAG


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_link_to_nothing_or_to_a_link_cannot_be_read(
    sandbox: Sandbox, bucket: oss2.Bucket, method: str
) -> None:
    bucket.put_symlink("nothing", "dangling")
    bucket.put_symlink("link", "twice")
    answers = [send_signed(sandbox, method, BUCKET, key) for key in ("dangling", "twice")]
    assert [answer.status_code for answer in answers] == [404, 400]
    if method == "GET":
        codes = [refusal(answer)[1] for answer in answers]
        assert codes == ["SymlinkTargetNotExist", "InvalidTargetType"]
    else:
        assert all(answer.headers["x-oss-err"] for answer in answers)


def test_a_link_to_an_archived_object_is_read_after_the_restore(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "cold", b"abc", storage_class="ColdArchive")
    bucket = client(sandbox)
    bucket.put_symlink("cold", "link")
    assert bucket.head_object("link").headers["x-oss-storage-class"] == "ColdArchive"
    assert refusal(send_signed(sandbox, "GET", BUCKET, "link")) == (403, "InvalidObjectState")
    sandbox.oss.restore(BUCKET, "cold")
    assert bucket.get_object("link").read() == b"abc"


def test_preconditions_of_a_link_are_about_its_target(
    sandbox: Sandbox, bucket: oss2.Bucket
) -> None:
    assert bucket.get_object("link", headers={"If-Match": ETAG}).read() == b"abc"
    unchanged = send_signed(sandbox, "HEAD", BUCKET, "link", headers={"If-None-Match": ETAG})
    assert unchanged.status_code == 304


def test_a_range_of_a_link_is_one_of_its_target(bucket: oss2.Bucket) -> None:
    assert bucket.get_object("link", byte_range=(1, 2)).read() == b"bc"


def test_a_copy_of_a_link_is_a_link(sandbox: Sandbox, bucket: oss2.Bucket) -> None:
    bucket.copy_object(BUCKET, "link", "copy")
    copy = sandbox.oss.find(BUCKET, "copy")
    assert copy is not None
    assert (copy.type, copy.size_bytes) == ("Symlink", 0)
    assert bucket.get_symlink("copy").target_key == TARGET
    assert bucket.head_object("copy").headers["x-oss-meta-who"] == "link"


def test_a_link_may_have_a_class_and_spare_what_is_there(bucket: oss2.Bucket) -> None:
    classed = {"x-oss-storage-class": "IA"}
    bucket.put_symlink(TARGET, "other", headers=classed)
    listed = {each.key: each for each in bucket.list_objects_v2().object_list}
    assert (listed["other"].storage_class, listed["other"].type) == ("IA", "Symlink")
    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        bucket.put_symlink("elsewhere", "other", headers={"x-oss-forbid-overwrite": "true"})
    assert bucket.get_symlink("other").target_key == TARGET


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "InvalidArgument"),
        ({"x-oss-symlink-target": "%2Fslash"}, "InvalidObjectName"),
        ({"x-oss-symlink-target": "a", "x-oss-storage-class": "Warm"}, "InvalidArgument"),
    ],
)
def test_a_link_that_is_not_valid_is_not_stored(
    sandbox: Sandbox, headers: dict[str, str], code: str
) -> None:
    answer = send_signed(sandbox, "PUT", BUCKET, "link", params={"symlink": ""}, headers=headers)
    assert refusal(answer) == (400, code)
    assert sandbox.oss.keys(BUCKET) == ()


def test_a_link_leads_nobody_to_what_the_signer_may_not_touch(
    sandbox: Sandbox, bucket: oss2.Bucket
) -> None:
    guest = guest_of(sandbox, b"guest/*")
    guest.put_symlink(TARGET, "guest/link")
    with pytest.raises(oss2.exceptions.AccessDenied):
        guest.get_object("guest/link")
    assert bucket.get_object("guest/link").read() == b"abc"


def test_what_is_no_link_has_no_target(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    answer = send_signed(sandbox, "GET", BUCKET, "a.mp4", params={"symlink": ""})
    assert refusal(answer) == (400, "NotSymlink")

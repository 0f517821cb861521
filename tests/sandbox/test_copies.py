"""CopyObject of the local OSS: content, metadata, class, and the copy of an object to itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from oss2.exceptions import AccessDenied

from tests.sandbox.test_oss import client, guest_of
from tests.support.oss_calls import send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    import oss2
    import requests

    from watcher.sandbox import Sandbox

KEY = "视频/a b+c?.mp4"
SOURCE = f"/{BUCKET}/%E8%A7%86%E9%A2%91%2Fa%20b%2Bc%3F.mp4"
OLD = {"Content-Type": "video/mp4", "Cache-Control": "no-cache", "x-oss-meta-who": "old"}
NEW = {"Content-Type": "text/plain", "x-oss-meta-who": "new"}
AT = datetime(2026, 11, 25, 8, 0, 0, tzinfo=UTC)


@pytest.fixture
def bucket(sandbox: Sandbox) -> oss2.Bucket:
    """A client for a bucket with one object."""
    made = client(sandbox)
    made.put_object(KEY, b"abc", headers=OLD)
    return made


def copy(
    sandbox: Sandbox, to: str = "copy", source: str = SOURCE, **headers: str
) -> requests.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return send_signed(sandbox, "PUT", BUCKET, to, headers={**given, "x-oss-copy-source": source})


def kept(bucket: oss2.Bucket, key: str) -> dict[str, str]:
    headers = bucket.head_object(key).headers
    return {name: headers[name] for name in (*OLD, *NEW) if name in headers}


@pytest.mark.parametrize("directive", ["COPY", "copy", "Copy"])
def test_a_copy_keeps_the_metadata_of_its_source(
    sandbox: Sandbox, bucket: oss2.Bucket, directive: str
) -> None:
    answer = copy(sandbox, **NEW, x_oss_metadata_directive=directive)
    assert answer.status_code == 200
    assert bucket.get_object("copy").read() == b"abc"
    assert kept(bucket, "copy") == OLD


@pytest.mark.parametrize("directive", ["REPLACE", "replace", "Replace"])
def test_a_copy_has_the_metadata_of_the_request_if_it_says_so(
    sandbox: Sandbox, bucket: oss2.Bucket, directive: str
) -> None:
    copy(sandbox, **NEW, x_oss_metadata_directive=directive)
    assert bucket.get_object("copy").read() == b"abc"
    assert kept(bucket, "copy") == NEW


def test_another_directive_is_refused(sandbox: Sandbox, bucket: oss2.Bucket) -> None:
    answer = copy(sandbox, x_oss_metadata_directive="MERGE")
    assert (answer.status_code, "<Code>InvalidArgument</Code>" in answer.text) == (400, True)
    assert not bucket.object_exists("copy")


@pytest.mark.parametrize("directive", ["COPY", "REPLACE"])
def test_a_copy_to_itself_replaces_the_metadata_only(sandbox: Sandbox, directive: str) -> None:
    """Whatever the directive is, as the page of CopyObject says."""
    bucket = client(sandbox)
    bucket.append_object(KEY, 0, b"abc", headers=OLD)
    before = sandbox.oss.find(BUCKET, KEY)
    assert copy(sandbox, KEY, **NEW, x_oss_metadata_directive=directive).status_code == 200
    after = sandbox.oss.find(BUCKET, KEY)
    assert before is not None
    assert after is not None
    assert (after.type, after.etag) == ("Appendable", before.etag)
    assert kept(bucket, KEY) == NEW
    assert bucket.get_object(KEY).read() == b"abc"


def test_a_copy_to_itself_changes_the_class_and_the_time(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, b"abc", modified_at=AT, storage_class="Archive", restored=True)
    copy(sandbox, KEY, x_oss_storage_class="Standard")
    head = client(sandbox).head_object(KEY)
    assert head.headers["x-oss-storage-class"] == "Standard"
    assert "x-oss-restore" not in head.headers
    assert head.last_modified > int(AT.timestamp())


def test_an_sdk_updates_metadata(bucket: oss2.Bucket) -> None:
    bucket.update_object_meta(KEY, dict(NEW))  # to which oss2 adds
    assert kept(bucket, KEY) == NEW


def test_an_archived_source_is_restored_first(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, b"abc", storage_class="Archive")
    for to in ("copy", KEY):
        answer = copy(sandbox, to)
        assert (answer.status_code, "InvalidObjectState" in answer.text) == (403, True)
    sandbox.oss.restore(BUCKET, KEY)
    assert copy(sandbox).status_code == 200
    assert client(sandbox).head_object("copy").headers["x-oss-storage-class"] == "Standard"


def test_a_copy_spares_what_is_there_if_it_says_so(sandbox: Sandbox, bucket: oss2.Bucket) -> None:
    bucket.put_object("copy", b"other")
    answer = copy(sandbox, x_oss_forbid_overwrite="true")
    assert (answer.status_code, bucket.get_object("copy").read()) == (409, b"other")


def test_a_source_that_the_signer_may_not_touch_is_not_copied(
    sandbox: Sandbox, bucket: oss2.Bucket
) -> None:
    guest = guest_of(sandbox, b"guest/*")
    guest.put_object("guest/own", b"own")
    guest.copy_object(BUCKET, "guest/own", "guest/copy")
    with pytest.raises(AccessDenied):
        guest.copy_object(BUCKET, KEY, "guest/stolen")
    assert not bucket.object_exists("guest/stolen")


def test_a_version_of_a_source_is_not_offered(sandbox: Sandbox, bucket: oss2.Bucket) -> None:
    answer = copy(sandbox, source=f"{SOURCE}?versionId=1")
    assert (answer.status_code, bucket.object_exists("copy")) == (501, False)


def test_a_source_that_is_missing_is_named(sandbox: Sandbox) -> None:
    assert "NoSuchKey" in copy(sandbox).text
    assert "NoSuchBucket" in copy(sandbox, source="/no-such-bucket/a").text

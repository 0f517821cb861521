"""Buckets of the local OSS: their facts, class and access control."""

from __future__ import annotations

from typing import TYPE_CHECKING

import oss2
import pytest

from tests.sandbox.test_oss import client
from tests.support.oss_calls import send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


def configuration(inside: bytes) -> bytes:
    """Return the body of a PutBucket."""
    return b"<CreateBucketConfiguration>%s</CreateBucketConfiguration>" % inside


def test_a_bucket_keeps_the_class_and_the_access_control_it_is_created_with(
    sandbox: Sandbox,
) -> None:
    bucket = client(sandbox, "cold-bucket")
    bucket.create_bucket(
        oss2.BUCKET_ACL_PUBLIC_READ,
        oss2.models.BucketCreateConfig(oss2.BUCKET_STORAGE_CLASS_IA, "ZRS"),
    )
    facts = bucket.get_bucket_info()
    assert (facts.storage_class, facts.data_redundancy_type) == ("IA", "ZRS")
    assert facts.acl.grant == bucket.get_bucket_acl().acl == "public-read"


def test_an_object_takes_the_class_of_its_bucket_unless_it_names_one(sandbox: Sandbox) -> None:
    bucket = client(sandbox, "cold-bucket")
    bucket.create_bucket(input=oss2.models.BucketCreateConfig(oss2.BUCKET_STORAGE_CLASS_ARCHIVE))
    bucket.put_object("a.mp4", b"x")
    bucket.put_object("b.mp4", b"x", headers={"x-oss-storage-class": "Standard"})
    classes = [found.storage_class for found in bucket.list_objects_v2().object_list]
    assert classes == ["Archive", "Standard"]


def test_an_access_control_is_replaced(sandbox: Sandbox) -> None:
    bucket = client(sandbox)
    bucket.put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ)
    assert bucket.get_bucket_acl().acl == "public-read"
    bucket.create_bucket(oss2.BUCKET_ACL_PRIVATE)
    assert bucket.get_bucket_acl().acl == "private"


def test_objects_of_a_public_bucket_are_read_by_anyone_and_nothing_else(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4", b"hello")
    anyone = client(sandbox, auth=oss2.AnonymousAuth())
    with pytest.raises(oss2.exceptions.AccessDenied):
        anyone.get_object("a.mp4")
    client(sandbox).put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ)
    assert anyone.get_object("a.mp4").read() == b"hello"
    assert anyone.head_object("a.mp4").content_length == 5
    for refused in (
        lambda: anyone.put_object("a.mp4", b"other"),
        lambda: anyone.delete_object("a.mp4"),
        anyone.list_objects_v2,
        lambda: anyone.get_object("a.mp4", params={"response-content-type": "text/html"}),
    ):
        with pytest.raises(oss2.exceptions.AccessDenied):
            refused()
    assert sandbox.oss.body(BUCKET, "a.mp4") == b"hello"


def test_what_is_not_kept_is_not_offered(sandbox: Sandbox) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        client(sandbox).put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ_WRITE)
    assert (refused.value.status, refused.value.code) == (501, "NotImplemented")
    assert client(sandbox).get_bucket_acl().acl == "private"


@pytest.mark.parametrize(
    ("params", "headers", "body"),
    [
        ({"acl": ""}, {"x-oss-acl": "everyone"}, b""),
        ({"acl": ""}, {}, b""),
        ({}, {}, configuration(b"<StorageClass>Warm</StorageClass>")),
        ({}, {}, configuration(b"<DataRedundancyType>RAID</DataRedundancyType>")),
        ({}, {}, b"no xml"),
    ],
)
def test_a_value_that_is_none_is_refused(
    sandbox: Sandbox, params: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    answer = send_signed(sandbox, "PUT", BUCKET, params=params, headers=headers, body=body)
    assert answer.status_code == 400
    assert client(sandbox).get_bucket_acl().acl == "private"


def test_buckets_are_listed_page_by_page(sandbox: Sandbox) -> None:
    for number in range(5):
        sandbox.oss.create_bucket(f"more-{number}")
    service = oss2.Service(client(sandbox).auth, sandbox.url, region="cn-shanghai")
    names = [found.name for found in oss2.BucketIterator(service, prefix="more-", max_keys=2)]
    assert names == [f"more-{number}" for number in range(5)]

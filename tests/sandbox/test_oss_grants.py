"""Temporary credentials: they expire by the sandbox's clock, and touch what they were given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import oss2
import pytest

from tests.sandbox.test_oss import client
from tests.support.workspace import BUCKET
from watcher.sandbox.account import Grant

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.sandbox import Sandbox
    from watcher.sandbox.account import Principal

OTHER = "other-bucket"


def auth(issued: Principal) -> Any:
    return oss2.StsAuth(
        issued.access_key_id, issued.access_key_secret, issued.security_token, auth_version="v4"
    )


def as_granted(sandbox: Sandbox, *grants: tuple[str, bytes]) -> Callable[..., oss2.Bucket]:
    """Return what makes clients with these grants alone."""
    issued = sandbox.issue(600, [Grant(bucket=bucket, keys=keys) for bucket, keys in grants])
    return lambda bucket=BUCKET: client(sandbox, bucket, auth=auth(issued))


@pytest.fixture
def stored(sandbox: Sandbox) -> Sandbox:
    sandbox.oss.create_bucket(OTHER)
    for bucket in (BUCKET, OTHER):
        for key in ("in/a", "in/b", "out/a"):
            sandbox.oss.put(bucket, key, b"hello")
    return sandbox


def test_a_temporary_credential_may_do_all_until_it_expires(stored: Sandbox) -> None:
    bucket = client(stored, auth=auth(stored.issue(600)))
    assert len(bucket.list_objects_v2().object_list) == 3
    stored.clock_offset_s = 599
    bucket.put_object("new", b"x")
    stored.clock_offset_s = 601
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object("late", b"x")
    assert (refused.value.status, refused.value.code) == (403, "SecurityTokenExpired")
    assert stored.oss.find(BUCKET, "late") is None


def test_a_temporary_credential_is_nothing_without_its_token(stored: Sandbox) -> None:
    issued, another = stored.issue(600), stored.issue(600)
    for token, code in (("", "InvalidAccessKeyId"), (another.security_token, "InvalidSecurityTok")):
        wrong = oss2.StsAuth(issued.access_key_id, issued.access_key_secret, token)
        with pytest.raises(oss2.exceptions.ServerError, match=code):
            client(stored, auth=wrong).list_objects_v2()


def multipart(bucket: oss2.Bucket, key: str) -> None:
    upload = bucket.init_multipart_upload(key).upload_id
    part = bucket.upload_part(key, upload, 1, b"part")
    bucket.list_parts(key, upload)
    bucket.complete_multipart_upload(key, upload, [oss2.models.PartInfo(1, part.etag)])


ON_KEYS: dict[str, Callable[[oss2.Bucket, str], object]] = {
    "GetObject": lambda bucket, key: bucket.get_object(key),
    "HeadObject": lambda bucket, key: bucket.head_object(key),
    "GetObjectMeta": lambda bucket, key: bucket.get_object_meta(key),
    "PutObject": lambda bucket, key: bucket.put_object(key, b"new"),
    "AppendObject": lambda bucket, key: bucket.append_object(f"{key}.live", 0, b"new"),
    "CopyObject": lambda bucket, key: bucket.copy_object(BUCKET, "in/a", key),
    "PutSymlink": lambda bucket, key: bucket.put_symlink("in/a", f"{key}.link"),
    "DeleteObject": lambda bucket, key: bucket.delete_object(key),
    "DeleteMultipleObjects": lambda bucket, key: bucket.batch_delete_objects(["in/b", key]),
    "Multipart": multipart,
}


@pytest.mark.parametrize("operation", ON_KEYS)
def test_a_grant_of_a_prefix_covers_its_keys_alone(stored: Sandbox, operation: str) -> None:
    bucket = as_granted(stored, (BUCKET, b"in/*"))()
    before = stored.oss.keys(BUCKET)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        ON_KEYS[operation](bucket, "out/a")
    assert (refused.value.status, refused.value.headers["x-oss-ec"]) == (403, "0003-00000301")
    assert stored.oss.keys(BUCKET) == before
    assert stored.oss.body(BUCKET, "out/a") == b"hello"
    ON_KEYS[operation](bucket, "in/a")


def test_a_grant_of_one_key_covers_no_other(stored: Sandbox) -> None:
    bucket = as_granted(stored, (BUCKET, b"in/a"))()
    bucket.put_object("in/a", b"new")
    with pytest.raises(oss2.exceptions.AccessDenied):
        bucket.put_object("in/ab", b"new")


def test_several_grants_add_up(stored: Sandbox) -> None:
    bucket = as_granted(stored, (BUCKET, b"in/a"), (BUCKET, b"out/*"), (OTHER, b"in/b"))
    for name, key in ((BUCKET, "in/a"), (BUCKET, "out/a"), (OTHER, "in/b")):
        assert bucket(name).get_object(key).read() == b"hello"
    with pytest.raises(oss2.exceptions.AccessDenied):
        bucket(OTHER).get_object("in/a")


def test_the_source_of_a_copy_must_be_granted_too(stored: Sandbox) -> None:
    bucket = as_granted(stored, (BUCKET, b"in/*"), (OTHER, b"out/*"))()
    for source, key in ((BUCKET, "out/a"), (OTHER, "in/a")):
        with pytest.raises(oss2.exceptions.AccessDenied) as refused:
            bucket.copy_object(source, key, "in/copy")
        assert "oss:GetObject" in str(refused.value.body)
    assert stored.oss.find(BUCKET, "in/copy") is None
    bucket.copy_object(OTHER, "out/a", "in/copy")


def test_a_link_leads_only_where_its_reader_may_go(stored: Sandbox) -> None:
    client(stored).put_symlink("out/a", "in/link")
    assert client(stored).get_object("in/link").read() == b"hello"
    with pytest.raises(oss2.exceptions.AccessDenied):
        as_granted(stored, (BUCKET, b"in/*"))().get_object("in/link")


ON_BUCKETS: dict[str, Callable[[oss2.Bucket], object]] = {
    "ListObjectsV2": lambda bucket: bucket.list_objects_v2(prefix="in/"),
    "GetBucketInfo": lambda bucket: bucket.get_bucket_info(),
    "GetBucketLocation": lambda bucket: bucket.get_bucket_location(),
}


@pytest.mark.parametrize("operation", ON_BUCKETS)
def test_an_operation_on_a_bucket_needs_a_grant_of_all_of_it(
    stored: Sandbox, operation: str
) -> None:
    ON_BUCKETS[operation](as_granted(stored, (BUCKET, b"*"))())
    for grant in ((BUCKET, b"in/*"), (OTHER, b"*")):
        with pytest.raises(oss2.exceptions.AccessDenied):
            ON_BUCKETS[operation](as_granted(stored, grant)())


def test_buckets_are_created_and_deleted_with_a_grant_of_them(stored: Sandbox) -> None:
    may, may_not = as_granted(stored, ("new-bucket", b"*")), as_granted(stored, (BUCKET, b"*"))
    with pytest.raises(oss2.exceptions.AccessDenied):
        may_not("new-bucket").create_bucket()
    may("new-bucket").create_bucket()
    with pytest.raises(oss2.exceptions.AccessDenied):
        may_not("new-bucket").delete_bucket()
    may("new-bucket").delete_bucket()


def test_a_limited_credential_lists_no_buckets(stored: Sandbox) -> None:
    free, limited = stored.issue(600), stored.issue(600, [Grant(bucket=BUCKET, keys=b"*")])
    for issued in (free, limited):
        service = oss2.Service(auth(issued), stored.url, region="cn-shanghai")
        if issued is free:
            assert len(service.list_buckets().buckets) == 2
        else:
            with pytest.raises(oss2.exceptions.AccessDenied):
                service.list_buckets()


def test_a_denial_names_the_action_and_the_kind_of_policy(stored: Sandbox) -> None:
    with pytest.raises(oss2.exceptions.AccessDenied) as refused:
        as_granted(stored, (BUCKET, b"in/*"))().list_objects_v2()
    assert refused.value.message == "Access denied by authorizer's policy."
    body = refused.value.body.decode()
    assert "<AccessDeniedDetail><AuthAction>oss:ListObjects</AuthAction>" in body
    assert "<NoPermissionType>ImplicitDeny</NoPermissionType>" in body
    assert "<PolicyType>SessionPolicy</PolicyType>" in body

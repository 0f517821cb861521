"""The real SDK uses the local OSS over HTTP."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import oss2
import pytest
import requests

from tests.support.workspace import BUCKET
from watcher.ports import Credentials
from watcher.sandbox import Sandbox
from watcher.sandbox.account import Grant

if TYPE_CHECKING:
    from collections.abc import Callable

STRANGE_KEYS = (
    "a b.mp4", "a+b.mp4", "100%.mp4", "%41.mp4", "a&b=c.mp4", "a#b.mp4", "a?b.mp4", "[a]{b}.mp4",
    "a'b\".mp4", "a<b>&amp;.mp4", "line\nbreak.mp4", "\x01.mp4", "\x7f.mp4", "tab\t.mp4",
    "cr\r.mp4", "a//b.mp4", "back\\slash.mp4", "dir/", "视频/第 1 集.mp4", "𠮷.mp4", "🎬.mp4",
    "\uffee.mp4", "é.mp4", "e\u0301.mp4", "x" * 1023,
)  # fmt: skip


def v1(sandbox: Sandbox) -> oss2.Auth:
    return oss2.Auth(sandbox.access_key_id, sandbox.access_key_secret)


def v4(sandbox: Sandbox) -> oss2.ProviderAuthV4:
    given = sandbox.credentials
    return oss2.ProviderAuthV4(
        oss2.credentials.StaticCredentialsProvider(
            given.access_key_id, given.access_key_secret, given.security_token or None
        )
    )


def client(
    sandbox: Sandbox, bucket: str = BUCKET, *, auth: Any = None, region: str = "cn-shanghai"
) -> oss2.Bucket:
    return oss2.Bucket(auth or v4(sandbox), sandbox.url, bucket, region=region)


def guest_of(sandbox: Sandbox, keys: bytes) -> oss2.Bucket:
    """Return a client whose temporary credential may touch only these keys."""
    issued = sandbox.account.issue(
        sandbox.clock.now(), 900, grants=[Grant(bucket=BUCKET, keys=keys)]
    )
    provider = oss2.credentials.StaticCredentialsProvider(
        issued.access_key_id, issued.access_key_secret, issued.security_token
    )
    return client(sandbox, auth=oss2.ProviderAuthV4(provider))


def listed(bucket: oss2.Bucket, **given: Any) -> list[str]:
    """Return all keys, page by page."""
    keys: list[str] = []
    token = ""
    while True:
        page = bucket.list_objects_v2(continuation_token=token, **given)
        keys += [found.key for found in page.object_list]
        if not page.is_truncated:
            return keys
        token = page.next_continuation_token


def raw_listing(sandbox: Sandbox, **given: str) -> str:
    """Return the XML of a listing."""
    call = oss2.http.Request("GET", f"{sandbox.url}/{BUCKET}/", region="cn-shanghai", product="oss")
    call.params = {"list-type": "2", **given}
    v4(sandbox)._sign_request(call, BUCKET, "")
    return requests.get(call.url, params=call.params, headers=call.headers, timeout=9).text


@pytest.mark.parametrize("auth", [v1, v4])
def test_an_object_is_put_and_read_with_both_signatures(
    sandbox: Sandbox, auth: Callable[[Sandbox], Any]
) -> None:
    bucket = client(sandbox, auth=auth(sandbox))
    put = bucket.put_object(
        "视频/a b+c.mp4", b"hello", headers={"x-oss-meta-who": "me", "Content-Type": "video/mp4"}
    )

    got = bucket.get_object("视频/a b+c.mp4")
    head = bucket.head_object("视频/a b+c.mp4")

    assert got.read() == b"hello"
    assert head.etag == put.etag == "5D41402ABC4B2A76B9719D911017C592"
    assert (head.content_length, head.object_type, head.content_type) == (5, "Normal", "video/mp4")
    assert head.headers["x-oss-meta-who"] == "me"
    assert head.request_id
    assert bucket.get_object("视频/a b+c.mp4", byte_range=(1, 3)).read() == b"ell"
    bucket.delete_object("视频/a b+c.mp4")
    assert not bucket.object_exists("视频/a b+c.mp4")


@pytest.mark.parametrize("auth", [v1, v4])
def test_odd_keys_are_listed_in_utf8_byte_order_with_any_page_size(
    sandbox: Sandbox, auth: Callable[[Sandbox], Any]
) -> None:
    bucket = client(sandbox, auth=auth(sandbox))
    for key in STRANGE_KEYS:
        bucket.put_object(key, key.encode())
    in_order = sorted(STRANGE_KEYS, key=str.encode)

    assert [listed(bucket, max_keys=size) for size in (1, 7, 1000)] == [in_order] * 3
    assert [bucket.get_object(key).read().decode() for key in in_order] == in_order
    assert listed(bucket, max_keys=3, start_after="a b.mp4", prefix="a") == [
        key for key in in_order if key.startswith("a") and key != "a b.mp4"
    ]


def test_a_listing_shows_what_the_real_one_shows(sandbox: Sandbox) -> None:
    at = datetime(2026, 11, 25, 8, 0, 0, 999_000, UTC)
    sandbox.oss.put(BUCKET, "a.mp4", b"abc", modified_at=at)
    sandbox.oss.put(BUCKET, "b.mp4", storage_class="ColdArchive", restored=True, type="Multipart")
    sandbox.oss.put(BUCKET, "c.mp4", storage_class="Archive", type="Symlink")

    a, b, c = client(sandbox).list_objects_v2().object_list

    assert (a.key, a.etag, a.size, a.type) == (
        "a.mp4",
        "900150983CD24FB0D6963F7D28E17F72",
        3,
        "Normal",
    )
    assert (a.last_modified, a.storage_class) == (int(at.timestamp()), "Standard")
    assert a.restore_info is None
    assert (b.type, b.storage_class) == ("Multipart", "ColdArchive")
    assert b.restore_info.startswith('ongoing-request="false", expiry-date="')
    assert (c.type, c.storage_class, c.restore_info) == ("Symlink", "Archive", None)


def test_the_default_page_has_a_hundred_keys_and_the_largest_a_thousand(sandbox: Sandbox) -> None:
    for number in range(1500):
        sandbox.oss.put(BUCKET, f"{number:04}")
    bucket = client(sandbox)
    page = bucket.list_objects_v2(max_keys=1000)
    assert (len(page.object_list), page.is_truncated) == (1000, True)
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidArgument"):
        bucket.list_objects_v2(max_keys=1001)
    assert raw_listing(sandbox).count("<Contents>") == 100


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_delimiter_folds_keys_into_prefixes(sandbox: Sandbox, size: int) -> None:
    for key in ("a.mp4", "a/1", "a/2", "b/1", "b/x/1", "c.mp4", "视/1"):
        sandbox.oss.put(BUCKET, key)
    keys, prefixes, token = [], [], ""
    while True:
        page = client(sandbox).list_objects_v2(
            delimiter="/", max_keys=size, continuation_token=token
        )
        keys += [found.key for found in page.object_list]
        prefixes += page.prefix_list
        if not page.is_truncated:
            break
        token = page.next_continuation_token
    assert (keys, prefixes) == (["a.mp4", "c.mp4"], ["a/", "b/", "视/"])


def test_a_key_that_is_not_utf8_is_listed_as_its_bytes(sandbox: Sandbox) -> None:
    sandbox.oss.put_raw_key(BUCKET, b"bad-\xff\xfe.mp4")
    assert "<Key>bad-%FF%FE.mp4</Key>" in raw_listing(sandbox, **{"encoding-type": "url"})
    assert [found.key for found in client(sandbox).list_objects_v2().object_list] == [
        "bad-\ufffd\ufffd.mp4"
    ]


def test_multipart_append_copy_and_symlink_have_their_types(sandbox: Sandbox) -> None:
    bucket = client(sandbox)
    upload = bucket.init_multipart_upload("whole.mp4").upload_id
    parts = [bucket.upload_part("whole.mp4", upload, n, bytes([n]) * 102_400) for n in (1, 2)]
    infos = [oss2.models.PartInfo(n, part.etag) for n, part in enumerate(parts, 1)]
    assert [part.size for part in bucket.list_parts("whole.mp4", upload).parts] == [
        102_400,
        102_400,
    ]
    bucket.complete_multipart_upload("whole.mp4", upload, infos)
    position = bucket.append_object("live.mp4", 0, b"one").next_position
    bucket.append_object("live.mp4", position, b"two")
    bucket.copy_object(BUCKET, "live.mp4", "copy 影.mp4")
    bucket.put_symlink("copy 影.mp4", "link.mp4")

    assert {found.key: found.type for found in bucket.list_objects_v2().object_list} == {
        "whole.mp4": "Multipart", "live.mp4": "Appendable", "copy 影.mp4": "Normal",
        "link.mp4": "Symlink",
    }  # fmt: skip
    assert bucket.head_object("whole.mp4").etag.endswith("-2")
    assert sandbox.oss.body(BUCKET, "whole.mp4") == b"\1" * 102_400 + b"\2" * 102_400
    assert bucket.get_object("link.mp4").read() == b"onetwo"
    with pytest.raises(oss2.exceptions.ServerError, match="PositionNotEqualToLength"):
        bucket.append_object("live.mp4", 1, b"x")


def test_a_bucket_filled_by_fill_equals_one_filled_by_puts(sandbox: Sandbox) -> None:
    sandbox.oss.fill(BUCKET, (f"{number:04}.mp4" for number in reversed(range(2001))), b"same")
    bucket = client(sandbox)
    assert listed(bucket, max_keys=1000) == [f"{number:04}.mp4" for number in range(2001)]
    bucket.delete_object("0000.mp4")
    bucket.put_object("0001.mp4", b"another")
    assert [bucket.get_object(f"000{number}.mp4").read() for number in (1, 2)] == [
        b"another",
        b"same",
    ]
    assert sandbox.oss.find(BUCKET, "0000.mp4") is None


def test_wrong_parts_make_no_object(sandbox: Sandbox) -> None:
    bucket = client(sandbox)
    upload = bucket.init_multipart_upload("a.mp4").upload_id
    parts = [
        oss2.models.PartInfo(n, bucket.upload_part("a.mp4", upload, n, b"small").etag)
        for n in (1, 2)
    ]
    other = oss2.models.PartInfo(3, parts[0].etag)
    for wanted, code in ((parts, "EntityTooSmall"), ([other], "InvalidPart")):
        with pytest.raises(oss2.exceptions.ServerError, match=code):
            bucket.complete_multipart_upload("a.mp4", upload, wanted)
    bucket.abort_multipart_upload("a.mp4", upload)
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.upload_part("a.mp4", upload, 1, b"late")
    assert sandbox.oss.keys(BUCKET) == ()


def test_bucket_info_names_the_region(sandbox: Sandbox) -> None:
    sandbox.oss.create_bucket("far-bucket", "cn-beijing")
    info = client(sandbox, "far-bucket", region="cn-beijing").get_bucket_info()
    assert (info.name, info.location) == ("far-bucket", "oss-cn-beijing")
    assert [
        each.name for each in oss2.Service(v1(sandbox), sandbox.url).list_buckets().buckets
    ] == [
        "far-bucket",
        BUCKET,
    ]


def test_a_missing_object_or_bucket_is_named_as_oss_does(sandbox: Sandbox) -> None:
    with pytest.raises(oss2.exceptions.NoSuchBucket) as bucket:
        client(sandbox, "no-such-bucket").list_objects_v2()
    with pytest.raises(oss2.exceptions.NoSuchKey) as key:
        client(sandbox).get_object("no-such-key-\x01")
    assert (bucket.value.status, key.value.status) == (404, 404)
    assert key.value.details["RequestId"] == key.value.request_id != ""
    assert [(call.operation, call.bucket, call.code) for call in sandbox.oss.journal] == [
        ("ListObjectsV2", "no-such-bucket", "NoSuchBucket"),
        ("GetObject", BUCKET, "NoSuchKey"),
    ]


@pytest.mark.parametrize("make", [oss2.AuthV4, oss2.Auth])
def test_only_the_account_may_list(sandbox: Sandbox, make: Callable[[str, str], Any]) -> None:
    known = sandbox.credentials
    for auth, code in (
        (make("somebody", known.access_key_secret), "InvalidAccessKeyId"),
        (make(known.access_key_id, "guess"), "SignatureDoesNotMatch"),
        (oss2.AnonymousAuth(), "AccessDenied"),
    ):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            client(sandbox, auth=auth).list_objects_v2()
        assert (refused.value.status, refused.value.code) == (403, code)


def test_a_token_must_be_sent_and_may_expire() -> None:
    with Sandbox(security_token="token") as sandbox:
        sandbox.oss.create_bucket(BUCKET)
        client(sandbox).list_objects_v2()
        client(
            sandbox, auth=oss2.StsAuth(sandbox.access_key_id, sandbox.access_key_secret, "token")
        ).list_objects_v2()
        with pytest.raises(oss2.exceptions.ServerError, match="InvalidAccessKeyId"):
            client(sandbox, auth=v1(sandbox)).list_objects_v2()
        sandbox.account.token_expired = True
        with pytest.raises(oss2.exceptions.ServerError, match="SecurityTokenExpired"):
            client(sandbox).list_objects_v2()
        old = v4(sandbox)
        sandbox.account.token_expired = False
        sandbox.credentials = Credentials("new-id", "new-secret", "new-token")
        client(sandbox).list_objects_v2()
        with pytest.raises(oss2.exceptions.ServerError, match="InvalidAccessKeyId"):
            client(sandbox, auth=old).list_objects_v2()


@pytest.mark.parametrize("auth", [v1, v4])
@pytest.mark.parametrize("offset_s", [-1000, 1000])
def test_a_clock_sixteen_minutes_off_is_refused(
    sandbox: Sandbox, auth: Callable[[Sandbox], Any], offset_s: int
) -> None:
    sandbox.clock_offset_s = offset_s
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        client(sandbox, auth=auth(sandbox)).list_objects_v2()
    assert (refused.value.status, refused.value.code) == (403, "RequestTimeTooSkewed")
    shown = oss2.utils.http_to_unixtime(refused.value.headers["Date"])
    assert abs(shown - datetime.now(UTC).timestamp() - offset_s) < 5  # noqa: TID251 (the machine's time is meant)


def test_two_sandboxes_share_nothing_and_leave_nothing() -> None:
    with Sandbox() as one, Sandbox() as other:
        for sandbox in (one, other):
            client(sandbox).create_bucket()
        one.oss.put(BUCKET, "a.mp4")
        assert (one.oss.keys(BUCKET), other.oss.keys(BUCKET)) == ((b"a.mp4",), ())
        host, port = one.host.split(":")
        idle = socket.create_connection((host, int(port)))
        idle.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65_536).startswith(b"HTTP/1.1 "), "one that is not accepted yet is reset"
    with idle:
        assert idle.recv(1) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)))

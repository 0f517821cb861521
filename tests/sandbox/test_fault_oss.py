"""The program's own OSS client meets each kind of fault over HTTP."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import oss2
import pytest
import requests

from tests.sandbox.test_fault_vod import KEYS, Chain, hit, put_all
from tests.support.contracts import pages
from tests.support.workspace import BUCKET
from watcher import errors
from watcher.oss import BucketSource, connect
from watcher.oss.refusals import Refusal
from watcher.sandbox.faults import Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


@pytest.fixture
def oss(sandbox: Sandbox) -> oss2.Bucket:
    """The program's own OSS client, on a bucket with objects."""
    put_all(sandbox)
    return connect(
        bucket=BUCKET, endpoint=sandbox.url, region="cn-shanghai", credentials=Chain(sandbox),
        proxies={}, no_proxy="", ca_bundle="",
    )  # fmt: skip


def listed(oss: oss2.Bucket) -> list[str]:
    with closing(BucketSource(oss, prefix="")) as source:
        return [key for page in pages(source, max_keys=1000) for key in page.objects.keys]


def plain(sandbox: Sandbox) -> oss2.Bucket:
    """Return a client that accepts every page."""
    return oss2.Bucket(
        oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret),
        sandbox.url,
        BUCKET,
        region="cn-shanghai",
    )


OSS_ERRORS = [
    ("throttle", 503, "TotalQpsLimitExceeded", errors.Throttled),
    ("server_error", 500, "InternalError", errors.CloudError),
    ("service_unavailable", 503, "ServiceUnavailable", errors.Throttled),
    ("clock_skew", 403, "RequestTimeTooSkewed", errors.AccountRefused),
    ("expired_token", 403, "SecurityTokenExpired", errors.AccountRefused),
    ("access_denied", 403, "AccessDenied", errors.BucketRefused),
    ("arrears", 403, "UserDisable", errors.AccountRefused),
]


@pytest.mark.parametrize("error", OSS_ERRORS)
def test_oss_answers_with_its_own_error_and_journals_the_call(
    sandbox: Sandbox, oss: oss2.Bucket, error: tuple[str, int, str, type[Exception]]
) -> None:
    kind, status, code, meant = error
    hit(sandbox, kind, operation="ListObjectsV2")
    with pytest.raises(meant, match=code):
        listed(oss)
    (call,) = sandbox.oss.journal
    assert (call.operation, call.bucket, call.status, call.code) == (
        "ListObjectsV2",
        BUCKET,
        status,
        code,
    )
    hit(sandbox, kind, operation="HeadObject")
    with pytest.raises(Refusal) as refused:
        oss.head_object("0.mp4")
    assert (refused.value.status, refused.value.code, bool(refused.value.request_id)) == (
        status,
        code,
        True,
    )
    assert "Date" in refused.value.headers


def test_a_fault_of_oss_may_have_any_error_and_a_retry_after(
    sandbox: Sandbox, oss: oss2.Bucket
) -> None:
    hit(sandbox, "error", status=409, code="StrangeCode", message="never seen", retry_after_s=3)
    with pytest.raises(Refusal) as refused:
        oss.get_bucket_info()
    found = refused.value
    assert (found.status, found.code, found.message) == (409, "StrangeCode", "never seen")
    assert (
        refused.value.headers["Retry-After"],
        refused.value.headers["x-oss-qos-delay-time"],
    ) == ("3", "3000")


def test_an_answer_of_oss_that_is_cut_off_is_no_answer(sandbox: Sandbox, oss: oss2.Bucket) -> None:
    hit(sandbox, "cut_off")
    with pytest.raises(errors.Unavailable):
        listed(oss)


@pytest.mark.parametrize("kind", ["html", "not_utf8", "foreign_xml", "truncated"])
def test_a_body_that_is_no_listing_is_refused(
    sandbox: Sandbox, oss: oss2.Bucket, kind: str
) -> None:
    hit(sandbox, kind)
    with pytest.raises(errors.CloudError, match="a body that is no listing"):
        listed(oss)
    assert sandbox.oss.journal[0].status == 200
    assert listed(oss) == [*KEYS]


def test_a_listing_without_a_date_is_refused(sandbox: Sandbox, oss: oss2.Bucket) -> None:
    hit(sandbox, "missing_date")
    with pytest.raises(errors.CloudError, match="without a `Date` header"):
        listed(oss)
    assert listed(oss) == [*KEYS]


def test_an_oss_write_may_lose_its_reply(sandbox: Sandbox, oss: oss2.Bucket) -> None:
    hit(sandbox, "reset", operation="PutObject", effect="before")
    with pytest.raises(oss2.exceptions.RequestError):
        oss.put_object("new.mp4", b"x")
    assert sandbox.oss.find(BUCKET, "new.mp4") is not None
    assert [(call.operation, call.key, call.status) for call in sandbox.oss.journal] == [
        ("PutObject", b"new.mp4", 0)
    ]


def test_an_empty_listing_is_complete(sandbox: Sandbox, oss: oss2.Bucket) -> None:
    hit(sandbox, "empty_listing", next=2)
    assert listed(oss) == []
    page = plain(sandbox).list_objects_v2(max_keys=2)
    assert (page.object_list, page.is_truncated) == ([], False)
    assert listed(oss) == [*KEYS]


def test_a_listing_that_does_not_advance_repeats_its_first_page(
    sandbox: Sandbox, oss: oss2.Bucket
) -> None:
    hit(sandbox, "no_advance", next=None)
    token, pages = "", []
    for _ in range(3):
        page = plain(sandbox).list_objects_v2(
            max_keys=2, continuation_token=token, start_after="" if token else "3.mp4"
        )
        pages.append(([found.key for found in page.object_list], page.is_truncated))
        token = page.next_continuation_token
    assert pages == [(["0.mp4", "1.mp4"], True)] * 3
    with pytest.raises(errors.CloudError, match="out of order"):
        listed(oss)
    sandbox.hook = Faults()
    assert [
        found.key for found in plain(sandbox).list_objects_v2(continuation_token="AAAA").object_list
    ] == [*KEYS]


def test_keys_may_come_backwards(sandbox: Sandbox, oss: oss2.Bucket) -> None:
    hit(sandbox, "out_of_order")
    with pytest.raises(errors.CloudError, match="out of order"):
        listed(oss)
    hit(sandbox, "out_of_order")
    page = plain(sandbox).list_objects_v2()
    assert [found.key for found in page.object_list] == [*reversed(KEYS)]


@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_a_body_that_is_cut_off_is_cut_in_half(sandbox: Sandbox, size: int) -> None:
    sandbox.oss.put(BUCKET, "large.mp4", b"x" * size)
    hit(sandbox, "cut_off")
    got = plain(sandbox).get_object("large.mp4")
    assert got.content_length == size
    with pytest.raises(requests.RequestException, match=f"{size // 2} bytes read"):
        b"".join(got)


def test_a_body_that_is_replaced_by_an_error_is_not_sent(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "large.mp4", b"x" * 1_000_000)
    hit(sandbox, "server_error")
    with pytest.raises(oss2.exceptions.ServerError, match="InternalError"):
        plain(sandbox).get_object("large.mp4")

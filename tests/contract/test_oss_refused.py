"""The program's own OSS client says what to do about each refusal of the sandbox."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.workspace import BUCKET
from watcher.errors import AccountRefused, BucketRefused, CloudError, Unavailable
from watcher.oss import BucketSource, connect
from watcher.ports import Credentials
from watcher.sandbox.account import Grant
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox
    from watcher.sandbox.account import Principal


class Static:
    """A chain of one credential."""

    def __init__(self, known: Credentials | Principal) -> None:
        self._known = Credentials(
            known.access_key_id, known.access_key_secret, known.security_token
        )

    def get(self) -> Credentials:
        return self._known


def refusal(
    sandbox: Sandbox,
    known: Credentials | Principal | None = None,
    *,
    bucket: str = BUCKET,
    region: str = "cn-shanghai",
    head: bool = False,
) -> CloudError:
    """Return the error of a listing, or of a HEAD."""
    client = connect(
        bucket=bucket, endpoint=sandbox.url, region=region,
        credentials=Static(known or sandbox.credentials),
        proxies={}, no_proxy="", ca_bundle="",
    )  # fmt: skip
    with closing(BucketSource(client, prefix="")) as source, pytest.raises(CloudError) as caught:
        source.head("a") if head else source.list_objects()
    return caught.value


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_wrong_region_is_named_with_the_setting_to_change(sandbox: Sandbox, method: str) -> None:
    found = refusal(sandbox, region="cn-beijing", head=method == "HEAD")
    assert isinstance(found, BucketRefused)
    assert "Invalid signing region" in str(found)
    assert "lies in another region than cn-beijing: set [vod] region" in found.hint


def test_a_missing_bucket_is_named_before_a_wrong_key(sandbox: Sandbox) -> None:
    found = refusal(sandbox, Credentials("nobody", "guess"), bucket="no-such-bucket")
    assert isinstance(found, BucketRefused)
    assert "Create the bucket" in found.hint


def test_a_temporary_credential_with_too_narrow_a_policy_is_named(sandbox: Sandbox) -> None:
    issued = sandbox.issue(600, [Grant(bucket=BUCKET, keys=b"in/*")])
    found = refusal(sandbox, issued)
    assert isinstance(found, BucketRefused)
    assert "The temporary credential lacks oss:ListObjects" in found.hint
    assert f"acs:oss:*:*:{BUCKET}/*" in found.hint
    assert "lacks oss:GetObject" in refusal(sandbox, issued, head=True).hint


def test_an_expired_credential_is_named(sandbox: Sandbox) -> None:
    issued = sandbox.issue(600)
    sandbox.clock_offset_s = 700
    found = refusal(sandbox, issued)
    assert isinstance(found, AccountRefused)
    assert "The STS token has expired" in found.hint


def test_a_token_of_another_key_is_a_wrong_key(sandbox: Sandbox) -> None:
    known = sandbox.credentials
    found = refusal(sandbox, Credentials(known.access_key_id, known.access_key_secret, "token"))
    assert isinstance(found, AccountRefused)


WORDS = [  # status, code, message, words of the cure
    (403, "AccessDenied", "OSS authentication requires a valid Date.", "[network] proxy"),
    (501, "NotImplemented", "The sandbox does not offer it.", "check `endpoint`"),
]


@pytest.mark.parametrize(("status", "code", "message", "words"), WORDS)
def test_other_refusals_have_a_cure_too(
    sandbox: Sandbox, status: int, code: str, message: str, words: str
) -> None:
    sandbox.hook = Faults(Fault(kind="error", status=status, code=code, message=message))
    found = refusal(sandbox)
    assert words in found.hint
    assert not isinstance(found, Unavailable)  # the same request would be refused again

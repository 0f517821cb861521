"""Each client shows why its credentials were refused, and nothing was changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.clients.process import Refused
from tests.clients.roster import oss_clients, vod_clients
from tests.support.workspace import BUCKET
from watcher.ports import Credentials

if TYPE_CHECKING:
    from tests.clients.conftest import Connected
    from watcher.sandbox import Sandbox

TEMPORARY = Credentials("STS.sandbox", "sts-secret", "a+token/with=odd&characters%2B==")
ITEMS = [{"FileURL": f"http://{BUCKET}.oss-cn-shanghai.aliyuncs.com/a.mp4", "Title": "a"}]


def refused_put(client: Connected, sandbox: Sandbox) -> Refused:
    """Try to store an object, and return the refusal."""
    with pytest.raises(Refused) as refused:
        client("put", key="a.mp4", body=b"x")
    assert sandbox.oss.keys(BUCKET) == ()
    return refused.value


def refused_registration(client: Connected, sandbox: Sandbox) -> Refused:
    """Try to register a file, and return the refusal."""
    sandbox.oss.put(BUCKET, "a.mp4")
    with pytest.raises(Refused) as refused:
        client("register", items=ITEMS)
    assert sandbox.vod.media == {}
    return refused.value


@oss_clients()
def test_an_unknown_key_id_is_403(client: Connected, sandbox: Sandbox) -> None:
    client.connect(replace(sandbox.credentials, access_key_id="unknown"))

    refused = refused_put(client, sandbox)

    assert (refused.status, refused.code) == (403, "InvalidAccessKeyId")


@oss_clients()
def test_a_wrong_secret_is_403(client: Connected, sandbox: Sandbox) -> None:
    client.connect(replace(sandbox.credentials, access_key_secret="wrong"))

    refused = refused_put(client, sandbox)

    assert (refused.status, refused.code) == (403, "SignatureDoesNotMatch")


@oss_clients()
def test_a_missing_bucket_comes_before_an_unknown_key_id(
    client: Connected, sandbox: Sandbox
) -> None:
    client.connect(replace(sandbox.credentials, access_key_id="unknown"), bucket="no-such-bucket")

    refused = refused_put(client, sandbox)

    assert (refused.status, refused.code) == (404, "NoSuchBucket")


@oss_clients()
def test_temporary_credentials_are_accepted(client: Connected, sandbox: Sandbox) -> None:
    sandbox.credentials = TEMPORARY
    client.connect()

    client("put", key="a b+c.mp4", body=b"by token")

    assert client("get", key="a b+c.mp4") == b"by token"
    assert client("list_keys", page_size=10) == ["a b+c.mp4"]


@oss_clients()
def test_a_wrong_token_is_403(client: Connected, sandbox: Sandbox) -> None:
    sandbox.credentials = TEMPORARY
    client.connect(replace(TEMPORARY, security_token="another"))

    refused = refused_put(client, sandbox)

    assert (refused.status, refused.code) == (403, "InvalidSecurityToken")


@oss_clients()
def test_an_expired_token_is_403(client: Connected, sandbox: Sandbox) -> None:
    client.connect(client.temporary(lifetime_s=60))
    client("put", key="a.mp4", body=b"in time")
    sandbox.oss.delete(BUCKET, "a.mp4")
    sandbox.clock_offset_s = 61

    refused = refused_put(client, sandbox)

    assert (refused.status, refused.code) == (403, "SecurityTokenExpired")


@oss_clients()
def test_a_credential_of_one_folder_stays_in_it(client: Connected, sandbox: Sandbox) -> None:
    client.connect(client.temporary(lifetime_s=60, keys="uploads/*"))

    refused = refused_put(client, sandbox)
    client("put", key="uploads/a b.mp4", body=b"allowed")

    assert (refused.status, refused.code) == (403, "AccessDenied")
    assert sandbox.oss.keys(BUCKET) == (b"uploads/a b.mp4",)


@vod_clients()
def test_vod_refuses_an_unknown_key_id(client: Connected, sandbox: Sandbox) -> None:
    client.connect(replace(sandbox.credentials, access_key_id="unknown"))

    refused = refused_registration(client, sandbox)

    assert (refused.status, refused.code) == (404, "InvalidAccessKeyId.NotFound")


@vod_clients()
def test_vod_refuses_a_wrong_secret(client: Connected, sandbox: Sandbox) -> None:
    client.connect(replace(sandbox.credentials, access_key_secret="wrong"))

    refused = refused_registration(client, sandbox)

    assert (refused.status, refused.code) == (400, "SignatureDoesNotMatch")


@vod_clients()
def test_vod_accepts_temporary_credentials(client: Connected, sandbox: Sandbox) -> None:
    sandbox.credentials = TEMPORARY
    sandbox.oss.put(BUCKET, "a.mp4")
    client.connect()

    answer = client("register", items=ITEMS)

    assert len(answer["RegisteredMediaList"]) == 1


@vod_clients()
def test_vod_refuses_an_expired_token(client: Connected, sandbox: Sandbox) -> None:
    client.connect(client.temporary(lifetime_s=60))
    sandbox.clock_offset_s = 61

    refused = refused_registration(client, sandbox)

    assert (refused.status, refused.code) == (400, "InvalidSecurityToken.Expired")

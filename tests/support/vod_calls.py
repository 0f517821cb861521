"""Calls to the local VOD through the real SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkvod.request.v20170321.RegisterMediaRequest import RegisterMediaRequest

from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.sandbox import Sandbox

HOST = f"{BUCKET}.oss-cn-shanghai.aliyuncs.com"


def item(key: str, title: str = "title", **more: Any) -> dict[str, Any]:
    return {"FileURL": f"https://{HOST}/{quote(key)}", "Title": title, **more}


def client(sandbox: Sandbox) -> AcsClient:
    given = sandbox.credentials
    if not given.security_token:
        return AcsClient(given.access_key_id, given.access_key_secret, "cn-shanghai")
    token = StsTokenCredential(given.access_key_id, given.access_key_secret, given.security_token)
    return AcsClient(region_id="cn-shanghai", credential=token)


def register(
    sandbox: Sandbox,
    items: Sequence[object],
    *,
    asking: AcsClient | None = None,
    in_body: bool = False,
    **more: str,
) -> Any:
    """Make one RegisterMedia call, and return its answer."""
    call = RegisterMediaRequest()
    call.set_accept_format("JSON")
    call.set_endpoint(sandbox.host)
    (call.add_body_params if in_body else call.add_query_param)(
        "RegisterMetadatas", json.dumps(items)
    )
    for name, value in more.items():
        call.add_query_param(name, value)
    return json.loads((asking or client(sandbox)).do_action_with_exception(call))


def code_of(sandbox: Sandbox, items: Sequence[object], **more: Any) -> str:
    """Return the code of a refused call, and check that it had no effect."""
    before = dict(sandbox.vod.media)
    with pytest.raises(ServerException) as refused:
        register(sandbox, items, **more)
    assert sandbox.vod.media == before
    assert refused.value.get_request_id()
    assert sandbox.vod.journal[-1].status == refused.value.get_http_status()
    return str(refused.value.get_error_code())

"""URLs that a client signs in advance work for everybody until they expire."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import requests

from tests.clients.keys import odd_keys
from tests.clients.roster import oss_clients
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from tests.clients.conftest import Connected
    from tests.clients.names import NamesProxy
    from watcher.sandbox import Sandbox

KEY = "视频/a b+c%2F&.mp4"
BODY = b"presigned" * 100


def asked(
    names: NamesProxy, method: str, signed: dict[str, Any], body: bytes | None = None
) -> requests.Response:
    """Use a URL as a browser would: the name is looked up, the URL stays as it is."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            method, signed["url"], headers=signed["headers"], data=body, timeout=30,
            proxies={"http": names.url},
        )  # fmt: skip


@oss_clients(offering="presign")
def test_a_presigned_get_reads_the_object(
    client: Connected, sandbox: Sandbox, names: NamesProxy
) -> None:
    sandbox.oss.put(BUCKET, KEY, BODY)

    answer = asked(names, "GET", client("presign", method="GET", key=KEY, expires_s=60))

    assert (answer.status_code, answer.content) == (200, BODY)


@oss_clients(offering="presign")
def test_a_presigned_put_stores_the_body(
    client: Connected, sandbox: Sandbox, names: NamesProxy
) -> None:
    signed = client("presign", method="PUT", key=KEY, expires_s=60)
    signed["headers"].pop("content-length", None)  # the body's is the right one

    answer = asked(names, "PUT", signed, BODY)

    assert answer.status_code == 200, answer.text
    assert sandbox.oss.body(BUCKET, KEY) == BODY


@oss_clients(offering="presign")
def test_a_presigned_url_works_for_every_odd_key(
    client: Connected, sandbox: Sandbox, names: NamesProxy
) -> None:
    keys = [
        key
        for key in odd_keys(without=client.about.cannot_send)
        if not key.startswith("?")  # two clients refuse to sign it
    ]
    for key in keys:
        sandbox.oss.put(BUCKET, key, key.encode())

    read = {
        key: asked(names, "GET", client("presign", method="GET", key=key, expires_s=60)).content
        for key in keys
    }

    assert {key: body.decode("utf-8", "replace") for key, body in read.items()} == {
        key: key for key in keys
    }


@oss_clients(offering="presign")
def test_a_presigned_get_stores_nothing(
    client: Connected, sandbox: Sandbox, names: NamesProxy
) -> None:
    signed = client("presign", method="GET", key=KEY, expires_s=60)

    answer = asked(names, "PUT", signed, BODY)

    assert answer.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in answer.text
    assert sandbox.oss.keys(BUCKET) == ()


@oss_clients(offering="presign")
def test_a_presigned_url_is_for_one_key(
    client: Connected, sandbox: Sandbox, names: NamesProxy
) -> None:
    sandbox.oss.fill(BUCKET, ["mine.mp4", "yours.mp4"])
    signed = client("presign", method="GET", key="mine.mp4", expires_s=60)
    signed["url"] = signed["url"].replace("mine.mp4", "yours.mp4")

    answer = asked(names, "GET", signed)

    assert answer.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in answer.text


@oss_clients(offering="presign")
def test_a_presigned_url_carries_its_token(
    client: Connected, sandbox: Sandbox, names: NamesProxy
) -> None:
    sandbox.oss.put(BUCKET, KEY, BODY)
    client.connect(client.temporary(lifetime_s=60))

    signed = client("presign", method="GET", key=KEY, expires_s=600)
    before = asked(names, "GET", signed)
    sandbox.clock_offset_s = 62
    after = asked(names, "GET", signed)

    assert (before.status_code, before.content) == (200, BODY)
    assert after.status_code == 403
    assert "<Code>SecurityTokenExpired</Code>" in after.text


@oss_clients(offering="presign")
def test_a_presigned_url_expires(client: Connected, sandbox: Sandbox, names: NamesProxy) -> None:
    sandbox.oss.put(BUCKET, KEY, BODY)
    signed = client("presign", method="GET", key=KEY, expires_s=60)

    sandbox.clock_offset_s = 62

    answer = asked(names, "GET", signed)
    assert answer.status_code == 403
    assert "<Code>AccessDenied</Code>" in answer.text
    assert "expired" in answer.text


@oss_clients(offering="presign")
def test_a_url_signed_with_a_wrong_secret_is_refused(
    client: Connected, sandbox: Sandbox, names: NamesProxy
) -> None:
    sandbox.oss.put(BUCKET, KEY, BODY)
    client.connect(replace(sandbox.credentials, access_key_secret="wrong"))

    answer = asked(names, "GET", client("presign", method="GET", key=KEY, expires_s=60))

    assert answer.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in answer.text

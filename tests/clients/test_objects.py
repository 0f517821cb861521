"""Each client stores, reads, lists, copies and deletes objects, whatever their keys are."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.clients.keys import in_order, odd_keys
from tests.clients.process import Refused
from tests.clients.roster import oss_clients
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from tests.clients.conftest import Connected
    from watcher.sandbox import Sandbox

KEY = "视频/a b+c%2F&.mp4"
BODY = bytes(range(256)) * 40


@oss_clients()
def test_a_stored_object_has_the_clients_key_and_bytes(client: Connected, sandbox: Sandbox) -> None:
    client("put", key=KEY, body=BODY)

    assert sandbox.oss.body(BUCKET, KEY) == BODY
    assert sandbox.oss.keys(BUCKET) == (KEY.encode(),)


@oss_clients(offering="etag")
def test_the_etag_of_a_put_is_the_md5_of_the_body(client: Connected) -> None:
    etag = hashlib.md5(BODY, usedforsecurity=False).hexdigest().upper()

    assert client("put", key=KEY, body=BODY) == etag
    assert client("head", key=KEY) == {"size": len(BODY), "etag": etag}


@oss_clients()
def test_head_shows_the_size(client: Connected, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, BODY)

    assert client("head", key=KEY)["size"] == len(BODY)


@oss_clients()
def test_get_returns_every_byte(client: Connected, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, BODY)

    assert client("get", key=KEY) == BODY


@oss_clients()
def test_an_empty_object_is_stored_and_read(client: Connected, sandbox: Sandbox) -> None:
    client("put", key=KEY, body=b"")

    assert sandbox.oss.body(BUCKET, KEY) == b""
    assert client("get", key=KEY) == b""


@oss_clients()
def test_a_range_returns_its_bytes_only(client: Connected, sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, BODY)

    assert client("get_range", key=KEY, first=100, last=299) == BODY[100:300]
    (call,) = [each for each in sandbox.oss.journal if each.operation == "GetObject"]
    assert call.status == 206


@oss_clients()
@pytest.mark.parametrize("operation", ["head", "get"])
def test_a_missing_object_is_404(client: Connected, operation: str) -> None:
    with pytest.raises(Refused) as refused:
        client(operation, key="missing.mp4")

    assert refused.value.status == 404
    assert refused.value.code in {"NoSuchKey", ""}


@oss_clients(offering="error_codes")
def test_an_error_carries_its_number(client: Connected) -> None:
    with pytest.raises(Refused) as refused:
        client("get", key="missing.mp4")

    assert (refused.value.code, refused.value.ec) == ("NoSuchKey", "0026-00000001")


@oss_clients()
def test_odd_keys_are_stored_as_they_are(client: Connected, sandbox: Sandbox) -> None:
    keys = odd_keys(without=client.about.cannot_send)

    for key in keys:
        client("put", key=key, body=key.encode())

    assert [key.decode() for key in sandbox.oss.keys(BUCKET)] == in_order(keys)
    assert {key: sandbox.oss.body(BUCKET, key).decode() for key in keys} == {
        key: key for key in keys
    }


@oss_clients()
def test_odd_keys_are_read(client: Connected, sandbox: Sandbox) -> None:
    keys = odd_keys(without=client.about.cannot_send)
    for key in keys:
        sandbox.oss.put(BUCKET, key, key.encode())

    read = {key: client("get", key=key).decode() for key in keys}
    sizes = {key: client("head", key=key)["size"] for key in keys}

    assert read == {key: key for key in keys}
    assert sizes == {key: len(key.encode()) for key in keys}


@oss_clients()
@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_odd_keys_are_listed_page_by_page(
    client: Connected, sandbox: Sandbox, page_size: int
) -> None:
    keys = odd_keys(without=client.about.cannot_send | client.about.cannot_list)
    assert len(keys) > 40
    sandbox.oss.fill(BUCKET, keys)

    assert in_order(client("list_keys", page_size=page_size)) == in_order(keys)


@oss_clients(offering="list_keys_v1")
@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_odd_keys_are_listed_page_by_page_by_the_first_list_operation(
    client: Connected, sandbox: Sandbox, page_size: int
) -> None:
    keys = odd_keys(without=client.about.cannot_send | client.about.cannot_list)
    sandbox.oss.fill(BUCKET, keys)

    assert client("list_keys_v1", page_size=page_size) == in_order(keys)
    assert {each.operation for each in sandbox.oss.journal} == {"ListObjects"}


@oss_clients()
def test_odd_keys_are_copied(client: Connected, sandbox: Sandbox) -> None:
    keys = odd_keys(without=client.about.cannot_send | {"folder"})
    short = [key for key in keys if len(key.encode()) < 900]
    for key in short:
        sandbox.oss.put(BUCKET, key, key.encode())

    for key in short:
        client("copy", source=key, target=f"copies/{key}")

    copies = {key: sandbox.oss.body(BUCKET, f"copies/{key}").decode() for key in short}
    assert copies == {key: key for key in short}


@oss_clients()
def test_odd_keys_are_deleted_one_by_one(client: Connected, sandbox: Sandbox) -> None:
    keys = odd_keys(without=client.about.cannot_send)
    sandbox.oss.fill(BUCKET, [*keys, "stays.mp4"])

    for key in keys:
        client("delete", key=key)

    assert [key for key in keys if sandbox.oss.find(BUCKET, key) is not None] == []
    assert sandbox.oss.keys(BUCKET) == (b"stays.mp4",)


@oss_clients(offering="delete_many")
def test_odd_keys_are_deleted_with_one_call(client: Connected, sandbox: Sandbox) -> None:
    keys = odd_keys(without=client.about.cannot_send)
    sandbox.oss.fill(BUCKET, [*keys, "stays.mp4"])

    client("delete_many", keys=keys)

    assert sandbox.oss.keys(BUCKET) == (b"stays.mp4",)
    assert [each.operation for each in sandbox.oss.journal] == ["DeleteMultipleObjects"]


@oss_clients(offering="delete_below")
def test_a_folder_is_deleted_with_all_that_is_in_it(client: Connected, sandbox: Sandbox) -> None:
    inside = [
        f"folder/{key}"
        for key in odd_keys(without=client.about.cannot_send | client.about.cannot_list)
        if len(key.encode()) < 900
    ]
    sandbox.oss.fill(BUCKET, [*inside, "folder.mp4", "stays.mp4"])

    client("delete_below", folder="folder/")

    assert sandbox.oss.keys(BUCKET) == (b"folder.mp4", b"stays.mp4")


@oss_clients(offering="append")
def test_a_file_is_written_piece_by_piece(client: Connected, sandbox: Sandbox) -> None:
    client("append", key=KEY, pieces=[b"one ", b"two ", b"three"])

    assert sandbox.oss.body(BUCKET, KEY) == b"one two three"
    found = sandbox.oss.find(BUCKET, KEY)
    assert found is not None
    assert found.type == "Appendable"

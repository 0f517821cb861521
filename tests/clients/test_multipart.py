"""Each client uploads large objects in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.clients.keys import odd_keys
from tests.clients.roster import oss_clients
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from tests.clients.conftest import Connected
    from watcher.sandbox import Sandbox

PART_BYTES = 5 * 1024 * 1024  # the least that every client takes
SMALL_PART_BYTES = 100 * 1024  # the least that the service takes
KEY = "视频/large file+1%.mp4"


def parts(size: int) -> list[bytes]:
    return [b"1" * size, b"2" * size, b"the last one is short"]


@oss_clients()
def test_parts_become_one_object_in_their_order(client: Connected, sandbox: Sandbox) -> None:
    sent = parts(PART_BYTES)

    client("multipart", key=KEY, parts=sent)

    assert sandbox.oss.body(BUCKET, KEY) == b"".join(sent)
    found = sandbox.oss.find(BUCKET, KEY)
    assert found is not None
    assert found.type == "Multipart"
    operations = [each.operation for each in sandbox.oss.journal]
    assert operations.count("UploadPart") == 3
    assert client("get", key=KEY) == b"".join(sent)


@oss_clients(offering="delete_many")
def test_every_odd_key_can_be_uploaded_in_parts(client: Connected, sandbox: Sandbox) -> None:
    keys = odd_keys(without=client.about.cannot_send | {"folder"})

    for key in keys:
        client("multipart", key=key, parts=[b"1" * SMALL_PART_BYTES, key.encode()])

    stored = {key: sandbox.oss.body(BUCKET, key)[SMALL_PART_BYTES:].decode() for key in keys}
    assert stored == {key: key for key in keys}


@oss_clients(offering="managed")
def test_the_clients_own_upload_sends_parts_side_by_side(
    client: Connected, sandbox: Sandbox
) -> None:
    body = bytes(range(256)) * 2000

    client("managed_multipart", key=KEY, body=body, part_size=SMALL_PART_BYTES)

    assert sandbox.oss.body(BUCKET, KEY) == body
    operations = [each.operation for each in sandbox.oss.journal]
    assert operations.count("UploadPart") == 5

"""One object is read as a stream, despite broken connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import oss2
import pytest

from tests.sandbox.test_fault_vod import hit
from tests.support.inventories import SHELF, Shelf
from watcher.errors import BucketRefused, CloudError, Throttled, Unavailable
from watcher.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from watcher.oss.object_reader import ObjectBody
    from watcher.sandbox import Sandbox
    from watcher.sandbox.http_server import Request

BODY = bytes(range(256)) * 4096  # 1 MiB
CHUNK = 100_000


@pytest.fixture
def shelf(sandbox: Sandbox) -> Shelf:
    """A bucket with one object."""
    made = Shelf(sandbox)
    sandbox.oss.put(SHELF, "a", BODY)
    return made


def whole(body: ObjectBody) -> bytes:
    chunks = []
    while chunk := body.read(CHUNK):
        chunks.append(chunk)
    return b"".join(chunks)


def test_a_body_is_read_in_pieces_and_says_how_large_it_is_and_when_it_came(
    shelf: Shelf, sandbox: Sandbox
) -> None:
    with shelf.reader().open("a") as body:
        assert len(body.read(CHUNK)) == CHUNK
        assert (body.name, body.position, body.size_bytes) == (f"oss://{SHELF}/a", CHUNK, len(BODY))
        assert abs(sandbox.clock.now_ms() - body.at) < 60_000
        assert BODY[:CHUNK] + whole(body) == BODY
        assert body.read(CHUNK) == b""


def test_a_broken_connection_is_resumed_behind_the_last_byte(
    shelf: Shelf, sandbox: Sandbox
) -> None:
    ranges: list[str] = []

    def note(request: Request) -> None:
        ranges.append(request.headers.get("range", ""))

    sandbox.hook = Faults(
        Fault(kind="cut_off", operation="GetObject", next=2),
        Fault(kind="call", operation="GetObject", callback=note),
    )
    with shelf.reader().open("a") as body:
        assert whole(body) == BODY
    (last,) = ranges
    assert int(last.removeprefix("bytes=").rstrip("-")) >= len(BODY) // 2


def test_a_reset_and_a_throttled_call_are_retried(shelf: Shelf, sandbox: Sandbox) -> None:
    sandbox.hook = Faults(
        Fault(kind="reset", operation="GetObject", next=1),
        Fault(kind="throttle", operation="GetObject", next=1, retry_after_s=7),
        Fault(kind="server_error", operation="GetObject", next=1),
    )
    with shelf.reader().open("a") as body:
        assert whole(body) == BODY
    assert shelf.clock.monotonic() >= 7


def test_the_fifth_failure_in_a_row_is_raised(shelf: Shelf, sandbox: Sandbox) -> None:
    faults = hit(sandbox, "throttle", operation="GetObject", next=None)
    with pytest.raises(Throttled):
        shelf.reader().open("a")
    assert faults.hits.total() == 5


def test_a_permanent_error_is_not_retried(shelf: Shelf, sandbox: Sandbox) -> None:
    faults = hit(sandbox, "access_denied", operation="GetObject", next=None)
    with pytest.raises(BucketRefused, match="AccessDenied") as refused:
        shelf.reader().open("a")
    assert faults.hits.total() == 1
    assert "oss:GetObject" in refused.value.hint


def test_a_stop_request_ends_the_wait(shelf: Shelf, sandbox: Sandbox) -> None:
    faults = hit(sandbox, "reset", operation="GetObject", next=None)
    shelf.clock.stopping = True
    with pytest.raises(Unavailable):
        shelf.reader().open("a")
    assert faults.hits.total() == 1


def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed_with_its_successor(
    shelf: Shelf, sandbox: Sandbox
) -> None:
    hit(sandbox, "cut_off", operation="GetObject")
    with shelf.reader().open("a") as body:
        body.read(CHUNK)
        sandbox.oss.put(SHELF, "a", BODY[::-1])
        with pytest.raises(CloudError, match="PreconditionFailed") as replaced:
            whole(body)
    assert "replaced" in replaced.value.hint


def test_an_answer_for_another_range_is_refused(shelf: Shelf, sandbox: Sandbox) -> None:
    with shelf.reader().open("a") as body:
        body.read(CHUNK)
        body.close()
        hit(sandbox, "html", operation="GetObject")
        with pytest.raises(CloudError, match="does not come from OSS"):
            body.read(CHUNK)


def test_an_answer_without_a_date_is_refused(shelf: Shelf, sandbox: Sandbox) -> None:
    hit(sandbox, "missing_date", operation="GetObject")
    with pytest.raises(CloudError, match=f"the answer for oss://{SHELF}/a does not come from OSS"):
        shelf.reader().open("a")


def test_bytes_are_read_as_stored_despite_their_content_encoding(
    shelf: Shelf, sandbox: Sandbox
) -> None:
    plain = oss2.Bucket(
        oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret),
        sandbox.url,
        SHELF,
        region="cn-shanghai",
    )
    plain.put_object("b", b"\x1f\x8b not gzip", headers={"Content-Encoding": "gzip"})
    with shelf.reader().open("b") as body:
        assert whole(body) == b"\x1f\x8b not gzip"


@pytest.mark.parametrize(
    ("key", "code"), [("nowhere", "NoSuchKey"), ("cold", "InvalidObjectState")]
)
def test_an_unreadable_object_is_an_error_with_its_address_and_a_cure(
    shelf: Shelf, sandbox: Sandbox, key: str, code: str
) -> None:
    sandbox.oss.put(SHELF, "cold", storage_class="Archive")
    with pytest.raises(CloudError, match=f"oss://{SHELF}/{key} cannot be read: {code}") as refused:
        shelf.reader().open(key)
    assert refused.value.code == code
    assert refused.value.hint

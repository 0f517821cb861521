"""Preconditions of reads and copies: 304, 412, or the object."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import oss2
import pytest

from tests.sandbox.test_oss import client
from tests.support.oss_calls import send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

KEY = "a.mp4"
AT = datetime(2026, 11, 25, 8, 0, 0, tzinfo=UTC)
ETAG = "900150983CD24FB0D6963F7D28E17F72"  # of b"abc"
BEFORE, SAME, AFTER = (
    f"Wed, 25 Nov 2026 {time} GMT" for time in ("07:59:59", "08:00:00", "08:00:01")
)
OTHER = '"00000000000000000000000000000000"'

CONDITIONS: dict[str, tuple[dict[str, str], int]] = {
    "same ETag": ({"If-Match": f'"{ETAG}"'}, 200),
    "same ETag without quotes": ({"If-Match": ETAG}, 200),
    "any ETag": ({"If-Match": "*"}, 200),
    "one of several ETags": ({"If-Match": f'{OTHER}, "{ETAG}"'}, 200),
    "another ETag": ({"If-Match": OTHER}, 412),
    "not the same ETag": ({"If-None-Match": f'"{ETAG}"'}, 304),
    "not the same ETag, without quotes": ({"If-None-Match": ETAG}, 304),
    "no ETag": ({"If-None-Match": "*"}, 304),
    "not another ETag": ({"If-None-Match": OTHER}, 200),
    "modified since an earlier time": ({"If-Modified-Since": BEFORE}, 200),
    "modified since its own time": ({"If-Modified-Since": SAME}, 304),
    "modified since a later time": ({"If-Modified-Since": AFTER}, 304),
    "modified since no time": ({"If-Modified-Since": "yesterday"}, 200),
    "unmodified since an earlier time": ({"If-Unmodified-Since": BEFORE}, 412),
    "unmodified since its own time": ({"If-Unmodified-Since": SAME}, 200),
    "unmodified since a later time": ({"If-Unmodified-Since": AFTER}, 200),
    "unmodified since no time": ({"If-Unmodified-Since": "yesterday"}, 200),
    "412 before 304": ({"If-Match": OTHER, "If-None-Match": f'"{ETAG}"'}, 412),
    "an ETag before a time": ({"If-Match": ETAG, "If-Unmodified-Since": BEFORE}, 200),
    "another ETag before a time": ({"If-None-Match": OTHER, "If-Modified-Since": AFTER}, 200),
    "both times hold": ({"If-Modified-Since": BEFORE, "If-Unmodified-Since": AFTER}, 200),
}


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_happens_if_its_preconditions_hold(sandbox: Sandbox, method: str, name: str) -> None:
    sandbox.oss.put(BUCKET, KEY, b"abc", modified_at=AT)
    headers, status = CONDITIONS[name]
    answer = send_signed(sandbox, method, BUCKET, KEY, headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.content == (b"abc" if method == "GET" else b"")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_304_has_no_body_but_the_etag_and_the_time(sandbox: Sandbox, method: str) -> None:
    sandbox.oss.put(BUCKET, KEY, b"abc", modified_at=AT)
    answer = send_signed(sandbox, method, BUCKET, KEY, headers={"If-None-Match": ETAG})
    assert (answer.status_code, answer.content) == (304, b"")
    assert (answer.headers["ETag"], answer.headers["Last-Modified"]) == (f'"{ETAG}"', SAME)
    absent = {"Content-Length", "Content-Type", "x-oss-err"}
    assert not absent & answer.headers.keys()


def test_a_connection_lives_on_after_304(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, b"abc", modified_at=AT)
    bucket = client(sandbox)
    for _ in range(3):
        with pytest.raises(oss2.exceptions.NotModified):
            bucket.get_object(KEY, headers={"If-None-Match": ETAG})
        assert bucket.get_object(KEY).read() == b"abc"


def test_412_says_which_rule_failed(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, KEY, b"abc", modified_at=AT)
    answer = send_signed(sandbox, "GET", BUCKET, KEY, headers={"If-Match": OTHER})
    assert "<Code>PreconditionFailed</Code>" in answer.text


COPIES = {
    name: (headers, status)
    for name, (headers, status) in CONDITIONS.items()
    if not any("," in value and "GMT" not in value for value in headers.values())
} | {"an ISO time": ({"If-Unmodified-Since": "2026-11-25T07:59:59.000Z"}, 412)}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_happens_if_the_preconditions_hold_for_its_source(
    sandbox: Sandbox, name: str
) -> None:
    sandbox.oss.put(BUCKET, KEY, b"abc", modified_at=AT)
    given, status = COPIES[name]
    headers = {f"x-oss-copy-source-{key.lower()}": value for key, value in given.items()}
    answer = send_signed(
        sandbox, "PUT", BUCKET, "copy", headers={**headers, "x-oss-copy-source": f"/{BUCKET}/{KEY}"}
    )
    assert answer.status_code == status
    assert (sandbox.oss.find(BUCKET, "copy") is not None) == (status == 200)


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match", "If-Modified-Since"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_write_with_a_precondition_is_not_offered_and_changes_nothing(
    sandbox: Sandbox, method: str, name: str
) -> None:
    """No page of OSS gives them a meaning. To ignore one would overwrite an object."""
    sandbox.oss.put(BUCKET, KEY, b"abc", modified_at=AT)
    answer = send_signed(sandbox, method, BUCKET, KEY, headers={name: "*"}, body=b"other")
    assert (answer.status_code, sandbox.oss.body(BUCKET, KEY)) == (501, b"abc")

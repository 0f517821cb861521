"""DeleteMultipleObjects: odd keys in every spelling, the quiet mode, and what is refused."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.support.oss_calls import bucket_client, error_code, send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    import requests

    from watcher.sandbox import Sandbox

ODD_KEYS = (
    *(f"control {chr(number)}.mp4" for number in (*range(1, 32), 127)),
    "a\r\nb.mp4", "<&>\"'.mp4", "&#01;.mp4", "&amp;.mp4", " blanks ", "100%+.mp4",
    "视频/第 1 集.mp4", "\ue000.mp4", "\ue0000041.mp4", "\ufffe.mp4", "\uffff.mp4", "𠮷.mp4",
    "x" * 1023,
)  # fmt: skip


def delete(
    sandbox: Sandbox, body: bytes, *, params: dict[str, str] | None = None, md5: str | None = None
) -> requests.Response:
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    return send_signed(
        sandbox, "POST", BUCKET,
        params={"delete": "", **(params or {})},
        headers={"Content-MD5": base64.b64encode(digest).decode() if md5 is None else md5},
        body=body,
    )  # fmt: skip


def body_of(*keys: str, quiet: str = "false") -> bytes:
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>{quiet}</Quiet>{objects}</Delete>".encode()


def by_references(key: str) -> str:
    """Write every character as a decimal reference, as the SDK of the second version may do."""
    return "".join(f"&#{ord(character):02};" for character in key)


def by_hexadecimal_references(key: str) -> str:
    return "".join(f"&#x{ord(character):X};" for character in key)


def test_the_sdk_deletes_keys_of_all_kinds(sandbox: Sandbox) -> None:
    for key in ODD_KEYS:
        sandbox.oss.put(BUCKET, key)
    sandbox.oss.put(BUCKET, "kept.mp4")

    done = bucket_client(sandbox).batch_delete_objects(list(ODD_KEYS))

    assert done.deleted_keys == list(ODD_KEYS)
    assert sandbox.oss.keys(BUCKET) == (b"kept.mp4",)


@pytest.mark.parametrize("spelling", [by_references, by_hexadecimal_references])
def test_references_stand_for_every_character(sandbox: Sandbox, spelling: object) -> None:
    assert callable(spelling)
    for key in ODD_KEYS:
        sandbox.oss.put(BUCKET, key)
        answer = delete(sandbox, body_of(spelling(key)), params={"encoding-type": "url"})
        assert (key, answer.status_code) == (key, 200)
        assert sandbox.oss.keys(BUCKET) == ()


def test_keys_are_encoded_where_the_request_asks_for_it(sandbox: Sandbox) -> None:
    answer = delete(sandbox, body_of("a &#1;+.mp4"), params={"encoding-type": "url"})
    tree = ET.fromstring(answer.content)  # noqa: S314 - our own sandbox
    assert [node.tag for node in tree] == ["EncodingType", "Deleted"]
    assert tree.findtext("Deleted/Key") == "a%20%01%2B.mp4"
    assert "<Key>a b.mp4</Key>" in delete(sandbox, body_of("a b.mp4")).text


def test_objects_that_are_not_there_count_as_deleted(sandbox: Sandbox) -> None:
    assert bucket_client(sandbox).batch_delete_objects(["a.mp4"]).deleted_keys == ["a.mp4"]


@pytest.mark.parametrize("quiet", ["true", "True"])
def test_the_quiet_mode_answers_nothing(sandbox: Sandbox, quiet: str) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    answer = delete(sandbox, body_of("a.mp4", quiet=quiet))
    assert (answer.status_code, answer.content) == (200, b"")
    assert sandbox.oss.keys(BUCKET) == ()


def test_a_thousand_keys_are_deleted_and_one_more_are_not(sandbox: Sandbox) -> None:
    keys = [f"{number:04}.mp4" for number in range(1001)]
    sandbox.oss.fill(BUCKET, keys)
    answer = delete(sandbox, body_of(*keys))
    assert (answer.status_code, error_code(answer)) == (400, "MalformedXML")
    assert len(sandbox.oss.keys(BUCKET)) == 1001
    assert delete(sandbox, body_of(*keys[1:])).status_code == 200
    assert sandbox.oss.keys(BUCKET) == (b"0000.mp4",)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"no xml", b"<Delete>", b"<Delete></Delete>", b"\xff", body_of(""),
        b"<Delete><Object></Object></Delete>", b"<Other><Object><Key>a.mp4</Key></Object></Other>",
        body_of("a.mp4") + b"more", body_of("a.mp4", quiet="maybe"), body_of("a.mp4", ""),
        b"<Delete><Object><Key>\xc3</Key></Object></Delete>", body_of("a.mp4&#99999999;"),
    ],
)  # fmt: skip
def test_a_malformed_body_deletes_nothing(sandbox: Sandbox, body: bytes) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    answer = delete(sandbox, body)
    assert (answer.status_code, error_code(answer)) == (400, "MalformedXML")
    assert sandbox.oss.keys(BUCKET) == (b"a.mp4",)


@pytest.mark.parametrize(
    ("body", "ec"),
    [
        (b"<Delete></Delete>", "0016-00000615"),
        (b"<Delete><Object></Object></Delete>", "0016-00000613"),
    ],
)
def test_the_error_says_which_element_is_missing(sandbox: Sandbox, body: bytes, ec: str) -> None:
    assert delete(sandbox, body).headers["x-oss-ec"] == ec


def test_a_version_is_not_offered(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    body = b"<Delete><Object><Key>a.mp4</Key><VersionId>1</VersionId></Object></Delete>"
    assert delete(sandbox, body).status_code == 501
    assert sandbox.oss.keys(BUCKET) == (b"a.mp4",)


def test_a_body_without_its_md5_deletes_nothing(sandbox: Sandbox) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    answer = send_signed(sandbox, "POST", BUCKET, params={"delete": ""}, body=body_of("a.mp4"))
    assert (answer.status_code, error_code(answer)) == (400, "MissingArgument")
    assert answer.headers["x-oss-ec"] == "0016-00000606"
    assert sandbox.oss.keys(BUCKET) == (b"a.mp4",)

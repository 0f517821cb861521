"""Listings of the local OSS, as both versions of the operation give them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.support.oss_calls import send_signed
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

KEYS = ("a.mp4", "b/1.mp4", "b/2.mp4", "b/c/3.mp4", "c.mp4", "d/4.mp4", "视频/5.mp4")


@pytest.fixture
def stocked(sandbox: Sandbox) -> Sandbox:
    for key in KEYS:
        sandbox.oss.put(BUCKET, key)
    return sandbox


def page(sandbox: Sandbox, **given: str) -> str:
    """Return the XML of one page; the names of parameters have `_` for `-`."""
    params = {name.replace("_", "-"): value for name, value in given.items()}
    answer = send_signed(sandbox, "GET", BUCKET, params=params)
    assert answer.status_code == 200, answer.text
    return answer.text


def found(text: str, name: str) -> list[str]:
    """Return the texts of all elements of one name."""
    return [unquote(each) for each in re.findall(f"<{name}>([^<]*)</{name}>", text)]


def all_shown(sandbox: Sandbox, element: str, parameter: str, **given: str) -> list[str]:
    """Return all keys and common prefixes, page by page."""
    shown, at = [], ""
    for _ in range(20):
        text = page(sandbox, **given, **({parameter: at} if at else {}))
        common = re.findall("<CommonPrefixes><Prefix>([^<]*)</Prefix>", text)
        shown += sorted(found(text, "Key") + [unquote(each) for each in common])
        if "<IsTruncated>false" in text:
            return shown
        (at,) = found(text, element)
    raise AssertionError("the listing never ends")


@pytest.mark.parametrize("limit", ["1", "2", "3", "1000"])
@pytest.mark.parametrize("encoding", [{}, {"encoding_type": "url"}])
def test_the_first_version_ends_on_every_page_size(
    stocked: Sandbox, limit: str, encoding: dict[str, str]
) -> None:
    whole = all_shown(stocked, "NextMarker", "marker", max_keys=limit, **encoding)
    rolled = all_shown(stocked, "NextMarker", "marker", max_keys=limit, delimiter="/", **encoding)
    assert whole == list(KEYS)
    assert rolled == ["a.mp4", "b/", "c.mp4", "d/", "视频/"]


@pytest.mark.parametrize("limit", ["1", "2", "1000"])
def test_the_second_version_ends_on_every_page_size(stocked: Sandbox, limit: str) -> None:
    given = {"list_type": "2", "max_keys": limit, "delimiter": "/"}
    shown = all_shown(stocked, "NextContinuationToken", "continuation_token", **given)
    assert shown == ["a.mp4", "b/", "c.mp4", "d/", "视频/"]


def test_a_token_has_the_characters_of_the_real_ones(stocked: Sandbox) -> None:
    for limit in range(1, len(KEYS)):
        text = page(stocked, list_type="2", max_keys=str(limit))
        (token,) = found(text, "NextContinuationToken")
        assert re.fullmatch(r"[A-Za-z0-9._]+-{0,2}", token)


def test_the_owner_is_always_in_the_first_version_and_on_request_in_the_second(
    stocked: Sandbox,
) -> None:
    owner = "<Owner><ID>1</ID><DisplayName>1</DisplayName></Owner>"
    assert page(stocked).count(owner) == len(KEYS)
    assert page(stocked, list_type="2").count(owner) == 0
    assert page(stocked, list_type="2", fetch_owner="true").count(owner) == len(KEYS)


def test_a_common_prefix_that_a_listing_begins_in_is_shown_or_not(stocked: Sandbox) -> None:
    given = {"list_type": "2", "delimiter": "/", "start_after": "b/1.mp4"}
    assert "<Prefix>b/</Prefix>" in page(stocked, **given)
    assert "<Prefix>b/</Prefix>" not in page(stocked, **{**given, "start_after": "b/"})
    stocked.oss.options.begun_prefixes = False
    assert "<Prefix>b/</Prefix>" not in page(stocked, **given)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max-keys", "0"),
        ("max-keys", "1001"),
        ("max-keys", "-1"),
        ("max-keys", "ten"),
        ("prefix", "x" * 1024),
        ("prefix", "视" * 342),
        ("delimiter", "x" * 1024),
        ("encoding-type", "base64"),
    ],
)
@pytest.mark.parametrize("version", [{}, {"list-type": "2"}])
def test_a_parameter_out_of_bounds_is_refused(
    stocked: Sandbox, version: dict[str, str], name: str, value: str
) -> None:
    answer = send_signed(stocked, "GET", BUCKET, params={**version, name: value})
    assert (answer.status_code, "<Code>InvalidArgument</Code>" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "given",
    [
        {"list-type": "2", "start-after": "x" * 1024},
        {"list-type": "2", "continuation-token": "no token!"},
        {"list-type": "1"},
        {"marker": "x" * 1024},
    ],
)
def test_a_place_to_begin_that_is_none_is_refused(stocked: Sandbox, given: dict[str, str]) -> None:
    answer = send_signed(stocked, "GET", BUCKET, params=given)
    assert (answer.status_code, "<Code>InvalidArgument</Code>" in answer.text) == (400, True)


def test_the_longest_prefix_and_marker_are_accepted(stocked: Sandbox) -> None:
    assert found(page(stocked, prefix="x" * 1023, marker="y" * 1023), "Key") == []

"""Listings are what the documents say, for all combinations of parameters."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.keys import odd_keys
from tests.clients.listing_reference import Asked, Page, is_certain, pages
from tests.clients.roster import oss_clients
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from tests.clients.conftest import Connected
    from watcher.sandbox import Sandbox

KEYS = [
    key for key in odd_keys(without=frozenset({"control", "edge blank"})) if len(key.encode()) < 100
]
PREFIXES = ("", "a", "dir/", "视", "nothing")
DELIMITERS = ("", "/", ".", "频/")
STARTS = ("", "a+b.mp4", "a+b.mp5", "c", "\U0010ffff")
SIZES = (1, 3, 1000)
COMBINATIONS = [
    asked
    for prefix, delimiter, after, size in product(PREFIXES, DELIMITERS, STARTS, SIZES)
    if is_certain(
        KEYS, asked := Asked(prefix=prefix, delimiter=delimiter, after=after, max_keys=size)
    )
]


def listed(client: Connected, version: int, asked: Asked, encoding: str) -> list[Page]:
    """Return all pages as the client shows them."""
    found: list[Page] = []
    following = ""
    while not found or following:
        given: dict[str, Any] = {
            "prefix": asked.prefix,
            "delimiter": asked.delimiter,
            "max_keys": asked.max_keys,
            "after": asked.after,
            "encoding_type": encoding,
            "next": following,
        }
        page = client("page", version=version, given=given)
        found.append(Page(keys=page["keys"], prefixes=page["prefixes"]))
        following = page["next"]
        assert len(found) <= len(KEYS), "the listing does not end"
    return found


def differences(client: Connected, version: int, encoding: str) -> dict[Asked, object]:
    """Return all combinations for which the client shows other pages than the reference."""
    return {
        asked: (shown, expected)
        for asked in COMBINATIONS
        if (shown := listed(client, version, asked, encoding)) != (expected := pages(KEYS, asked))
    }


def test_there_are_combinations_enough() -> None:
    assert len(COMBINATIONS) > 200
    assert any(len(pages(KEYS, asked)) > 20 for asked in COMBINATIONS)


@oss_clients(offering="page")
@pytest.mark.parametrize(("version", "encoding"), [(1, "url"), (2, "url"), (2, "")])
def test_all_combinations_of_parameters(
    client: Connected, sandbox: Sandbox, version: int, encoding: str
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)

    assert differences(client, version, encoding) == {}


@oss_clients(offering="plain_v1_page")
def test_all_combinations_of_parameters_with_plain_keys_in_the_first_list_operation(
    client: Connected, sandbox: Sandbox
) -> None:
    sandbox.oss.fill(BUCKET, KEYS)

    assert differences(client, 1, "") == {}

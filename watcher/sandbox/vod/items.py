"""The items of a RegisterMedia call: parse them, and check the documented limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watcher.sandbox.vod.answers import missing, not_valid
from watcher.sandbox.vod.parameters import parsed_json
from watcher.sandbox.vod.texts import (
    MAX_DESCRIPTION,
    MAX_TITLE,
    MAX_URL_BYTES,
    check_characters,
    check_length,
    check_tags,
)

MAX_ITEMS: Final = 10
_LIMITS_BYTES: Final = {
    "FileURL": MAX_URL_BYTES,
    "Title": MAX_TITLE,
    "Description": MAX_DESCRIPTION,
    "CoverURL": MAX_URL_BYTES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item; it is within the limits."""

    file_url: str
    title: str
    description: str
    tags: str
    cate_id: int
    cover_url: str


def items_of(text: str) -> tuple[Item, ...]:
    """Return the items of `RegisterMetadatas`.

    Raises:
        VodRefused: an item is not valid, or there are none or too many. The whole call is refused.
    """
    if not text:
        raise missing("RegisterMetadatas")
    try:
        found = parsed_json(text)
    except ValueError as error:
        raise not_valid("RegisterMetadatas") from error
    if not isinstance(found, list) or not 1 <= len(found) <= MAX_ITEMS:
        raise not_valid("RegisterMetadatas")
    return tuple(_item(each) for each in found)


def _item(fields: object) -> Item:
    if not isinstance(fields, dict):
        raise not_valid("RegisterMetadatas")
    for name in ("FileURL", "Title"):
        if not fields.get(name):
            raise missing(name)
    texts = {name: _text(fields, name) for name in (*_LIMITS_BYTES, "Tags")}
    check_tags(texts["Tags"])
    for name in ("Title", "Description", "Tags"):
        check_characters(name, texts[name])
    try:
        cate_id = int(fields.get("CateId") or 0)
    except (TypeError, ValueError) as error:
        raise not_valid("CateId") from error
    return Item(
        file_url=texts["FileURL"],
        title=texts["Title"],
        description=texts["Description"],
        tags=texts["Tags"],
        cate_id=cate_id,
        cover_url=texts["CoverURL"],
    )


def _text(fields: dict[str, object], name: str) -> str:
    text = fields.get(name) or ""
    if not isinstance(text, str):
        raise not_valid(name)
    if name in _LIMITS_BYTES:
        check_length(name, text, _LIMITS_BYTES[name])
    return text

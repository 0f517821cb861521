"""The items of a RegisterMedia call: parse them, and check the documented limits."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

import regex

from watcher.sandbox.vod.answers import VodRefused, missing, not_valid
from watcher.sandbox.vod.parameters import parsed_json

MAX_ITEMS: Final = 10
MAX_TAGS: Final = 16
_LIMITS_BYTES: Final = {"FileURL": 1024, "Title": 128, "Description": 1024, "CoverURL": 1024}
_MAX_TAG_BYTES: Final = 32
# Pictograms, their joiners and modifiers, keycaps, and the halves of flags.
_EMOJI: Final = regex.compile(
    r"[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\uFE0E\uFE0F\u200D\u20E3]"
)


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
    _check_tags(texts["Tags"])
    for name in ("Title", "Description", "Tags"):
        _check_characters(name, texts[name])
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
    if len(text.encode("utf-8", "surrogatepass")) > _LIMITS_BYTES.get(
        name, MAX_TAGS * (_MAX_TAG_BYTES + 1)
    ):
        raise VodRefused(
            400, "LengthExceededMax", f"The specified {name} length has exceeded the upper limit."
        )
    return text


def _check_tags(text: str) -> None:
    tags = text.split(",") if text else []
    if len(tags) > MAX_TAGS:
        raise VodRefused(
            400, "TagsExceededMax", "The specified Tags count has exceeded the upper limit."
        )
    if any(len(tag.encode("utf-8", "surrogatepass")) > _MAX_TAG_BYTES for tag in tags):
        raise VodRefused(
            400, "LengthExceededMax", "The specified Tag length has exceeded the upper limit."
        )


def _check_characters(name: str, text: str) -> None:
    if _EMOJI.search(text) or any(unicodedata.category(each) in {"Cc", "Cs"} for each in text):
        message = f"The specified {name} contains illegal emoticon or special characters."
        raise VodRefused(400, "IllegalCharacters", message)

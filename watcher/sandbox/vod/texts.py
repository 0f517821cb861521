"""The documented limits of titles, descriptions, tags and the like."""

from __future__ import annotations

import json
import unicodedata
from typing import Final, Literal

import regex

from watcher.sandbox.vod.answers import VodRefused, not_valid
from watcher.sandbox.vod.parameters import parsed_json

Unit = Literal["bytes", "characters"]
MAX_TITLE: Final = 128
MAX_DESCRIPTION: Final = 1024
MAX_URL_BYTES: Final = 1024
MAX_TAGS: Final = 16
_MAX_TAG: Final = 32
_MAX_EXTEND_BYTES: Final = 512
# Pictograms, their joiners and modifiers, keycaps, and the halves of flags.
_EMOJI: Final = regex.compile(
    r"[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\uFE0E\uFE0F\u200D\u20E3]"
)


def check_length(name: str, text: str, most: int, unit: Unit = "bytes") -> None:
    """Refuse a text that is too long."""
    length = len(text if unit == "characters" else text.encode("utf-8", "surrogatepass"))
    if length > most:
        # The documented message says bytes, whatever is counted.
        message = f"The specified {name} length has exceeded {most} bytes."
        raise VodRefused(400, "LengthExceededMax", message)


def check_tags(text: str, unit: Unit = "bytes") -> None:
    """Refuse too many tags, and one that is too long."""
    tags = text.split(",") if text else []
    if len(tags) > MAX_TAGS:
        raise VodRefused(
            400, "TagsExceededMax", f"The specified Tags count has exceeded {MAX_TAGS}."
        )
    for tag in tags:
        check_length("Tags", tag, _MAX_TAG, unit)


def check_characters(name: str, text: str) -> None:
    """Refuse emoji and control characters."""
    if _EMOJI.search(text) or any(unicodedata.category(each) in {"Cc", "Cs"} for each in text):
        message = f"The specified {name} contains illegal emoticon or special characters."
        raise VodRefused(400, "IllegalCharacters", message)


def check_user_data(text: str) -> None:
    """Refuse a UserData that is not a JSON object, or whose `Extend` is too long."""
    if not text:
        return
    try:
        found = parsed_json(text)
    except ValueError as error:
        raise not_valid("UserData") from error
    if not isinstance(found, dict):
        raise not_valid("UserData")
    if "Extend" in found:
        extend = json.dumps(found["Extend"], ensure_ascii=False, separators=(",", ":"))
        check_length("UserData", extend, _MAX_EXTEND_BYTES)

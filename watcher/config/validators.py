"""Checks of globs, templates, tags, categories and user data."""

from __future__ import annotations

import re
import warnings
from typing import Final

from pydantic_core import PydanticCustomError

from watcher.rules import file_url, globs, media_text, metadata

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DIGITS: Final = re.compile(r"[0-9]{1,19}")


def sentence(text: str | None) -> None:
    """Refuse with a sentence that names the value itself; None refuses nothing."""
    if text:
        raise PydanticCustomError("sentence", "{text}", {"text": text})


def name(text: str) -> str:
    """Return a watch's name, which is also a metric's label and an argument.

    Raises:
        ValueError: a sentence with the cure.
    """
    if not _NAME.fullmatch(text):
        raise ValueError(
            "not a name: 1 to 64 letters, digits, dots, hyphens and underscores. Rename it."
        )
    return text


def glob(text: str) -> str:
    """Return a glob that can be matched.

    Raises:
        ValueError: a sentence with the cure.
    """
    try:
        sentence(globs.check(text))
    except RecursionError:
        raise ValueError("nested too deeply. Use fewer braces.") from None
    return text


def pattern(text: str) -> str:
    """Return a valid regular expression; its named groups may not hide built-in fields."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what may mean something else in a later Python
        sentence(metadata.check_pattern(text))
    return text


def groups(checked_pattern: str) -> frozenset[str]:
    """Return the named groups, which are fields of templates."""
    return frozenset(re.compile(checked_pattern).groupindex)


def template(text: str, known: frozenset[str]) -> str:
    """Return a template whose fields all exist."""
    sentence(metadata.check_template(text, known))
    return text


def tag(text: str, known: frozenset[str]) -> str:
    """Return the template of one tag.

    Raises:
        ValueError: a sentence with the cure.
    """
    template(text, known)
    if "," in text:
        raise ValueError("a tag cannot hold a comma. Write two tags.")
    if not text.strip():
        raise ValueError("an empty tag. Remove it.")
    sentence(metadata.check_tags((text,)))
    return text


def tag_count(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return as many tags as VOD takes.

    Raises:
        ValueError: a sentence with the cure.
    """
    if len(tags) > metadata.MAX_TAGS:
        raise ValueError(
            f"there are {len(tags)} tags, and VOD takes {metadata.MAX_TAGS}. Remove some."
        )
    return tags


def cate_id(value: object, known: frozenset[str]) -> int | str:
    """Return a category's number, or a template that gives one.

    Raises:
        ValueError: a sentence with the cure.
    """
    cure = 'Write a number, e.g. 1000012345, or a template, e.g. "{cate}"; 0 is none.'
    if isinstance(value, str):
        template(value, known)
        if "{" not in value and not _DIGITS.fullmatch(value):
            raise ValueError(f"not a category's number. {cure}")
        return value
    if type(value) is not int or not 0 <= value <= metadata.MAX_CATE_ID:
        raise ValueError(f"not a category's number. {cure}")
    return value


def cover_url(text: str, known: frozenset[str]) -> str:
    """Return the template of a cover's URL.

    Raises:
        ValueError: a sentence with the cure.
    """
    template(text, known)
    if "{" not in text and len(text.encode()) > metadata.MAX_COVER_URL_BYTES:
        raise ValueError(
            f"longer than the {metadata.MAX_COVER_URL_BYTES} bytes VOD takes. Shorten it."
        )
    return text


def user_data(text: str) -> str:
    """Return "" or the text of a JSON object.

    Raises:
        ValueError: a sentence with the cure.
    """
    if not text:
        return ""
    if problem := media_text.user_data_problem(text):
        cure = """Write one in single quotes, e.g. '{"Extend": {"from": "oss"}}'."""
        raise ValueError(f"{problem}. {cure}")
    return text


def file_url_template(text: str) -> str:
    """Return the form of a bucket's file URLs.

    Raises:
        ValueError: a sentence with the cure.
    """
    for needed in ("{bucket}", "{key}"):
        if needed not in text:
            raise ValueError(
                f"{needed} is missing. Write e.g. "
                f"https://{{bucket}}.oss-{{region}}.aliyuncs.com/{{key}}."
            )
    sentence(file_url.check_form(text, "percent"))
    return text

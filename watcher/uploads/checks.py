"""What is refused before a call to VOD: each check returns the value as it is sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from watcher.errors import ArgumentRefused
from watcher.redaction import service_text
from watcher.rules import media_text, metadata
from watcher.rules.selection import AUDIO_EXTENSIONS, VIDEO_EXTENSIONS
from watcher.rules.units import rounded_size

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MAX_CATE_IDS: Final = 5
MAX_URL_FILE_BYTES: Final = 20 * 1024**3
"""Of a file that VOD fetches.  Source: UploadMediaByURL reference."""

MEDIA_EXTENSIONS: Final = VIDEO_EXTENSIONS | AUDIO_EXTENSIONS
IMAGE_EXTENSIONS: Final = frozenset(("gif", "heic", "jpeg", "jpg", "png", "webp"))
ATTACHED_EXTENSIONS: Final = {
    "watermark": frozenset(("apng", "gif", "mov", "png")),
    "subtitle": frozenset(("ass", "srt", "stl", "ttml", "vtt")),
    "material": frozenset(("apk", "gif", "jpg", "mat", "mp4", "png", "zip")),
}
"""By business type.  Source: CreateUploadAttachedMedia reference."""

URL_REGIONS: Final = ("cn-shanghai", "cn-beijing", "cn-shenzhen", "ap-southeast-1", "us-west-1")
"""Where UploadMediaByURL exists.  Source: its reference."""

REFERENCE_ID: Final = re.compile(r"[A-Za-z0-9_-]{6,64}")
SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,50}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def text(name: str, value: str) -> str:
    """Return a text that UTF-8 can hold, without control characters.

    Raises:
        ArgumentRefused: it is another one.
    """
    if not isinstance(value, str):
        raise ArgumentRefused(f"{name} is no text: {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ArgumentRefused(
            f"{name} is not valid Unicode: {shown(value)}", hint="Rename it, or decode it as UTF-8."
        ) from None
    if _CONTROL.search(value):
        raise ArgumentRefused(f"{name} has a control character: {shown(value)}", hint="Remove it.")
    return value


def shown(value: str) -> str:
    """Return a value for an error: short, and without the signature of a URL."""
    return service_text(repr(value))


def needed(name: str, value: str) -> str:
    """Return a text that is not empty; see `text`."""
    if not value:
        raise ArgumentRefused(f"{name} is empty", hint="VOD needs it.")
    return text(name, value)


def http_url(name: str, value: str) -> str:
    """Return an http(s) URL as it is; see `text`."""
    checked = needed(name, value)
    try:
        parts = urlsplit(checked)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme.lower() not in {"http", "https"} or not parts.netloc:
        raise ArgumentRefused(
            f"{name} is no URL: {shown(value)}", hint="Write http(s)://HOST/PATH."
        )
    return checked


def described(name: str, value: str, limit_bytes: int) -> str:
    """Return a title or description without emoji and control characters, cut to whole characters.

    Raises:
        ArgumentRefused: UTF-8 cannot hold it.
    """
    return media_text.fitted(text(name, _without_control(value)), limit_bytes)


def title(value: str, file_name: str) -> str:
    """Return a title, else the stem of a file's name."""
    limit = metadata.MAX_TITLE_BYTES
    stem = file_name.rpartition(".")[0] or file_name
    return (
        described("title", value, limit)
        or described("title", stem, limit)
        or media_text.title_of_last_resort(file_name, limit)
    )


def _without_control(value: str) -> str:
    return _CONTROL.sub("", value) if isinstance(value, str) else value


def tags(values: Sequence[str]) -> str:
    """Return the tags as VOD takes them, each once.

    Raises:
        ArgumentRefused: too many, too long, an empty one, or one with a comma.
    """
    listed = several("tags", values)
    if any("," in tag for tag in listed):
        raise ArgumentRefused("a tag cannot hold a comma", hint="Write two tags.")
    if problem := metadata.check_tags([_braced(text("tag", tag)) for tag in listed]):
        raise ArgumentRefused(problem.partition(":")[0], hint="Remove some, or shorten it.")
    cleaned = [media_text.fitted(tag, metadata.MAX_TAG_BYTES) for tag in listed]
    if not all(cleaned):
        raise ArgumentRefused("a tag is empty", hint="Remove it.")
    return ",".join(dict.fromkeys(cleaned))


def _braced(tag: str) -> str:
    return tag.replace("{", "{{").replace("}", "}}")


def several(name: str, values: Sequence[str]) -> list[str]:
    """Return the values; one text alone would be read letter by letter.

    Raises:
        ArgumentRefused: it is one text.
    """
    if isinstance(values, str | bytes):
        raise ArgumentRefused(f"{name} is one text", hint=f"Write a list: {name}=[...].")
    return list(values)


def at_most(name: str, values: Collection[object], limit: int) -> None:
    """Refuse an empty list, and one that is longer than VOD takes in one call.

    Raises:
        ArgumentRefused: there is no value, or there are too many.
    """
    if not values:
        raise ArgumentRefused(f"{name} is empty", hint="Give at least one.")
    if len(values) > limit:
        raise ArgumentRefused(
            f"{name} has {len(values)} elements, and VOD takes {limit} a call",
            hint="Make several calls.",
        )


def cate_id(value: int) -> int:
    """Return a category; 0 = none.

    Raises:
        ArgumentRefused: it cannot be one.
    """
    if type(value) is not int or not 0 <= value <= metadata.MAX_CATE_ID:
        raise ArgumentRefused(
            f"{value!r} is no category", hint="Give its number, e.g. 1000012345; 0 is none."
        )
    return value


def cate_ids(values: Sequence[int]) -> str:
    """Return categories as VOD takes them.

    Raises:
        ArgumentRefused: too many, or one cannot be a category.
    """
    if len(values) > MAX_CATE_IDS:
        raise ArgumentRefused(
            f"cate_ids has {len(values)} elements, and VOD takes {MAX_CATE_IDS}",
            hint="Remove some.",
        )
    return ",".join(str(each) for each in map(cate_id, values) if each)


def cover_url(value: str) -> str:
    """Return the URL of a cover.

    Raises:
        ArgumentRefused: it is longer than VOD takes.
    """
    limit = metadata.MAX_COVER_URL_BYTES
    if len(text("cover_url", value).encode()) > limit:
        raise ArgumentRefused(
            f"cover_url is longer than the {limit} bytes VOD takes", hint="Shorten it."
        )
    return value


def size_bytes(value: int, *, limit: int = 2**63 - 1) -> int:
    """Return the size of a file; 0 = not known.

    Raises:
        ArgumentRefused: no file that VOD takes has this size.
    """
    if type(value) is not int or value < 0:
        raise ArgumentRefused(f"{value!r} is no size of a file", hint="Give its bytes.")
    if value > limit:
        raise ArgumentRefused(
            f"the file has {rounded_size(value)}, and VOD takes {rounded_size(limit)}",
            hint="Upload it instead.",
        )
    return value


def user_data(value: str) -> str:
    """Return the text of a JSON object, or "".

    Raises:
        ArgumentRefused: it is another text.
    """
    if value and (problem := media_text.user_data_problem(text("user_data", value))):
        raise ArgumentRefused(f"user_data is {problem}", hint='Write e.g. {"Extend": {"id": "7"}}.')
    return value


def identifier(name: str, value: str, pattern: re.Pattern[str]) -> str:
    """Return an ID of the caller's own, or "".

    Raises:
        ArgumentRefused: it does not match.
    """
    if value and not pattern.fullmatch(text(name, value)):
        length = pattern.pattern.rpartition("{")[2].rstrip("}").replace(",", " to ")
        raise ArgumentRefused(
            f"{name} is not {length} letters, digits, hyphens and underscores: {shown(value)}",
            hint="Choose another one.",
        )
    return value


def extension(name: str, value: str, known: Collection[str]) -> str:
    """Return an extension without a dot, as it was given.

    Raises:
        ArgumentRefused: VOD does not take files with it.
    """
    found = text(name, value).removeprefix(".")
    if found.lower() not in known:
        what = f"the extension {found!r}, which VOD does not take" if found else "no extension"
        raise ArgumentRefused(f"{name} has {what}", hint=f"Use one of {', '.join(sorted(known))}.")
    return found


def extension_of(file_name: str) -> str:
    """Return the extension of a path of Unix or Windows; "" = none."""
    name = last_component(file_name)
    return name.rpartition(".")[2] if "." in name else ""


def last_component(file_name: str) -> str:
    """Return the name of a file without its folders, on Unix or Windows."""
    return re.split(r"[/\\]", file_name)[-1]


def url_region(region: str) -> None:
    """Refuse a region without UploadMediaByURL.

    Raises:
        ArgumentRefused: VOD does not have it there.
    """
    if region not in URL_REGIONS:
        raise ArgumentRefused(
            f"VOD fetches no URLs in {region}", hint=f"Use one of {', '.join(URL_REGIONS)}."
        )

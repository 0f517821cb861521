"""The one form in which an object's URL is sent to VOD, and the way back from VOD's echo.

VOD does not document how a file URL is escaped, nor in which form it comes back. Its own sample
answers an https URL with an http one. So an echo is compared with every form of the sent URLs.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_FILE_URL_BYTES: Final = 1024
"""Of `FileURL`.  Source: RegisterMedia reference."""

ENCODINGS: Final = ("percent", "raw")
_HOST_FIELDS = re.compile(r"\{(?:bucket|region)\}")
_URL = re.compile(r"https?://(?P<host>[^/]*)/(?P<path>.*)", re.IGNORECASE | re.DOTALL)
_CANONICAL_DOMAIN = ".aliyuncs.com"


def check_form(template: str, encoding: str) -> str | None:
    """Return a sentence on what is wrong with `file_url` or its encoding, and the cure; or None."""
    if encoding not in ENCODINGS:
        return f'The file URL encoding "{encoding}" does not exist: use "percent" or "raw".'
    host_and_path = _HOST_FIELDS.sub("x", template)
    if not re.fullmatch(r"https?://[^/?#\s{}]+/(?:[^?#\s{}]*/)?\{key\}", host_and_path):
        return (
            f'The file URL "{template}" must be http(s)://HOST/{{key}}: '
            "only {bucket} and {region} may stand before {key}, a slash stands right before it, "
            "and nothing after it."
        )
    return None


@dataclass(frozen=True, slots=True)
class FileUrlForm:
    """How a bucket's keys become URLs."""

    template: str  # with {bucket}, {region} and, last, {key}
    encoding: str  # "percent": UTF-8, RFC 3986 unreserved and "/" kept; "raw": the key as it is
    region: str

    def url(self, bucket: str, key: str) -> str:
        """Return the URL of one object."""
        base = (
            self.template.removesuffix("{key}")
            .replace("{bucket}", bucket)
            .replace("{region}", self.region)
        )
        return base + (quote(key) if self.encoding == "percent" else key)


def is_too_long(file_url: str) -> bool:
    """Return whether VOD would refuse a file URL for its length alone."""
    return len(file_url.encode()) > MAX_FILE_URL_BYTES


def confusable(key: str, others: Iterable[str]) -> bool:
    """Whether some form of the URL of `key` is also a form of another key's URL.

    The raw URL of `a%20b` is the percent-encoded one of `a b`, which some services spell `a+b`. And
    `a?b` may be `a` with a query. Such keys must not share a call: its answer does not show which
    of them it means.
    """
    read = _read(key)
    return any(other != key and _are_alike(read, _read(other)) for other in others)


@functools.lru_cache(maxsize=256)  # each key of a call is compared with each other one
def _read(key: str) -> bytes:
    """Return the key, unescaped until it changes no more: the same for every form of its URL."""
    read, before = key.encode(), b""
    while read != before:
        before, read = read, unquote_to_bytes(read.replace(b"+", b" "))
    return read


def _are_alike(one: bytes, other: bytes) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and long[len(short) : len(short) + 1] in {b"", b"?"}


class Matcher:
    """Finds the key for a URL that came back.  Sure, unless keys are `confusable`."""

    def __init__(self, asked: Mapping[str, str]) -> None:
        """Take what was sent: {URL: key}."""
        self._asked = asked
        self._forms: tuple[dict[bytes, str | None], ...] = ({}, {}, {}, {})
        for url, key in asked.items():
            parts = _split(url)
            if parts is None:
                continue
            host, path = parts
            folder = path.removesuffix(quote(key) if path.endswith(quote(key)) else key)
            found = (
                path.encode(),
                unquote_to_bytes(folder) + key.encode(),
                unquote_to_bytes(path),
                (folder + key).encode(),
            )
            for form, text in zip(self._forms, found, strict=True):
                place = host.encode() + b"/" + text
                form[place] = key if form.get(place, key) == key else None

    def key_of(self, echoed: str) -> str | None:
        """Return the key that was sent with this URL, in any scheme and escaping; None if unsure.

        The URL is compared as it was sent. Next, scheme and letter case of the host are ignored; of
        hosts on aliyuncs.com only the bucket counts. Then it is unescaped: compared with the key,
        with the sent URL, and with the bare key.
        """
        if echoed in self._asked:
            return self._asked[echoed]
        parts = _split(echoed)
        if parts is None:
            return None
        host, path = parts[0].encode() + b"/", parts[1]
        texts = (path.encode(), unquote_to_bytes(path), unquote_to_bytes(path), path.encode())
        keys = (form.get(host + text) for form, text in zip(self._forms, texts, strict=True))
        return next((key for key in keys if key is not None), None)


def _is_text(url: str) -> bool:
    """Whether UTF-8 can hold the URL: JSON can hold half a surrogate."""
    try:
        return bool(url.encode())
    except UnicodeEncodeError:
        return False


def _split(url: str) -> tuple[str, str] | None:
    """Return the bucket or host, and the path; None if it is no URL.

    The path is the whole rest, since a raw key may hold "?" and "#".
    """
    found = _URL.fullmatch(url)
    if found is None or not _is_text(url):
        return None
    host = found["host"].lower()
    return host.partition(".")[0] if host.endswith(_CANONICAL_DOMAIN) else host, found["path"]

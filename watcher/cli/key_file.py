"""A file of keys, one a line."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote_to_bytes

from watcher.errors import UsageError
from watcher.model import MAX_KEY_BYTES
from watcher.model.decoding import CURE, WrongEncodingError, without_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOO_LONG = f"is longer than any key of OSS ({MAX_KEY_BYTES} bytes)"
_PIECE_BYTES = 1 << 20
_CURE = (
    "Write one key or oss://BUCKET/KEY a line, in UTF-8; odd ones percent-encoded, with "
    "--encoding-type url."
)


def read(name: str, *, buckets: Sequence[str], encoded: bool) -> tuple[list[tuple[str, str]], str]:
    """Return (bucket, key) of each line of a file ("-" = stdin), and a digest of it.

    Empty lines and those that begin with "#" are passed over, as ossutil does.  A bare key is one
    of the only bucket of `buckets`.  `encoded`: keys are percent-encoded.

    Raises:
        UsageError: the file cannot be read, or a line is no key; the first such line is named.
    """
    place = "stdin" if name == "-" else name
    try:
        if name == "-":
            text = without_mark(_content(sys.stdin.buffer))
        else:
            with Path(name).open("rb") as file:
                text = without_mark(_content(file))
    except WrongEncodingError as error:
        raise UsageError(f"{place} {error}", hint=CURE) from None
    except _EndlessLineError as error:
        raise UsageError(f"line {error.number} of {place} {_TOO_LONG}", hint=_CURE) from None
    except OSError as error:
        raise UsageError(
            f"{place} cannot be read: {error.strerror}", hint="Name a file of keys, or - for stdin."
        ) from None
    found = []
    for number, line in enumerate(text.split(b"\n"), start=1):
        line = line.removesuffix(b"\r")  # noqa: PLW2901 (as Windows ends lines)
        if line and not line.startswith(b"#"):
            try:
                found.append(_parsed(line, buckets, encoded=encoded))
            except ValueError as error:
                raise UsageError(f"line {number} of {place} {error}", hint=_CURE) from None
    return found, hashlib.sha256(text).hexdigest()[:16]


class _EndlessLineError(Exception):
    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__()


def _content(file: BinaryIO) -> bytes:
    """Return all of a file; stop at a whole piece without the end of a line, as devices have it."""
    pieces: list[bytes] = []
    while piece := file.read(_PIECE_BYTES):
        if len(piece) == _PIECE_BYTES and b"\n" not in piece:
            raise _EndlessLineError(sum(each.count(b"\n") for each in pieces) + 1)
        pieces.append(piece)
    return b"".join(pieces)


def address(text: str, *, encoded: bool) -> tuple[str, str]:
    """Return the bucket and key that oss://BUCKET/KEY names.

    Raises:
        ValueError: it names none; says why, to go on behind the text.
    """
    from watcher.config.parsers import location

    if not text.startswith("oss://"):
        raise ValueError("does not begin with oss://")
    bucket, key = _parsed(os.fsencode(text), (), encoded=encoded)
    location(f"oss://{bucket}/")
    return bucket, key


def bound(text: str, *, encoded: bool) -> str:
    """Return the key at which a range of keys begins or ends; no object need have it.

    Raises:
        ValueError: it is none; says why, to go on behind the text.
    """
    if text.startswith("oss://"):
        raise ValueError("is an address: write the key alone, without oss://BUCKET/")
    raw = os.fsencode(text)
    try:
        return (unquote_to_bytes(raw) if encoded else raw).decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8: end the range at another key") from None


def _parsed(line: bytes, buckets: Sequence[str], *, encoded: bool) -> tuple[str, str]:
    if line.startswith(b"oss://"):
        bucket, _, raw = line.removeprefix(b"oss://").partition(b"/")
        if not bucket:
            raise ValueError("names no bucket")
    elif len(buckets) > 1:
        raise ValueError(f"is a bare key, and watched are several buckets: {', '.join(buckets)}")
    else:
        bucket, raw = buckets[0].encode(), line
    raw = unquote_to_bytes(raw) if encoded else raw
    if not raw:
        raise ValueError("names a bucket and no key")
    if raw.startswith((b"/", b"\\")):
        raise ValueError(f"is no key of OSS: none begins with {raw[:1].decode()}")
    if len(raw) > MAX_KEY_BYTES:
        raise ValueError(_TOO_LONG)
    try:
        return bucket.decode(), raw.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None

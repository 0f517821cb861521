"""Which media one RegisterMedia call carries, and how they are encoded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from watcher.rules.file_url import confusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.model import Media

MAX_ITEMS: Final = 10
"""Of one call.  Source: RegisterMedia reference."""

MAX_QUERY_BYTES: Final = 8_000
"""Of encoded RegisterMetadatas in the query of a URL."""

_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"


def item(media: Media) -> dict[str, str | int]:
    """Return one item of RegisterMetadatas; what is empty is left out."""
    fields: dict[str, str | int] = {
        "FileURL": media.file_url,
        "Title": media.title,
        "Description": media.description,
        "Tags": ",".join(media.tags),
        "CoverURL": media.cover_url,
        "CateId": media.cate_id,
    }
    return {name: value for name, value in fields.items() if value}


def metadatas(batch: Sequence[Media]) -> str:
    """Return the RegisterMetadatas of a call."""
    return _json([item(media) for media in batch])


def encoded_bytes(text: str) -> int:
    """Return the length of `text` in a query string, in bytes.

    The SDK escapes everything except the unreserved characters of RFC 3986.
    """
    utf8 = text.encode()
    return len(utf8) + 2 * len(utf8.translate(None, _UNRESERVED))


def batch_size(media: Sequence[Media], *, max_bytes: int | None) -> int:
    """Return how many from the front of `media` the next call carries; 0 only if there are none.

    Batches that are as large as possible make as few calls as the order allows.

    Args:
        media: of one bucket and one set of call options, in key order.
        max_bytes: the limit of RegisterMetadatas in a query string; None = no limit. A longer item
            goes alone.
    """
    size_bytes = encoded_bytes("[]")
    keys: list[str] = []
    for candidate in media[:MAX_ITEMS]:
        size_bytes += encoded_bytes(_json(item(candidate))) + (encoded_bytes(",") if keys else 0)
        too_long = max_bytes is not None and size_bytes > max_bytes
        if keys and (too_long or confusable(candidate.key, keys)):
            break
        keys.append(candidate.key)
    return len(keys)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

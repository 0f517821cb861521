"""File URLs: which bucket, region and object one names."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

FILE_URL: Final = re.compile(
    r"https?://(?P<bucket>[a-z0-9][a-z0-9-]{1,61}[a-z0-9])"
    r"\.oss-(?P<region>[a-z0-9-]+)\.aliyuncs\.com/(?P<key>[^\ud800-\udfff]+)",
)


def named_object(file_url: str) -> tuple[str, frozenset[str]]:
    """Return the bucket and the possible keys of a file URL; "" and no key if it names none."""
    if (found := FILE_URL.fullmatch(file_url)) is None:
        return "", frozenset()
    return found["bucket"], frozenset(
        {found["key"], unquote(found["key"], errors="surrogateescape")}
    )


def with_http(file_url: str) -> str:
    """Return a file URL with the scheme http, as VOD lists a failed one."""
    return f"http://{file_url.partition('://')[2]}"

"""The forms in which VOD may spell a file URL in its answer. No document fixes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from watcher.sandbox.text import percent_encoded

Spelling = Callable[[str, str, str], str]  # (bucket, region, key) -> URL
_QUERY: Final = "?Expires=1893456000&OSSAccessKeyId=key&Signature=sandbox"
_OTHER_HOST: Final = "outin-sandbox.oss-{region}.aliyuncs.com"


def _encoded(key: str) -> str:
    return percent_encoded(key, keep="/")


def _plus(key: str) -> str:
    return percent_encoded(key, keep="/ ").replace(" ", "+")


def _at(
    host: str, path: Callable[[str], str] = _encoded, *, scheme: str = "http", query: str = ""
) -> Spelling:
    def spelled(bucket: str, region: str, key: str) -> str:
        return f"{scheme}://{host.format(bucket=bucket, region=region)}/{path(key)}{query}"

    return spelled


_HOST: Final = "{bucket}.oss-{region}.aliyuncs.com"
SPELLINGS: Final[dict[str, Spelling]] = {
    "raw": _at(_HOST, lambda key: key),
    "encoded": _at(_HOST),
    "https": _at(_HOST, scheme="https"),
    "internal": _at("{bucket}.oss-{region}-internal.aliyuncs.com"),
    "plus": _at(_HOST, _plus),
    "raw_plus": _at(_HOST, lambda key: key.replace(" ", "+")),
    "port": _at(_HOST + ":80"),
    "port_443": _at(_HOST + ":443", scheme="https"),
    "query": _at(_HOST, query=_QUERY),
    "raw_query": _at(_HOST, lambda key: key, query=_QUERY),
    "path_style": _at("oss-{region}.aliyuncs.com/{bucket}"),
    "other_host": _at(_OTHER_HOST),
    "bare": lambda _bucket, _region, key: key,
}
"""The values of `spelling` that a fault of kind `echo` takes."""

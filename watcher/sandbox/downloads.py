"""Downloads from the sandbox itself. It opens no connection to anywhere."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from watcher.sandbox.bodies import Body
from watcher.sandbox.hosts import takes_paths
from watcher.sandbox.http_server import request_from
from watcher.sandbox.oss.answers import code_in
from watcher.sandbox.vod.pull_jobs import PullFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.sandbox.http_server import Answer, Request

_CODE: Final = "URLInvalidError"
_KEPT: Final = "!#$%&'()*+,/:;=?@[]~"  # a downloader encodes all other characters of a URL


def download(url: str, own_hosts: frozenset[str], answer: Callable[[Request], Answer]) -> Body:
    """Return the file that a URL names, public or presigned.

    `own_hosts` are the addresses of the sandbox without a scheme. The real host names of OSS stand
    for the sandbox, too.

    Raises:
        PullFailed: the URL leads elsewhere, or OSS refuses it.
    """
    parts = urlsplit(url)
    if not _is_own(parts.netloc, own_hosts):
        raise PullFailed(_CODE, f"The sandbox downloads from itself only, not from {parts.netloc}.")
    target = quote(parts.path or "/", safe=_KEPT, errors="surrogateescape")
    if parts.query:
        target += f"?{quote(parts.query, safe=_KEPT, errors='surrogateescape')}"
    answered = answer(request_from("GET", target.encode(), {"Host": parts.netloc}, Body()))
    if answered.status != HTTPStatus.OK:
        reason = f"{answered.status} {code_in(answered)}"
        raise PullFailed(_CODE, f"The download was answered {reason}.")
    return answered.content


def _is_own(host: str, own_hosts: frozenset[str]) -> bool:
    is_bucket_of_own = host.partition(".")[2] in own_hosts
    return host in own_hosts or is_bucket_of_own or not takes_paths(host)

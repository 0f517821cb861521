"""Conditional requests: the preconditions of GetObject, HeadObject and CopyObject. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from watcher.sandbox.oss.answers import OssRefused, http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

IF_MATCH: Final = "if-match"
IF_NONE_MATCH: Final = "if-none-match"
IF_MODIFIED_SINCE: Final = "if-modified-since"
IF_UNMODIFIED_SINCE: Final = "if-unmodified-since"
CONDITIONS: Final = frozenset({IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE})
OF_COPY: Final = "x-oss-copy-source-"
"""What the names begin with where they are about the source of a copy."""


def check_conditions(
    headers: Mapping[str, str], *, etag: str, modified_at: int, prefix: str = ""
) -> None:
    """Refuse a request whose preconditions do not hold for an object.

    They are evaluated as RFC 9110 (13.2.2) has it: an ETag counts for more than a time, and 412
    comes before 304. A time that is malformed does not count.

    Raises:
        OssRefused: 412, or 304 if the client has the object already.
    """
    given = {name: headers[prefix + name] for name in CONDITIONS if prefix + name in headers}
    until, since = (
        None if tag in given else _milliseconds(given.get(time))
        for tag, time in ((IF_MATCH, IF_UNMODIFIED_SINCE), (IF_NONE_MATCH, IF_MODIFIED_SINCE))
    )
    if IF_MATCH in given and not _matches(given[IF_MATCH], etag):
        raise _failed()
    if until is not None and modified_at > until:
        raise _failed()
    if IF_NONE_MATCH in given and _matches(given[IF_NONE_MATCH], etag):
        raise _unchanged(etag, modified_at)
    if since is not None and modified_at <= since:
        raise _unchanged(etag, modified_at)


def _matches(given: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")}
    return "*" in tags or etag in tags


def _milliseconds(text: str | None) -> int | None:
    """Return a time in milliseconds since the epoch, or None if it is malformed or missing."""
    if text is None:
        return None
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return int(parse(text).replace(tzinfo=UTC).timestamp() * 1000)
        except ValueError:
            continue
    return None


def _failed() -> OssRefused:
    return OssRefused(
        HTTPStatus.PRECONDITION_FAILED,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold.",
    )


def _unchanged(etag: str, modified_at: int) -> OssRefused:
    return OssRefused(
        HTTPStatus.NOT_MODIFIED,
        "NotModified",
        "Not Modified",
        headers={"ETag": f'"{etag}"', "Last-Modified": http_date(modified_at)},
    )

"""URLs for VOD to fetch: each escaped once, and the same text wherever a call names it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from watcher.errors import ArgumentRefused
from watcher.rules.metadata import MAX_DESCRIPTION_BYTES
from watcher.uploads import checks
from watcher.uploads.fields import MediaUrl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.uploads.parameters import Parameters

MAX_URLS: Final = 20
"""Of one UploadMediaByURL call.  Source: its reference."""

MAX_ASKED: Final = 10
"""URLs or job IDs of one GetURLUploadInfos call.  Source: its reference."""


def escaped(url: str) -> str:
    """Return a URL as UploadURLs and SourceURL have it. It is escaped as it is given, once.

    Raises:
        ArgumentRefused: it is no http(s) URL.
    """
    return quote(checks.http_url("url", url), safe="")


def submission(urls: Sequence[str | MediaUrl]) -> tuple[Parameters, dict[str, str]]:
    """Return the parameters of UploadMediaByURL for these URLs, and {escaped URL: URL}.

    Raises:
        ArgumentRefused: one of them breaks a limit.
    """
    listed = checks.several("urls", urls)  # type: ignore[arg-type]
    checks.at_most("urls", listed, MAX_URLS)
    media = [MediaUrl(each) if isinstance(each, str) else each for each in listed]
    given: dict[str, str] = {}
    for each in media:
        source_url = escaped(each.url)
        if source_url in given:
            raise ArgumentRefused(f"{checks.shown(each.url)} is given twice", hint="Give it once.")
        given[source_url] = each.url
    items = [_item(each, source) for each, source in zip(media, given, strict=True)]
    metadatas = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    return {"UploadURLs": ",".join(given), "UploadMetadatas": metadatas}, given


def _item(given: MediaUrl, source_url: str) -> dict[str, str]:
    name = checks.last_component(unquote(urlsplit(given.url).path))
    found = given.file_extension or checks.extension_of(name)
    checks.extension("file_extension", found, checks.MEDIA_EXTENSIONS)
    size = checks.size_bytes(given.file_size_bytes, limit=checks.MAX_URL_FILE_BYTES)
    fields = {
        "SourceURL": source_url,
        "Title": checks.title(given.title, name or given.url),
        "Description": checks.described("description", given.description, MAX_DESCRIPTION_BYTES),
        "Tags": checks.tags(given.tags),
        "CateId": str(checks.cate_id(given.cate_id) or ""),
        "CoverURL": checks.cover_url(given.cover_url),
        "FileSize": str(size or ""),
        "FileExtension": given.file_extension.removeprefix("."),
        "TemplateGroupId": checks.text("template_group_id", given.template_group_id),
        "WorkflowId": checks.text("workflow_id", given.workflow_id),
    }
    return {field: value for field, value in fields.items() if value}


def asked(job_ids: Sequence[str], urls: Sequence[str]) -> tuple[Parameters, dict[str, str]]:
    """Return the parameters of GetURLUploadInfos, and {ID or escaped URL: as it was given}.

    Raises:
        ArgumentRefused: not exactly one of the two is given, or it breaks a limit.
    """
    if bool(job_ids) == bool(urls):
        raise ArgumentRefused("give job_ids or media_urls, one of the two")
    if urls:
        given = {escaped(each): each for each in checks.several("media_urls", urls)}
        checks.at_most("media_urls", given, MAX_ASKED)
        return {"UploadURLs": ",".join(given)}, given
    ids = {_job_id(each): each for each in checks.several("job_ids", job_ids)}
    checks.at_most("job_ids", ids, MAX_ASKED)
    return {"JobIds": ",".join(ids)}, ids


def _job_id(value: str) -> str:
    if "," in checks.needed("job_id", value):
        raise ArgumentRefused(
            f"a job ID has no comma: {checks.shown(value)}", hint="Give a list of job IDs."
        )
    return value

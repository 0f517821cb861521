"""The parameters of UploadMediaByURL and GetURLUploadInfos, and their documented limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from watcher.sandbox.vod.answers import VodRefused, missing, not_valid
from watcher.sandbox.vod.extensions import OF_VIDEOS, extension_of
from watcher.sandbox.vod.parameters import parsed_json
from watcher.sandbox.vod.upload_parameters import (
    check_template_group,
    description_in,
    required,
    treatment_in,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox.vod.options import VodOptions
    from watcher.sandbox.vod.upload_parameters import Description, Treatment

MAX_URLS: Final = 20
MAX_ASKED: Final = 10
_SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,50}")
_TEXTS: Final = (
    "SourceURL", "Title", "FileSize", "Description", "CoverURL", "CateId", "Tags",
    "TemplateGroupId", "WorkflowId", "FileExtension",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PullItem:
    """One URL to pull, and the words about the media that it becomes."""

    sent_url: str  # as it stands in the call
    url: str  # decoded once
    extension: str
    about: Description
    treatment: Treatment
    size_bytes: int  # as the caller says; 0 = not said


def session_id_in(parameters: Mapping[str, str]) -> str:
    """Return the SessionId of a call; "" if it has none.

    Raises:
        VodRefused: it is not valid.
    """
    text = parameters.get("SessionId", "")
    if text and not _SESSION_ID.fullmatch(text):
        raise not_valid("SessionId")
    return text


def pull_items_in(parameters: Mapping[str, str], options: VodOptions) -> tuple[PullItem, ...]:
    """Return what a call of UploadMediaByURL is to pull.

    Raises:
        VodRefused: a parameter is not valid.
    """
    sent = required(parameters, "UploadURLs").split(",")
    if len(sent) > MAX_URLS:
        raise _wrong_urls()
    treatment = treatment_in(parameters, options)
    metadata = _metadata_in(parameters.get("UploadMetadatas", ""))
    return tuple(_item(each, metadata.get(each, {}), treatment, options) for each in sent)


def asked_for(parameters: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return whether a call of GetURLUploadInfos names jobs or URLs, and which. Jobs come first.

    Raises:
        VodRefused: it names none, or too many.
    """
    name = "JobIds" if parameters.get("JobIds") else "UploadURLs"
    if not (text := parameters.get(name, "")):
        raise missing("JobIds")
    found = text.split(",")
    if len(found) > MAX_ASKED or not all(found):
        raise not_valid(name)
    return name, tuple(dict.fromkeys(found))


def _item(
    sent_url: str, fields: Mapping[str, str], treatment: Treatment, options: VodOptions
) -> PullItem:
    url = unquote(sent_url, errors="surrogateescape")
    path = _path_of(url)
    extension = fields.get("FileExtension", "").lower() or extension_of(path)
    if extension not in OF_VIDEOS:
        raise _wrong_urls()
    about = description_in(fields)
    check_template_group(fields.get("TemplateGroupId", ""), options)
    return PullItem(
        sent_url=sent_url,
        url=url,
        extension=extension,
        about=about if about.title else replace(about, title=path.rpartition("/")[2]),
        treatment=replace(
            treatment,
            template_group_id=fields.get("TemplateGroupId") or treatment.template_group_id,
            workflow_id=fields.get("WorkflowId") or treatment.workflow_id,
        ),
        size_bytes=whole_number(fields, "FileSize"),
    )


def _path_of(url: str) -> str:
    """Return the decoded path of a URL."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _wrong_urls() from error
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise _wrong_urls()
    return unquote(parts.path, errors="replace")


def _metadata_in(text: str) -> dict[str, dict[str, str]]:
    """Return the items of `UploadMetadatas` by their `SourceURL`.

    Raises:
        VodRefused: they are not valid.
    """
    if not text:
        return {}
    try:
        found = parsed_json(text)
    except ValueError as error:
        raise not_valid("UploadMetadatas") from error
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise not_valid("UploadMetadatas")
    items = [_texts_of(each) for each in found]
    for each in items:
        required(each, "Title")
    return {required(each, "SourceURL"): each for each in items}


def _texts_of(fields: Mapping[str, object]) -> dict[str, str]:
    """Return the known fields of an item. A number may stand for its text."""
    texts = {name: fields[name] for name in _TEXTS if fields.get(name) is not None}
    if not all(isinstance(value, str | int) for value in texts.values()):
        raise not_valid("UploadMetadatas")
    return {name: str(value) for name, value in texts.items()}


def _wrong_urls() -> VodRefused:
    return VodRefused(
        400, "InvalidParameter.UploadURLs", "The specified parameter UploadURLs is not valid."
    )

"""The parameters that uploads have in common, and their documented limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watcher.sandbox.vod.answers import VodRefused, missing, not_valid
from watcher.sandbox.vod.media import DEFAULT_APP, NO_TRANSCODE
from watcher.sandbox.vod.texts import (
    MAX_DESCRIPTION,
    MAX_TITLE,
    MAX_URL_BYTES,
    check_characters,
    check_length,
    check_tags,
    check_user_data,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.sandbox.vod.options import VodOptions
    from watcher.sandbox.vod.texts import Unit

_REFERENCE_ID: Final = re.compile(r"[A-Za-z0-9_-]{6,64}")
_MAX_CATEGORIES: Final = 5  # of an attached media


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The words about a media; they are within the limits."""

    title: str
    description: str
    tags: str
    cate_id: int
    cover_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """The parameters of a call that hold for every media it makes."""

    user_data: str
    app_id: str
    template_group_id: str
    workflow_id: str


def required(parameters: Mapping[str, str], name: str) -> str:
    """Return a parameter.

    Raises:
        VodRefused: the call lacks it.
    """
    if not (text := parameters.get(name, "")):
        raise missing(name)
    return text


def whole_number(parameters: Mapping[str, str], name: str) -> int:
    """Return a parameter that is a whole number; 0 if the call lacks it.

    Raises:
        VodRefused: it is something else.
    """
    text = parameters.get(name, "") or "0"
    if not (text.isascii() and text.isdecimal()):
        raise not_valid(name)
    return int(text)


def description_in(
    parameters: Mapping[str, str], *, unit: Unit = "bytes", unit_of_tags: Unit = "bytes"
) -> Description:
    """Return the words about a media.

    Raises:
        VodRefused: some of them exceed a limit.
    """
    title, description, tags, cover_url = (
        parameters.get(name, "") for name in ("Title", "Description", "Tags", "CoverURL")
    )
    check_length("Title", title, MAX_TITLE, unit)
    check_length("Description", description, MAX_DESCRIPTION, unit)
    check_length("CoverURL", cover_url, MAX_URL_BYTES)
    check_tags(tags, unit_of_tags)
    for name, text in (("Title", title), ("Description", description), ("Tags", tags)):
        check_characters(name, text)
    return Description(
        title=title,
        description=description,
        tags=tags,
        cate_id=whole_number(parameters, "CateId"),
        cover_url=cover_url,
    )


def treatment_in(parameters: Mapping[str, str], options: VodOptions) -> Treatment:
    """Return the parameters that hold for every media of a call.

    Raises:
        VodRefused: one of them is not valid.
    """
    template, user_data = (parameters.get(name, "") for name in ("TemplateGroupId", "UserData"))
    check_template_group(template, options)
    check_user_data(user_data)
    return Treatment(
        user_data=user_data,
        app_id=parameters.get("AppId", "") or DEFAULT_APP,
        template_group_id=template,
        workflow_id=parameters.get("WorkflowId", ""),
    )


def check_template_group(template_group_id: str, options: VodOptions) -> None:
    """Refuse a template group that does not exist."""
    if template_group_id in {"", NO_TRANSCODE} or options.template_groups is None:
        return
    if template_group_id not in options.template_groups:
        raise VodRefused(
            404, "InvalidTemplateGroupId.NotFound", "The TemplateGroupId does not exist."
        )


def check_reference_id(text: str) -> None:
    """Refuse an ID that no caller may give."""
    if text and not _REFERENCE_ID.fullmatch(text):
        raise not_valid("ReferenceId")


def check_categories(text: str) -> None:
    """Refuse the CateIds of an attached media if there are too many, or one is no number."""
    if not text:
        return
    ids = text.split(",")
    if len(ids) > _MAX_CATEGORIES or not all(each.isascii() and each.isdecimal() for each in ids):
        raise not_valid("CateIds")

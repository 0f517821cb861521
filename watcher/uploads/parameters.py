"""What a caller said, checked, as the parameters of each operation. Empty ones are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict
from urllib.parse import unquote, urlsplit

from watcher.errors import ArgumentRefused
from watcher.model import Media
from watcher.rules.batching import MAX_ITEMS
from watcher.rules.file_url import MAX_FILE_URL_BYTES, confusable, is_too_long
from watcher.rules.metadata import MAX_DESCRIPTION_BYTES, MAX_TITLE_BYTES
from watcher.uploads import checks
from watcher.uploads.fields import AttachedFields, ImageFields, MediaFile, VideoFields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from watcher.uploads.fields import UploadFields

Parameters = dict[str, str | int]

_IMAGE_TYPES = ("default", "cover")


class CallFields(TypedDict, total=False):
    """Parameters of a call as a whole."""

    template_group_id: str
    workflow_id: str
    storage_location: str
    user_data: str
    app_id: str


def video(file_name: str, fields: VideoFields) -> Parameters:
    """Return the parameters of CreateUploadVideo.

    Raises:
        ArgumentRefused: one of them breaks a limit.
    """
    _only(VideoFields, fields)
    name = checks.last_component(checks.needed("file_name", file_name))
    checks.extension("file_name", checks.extension_of(name), checks.MEDIA_EXTENSIONS)
    return _sent(
        {
            "FileName": file_name,
            **_common(fields),
            "Title": checks.title(fields.get("title", ""), name),
            "CateId": checks.cate_id(fields.get("cate_id", 0)),
            "CoverURL": checks.cover_url(fields.get("cover_url", "")),
            "FileSize": checks.size_bytes(fields.get("file_size_bytes", 0)),
            "ReferenceId": checks.identifier(
                "reference_id", fields.get("reference_id", ""), checks.REFERENCE_ID
            ),
            "TemplateGroupId": checks.text(
                "template_group_id", fields.get("template_group_id", "")
            ),
            "WorkflowId": checks.text("workflow_id", fields.get("workflow_id", "")),
        }
    )


def refreshed(video_id: str, reference_id: str) -> Parameters:
    """Return the parameters of RefreshUploadVideo.

    Raises:
        ArgumentRefused: not exactly one of the two is given, or it breaks a limit.
    """
    if bool(video_id) == bool(reference_id):
        raise ArgumentRefused("give video_id or reference_id, one of the two")
    return _sent(
        {
            "VideoId": checks.text("video_id", video_id),
            "ReferenceId": checks.identifier("reference_id", reference_id, checks.REFERENCE_ID),
        }
    )


def image(image_type: str, image_ext: str, fields: ImageFields) -> Parameters:
    """Return the parameters of CreateUploadImage.

    Raises:
        ArgumentRefused: one of them breaks a limit.
    """
    _only(ImageFields, fields)
    _one_of("image_type", image_type, _IMAGE_TYPES)
    name = checks.text("original_file_name", fields.get("original_file_name", ""))
    given = image_ext or checks.extension_of(name)
    if given or name:
        given = checks.extension("image_ext", given, checks.IMAGE_EXTENSIONS)
    return _sent(
        {
            "ImageType": image_type,
            "ImageExt": given,
            "OriginalFileName": name,
            **_common(fields),
            "CateId": checks.cate_id(fields.get("cate_id", 0)),
        }
    )


def attached(business_type: str, media_ext: str, fields: AttachedFields) -> Parameters:
    """Return the parameters of CreateUploadAttachedMedia.

    Raises:
        ArgumentRefused: one of them breaks a limit.
    """
    _only(AttachedFields, fields)
    _one_of("business_type", business_type, checks.ATTACHED_EXTENSIONS)
    name = checks.text("file_name", fields.get("file_name", ""))
    given = media_ext or checks.extension_of(name)
    size = checks.size_bytes(fields.get("file_size_bytes", 0))
    return _sent(
        {
            "BusinessType": business_type,
            "MediaExt": checks.extension(
                "media_ext", given, checks.ATTACHED_EXTENSIONS[business_type]
            ),
            "FileName": name,
            "FileSize": str(size or ""),
            **_common(fields),
            "CateIds": checks.cate_ids(fields.get("cate_ids", ())),
        }
    )


def whole_call(fields: CallFields) -> Parameters:
    """Return the parameters that are those of a call as a whole.

    Raises:
        ArgumentRefused: one of them breaks a limit.
    """
    _only(CallFields, fields)
    names = {
        "TemplateGroupId": "template_group_id",
        "WorkflowId": "workflow_id",
        "StorageLocation": "storage_location",
        "AppId": "app_id",
    }
    texts = {sent: checks.text(name, str(fields.get(name, ""))) for sent, name in names.items()}
    return _sent({**texts, "UserData": checks.user_data(fields.get("user_data", ""))})


def media(files: Sequence[str | MediaFile]) -> list[Media]:
    """Return the items of a RegisterMedia call, each with its URL as its key.

    Raises:
        ArgumentRefused: one of them breaks a limit, or its answer could mean two of them.
    """
    listed = checks.several("files", files)  # type: ignore[arg-type]
    checks.at_most("files", listed, MAX_ITEMS)
    found = [_medium(MediaFile(each) if isinstance(each, str) else each) for each in listed]
    for n, each in enumerate(found):
        if each.key in {other.key for other in found[:n]}:
            raise ArgumentRefused(
                f"{checks.shown(each.file_url)} is given twice", hint="Give it once."
            )
        if confusable(each.key, [other.key for other in found[:n]]):
            raise ArgumentRefused(
                f"{checks.shown(each.file_url)} is another file's URL, escaped in another way",
                hint="Register the two by two calls: an answer would not say which one it means.",
            )
    return found


def _medium(given: MediaFile) -> Media:
    url = checks.http_url("file_url", given.file_url)
    if is_too_long(url):
        raise ArgumentRefused(
            f"longer than the {MAX_FILE_URL_BYTES} bytes VOD takes: {checks.shown(url)}",
            hint="Give the object a shorter key.",
        )
    name = checks.last_component(unquote(urlsplit(url).path))
    tags = checks.tags(given.tags)
    return Media(
        bucket="",
        key=url,
        file_url=url,
        title=checks.title(given.title, name),
        description=checks.described("description", given.description, MAX_DESCRIPTION_BYTES),
        tags=tuple(tags.split(",")) if tags else (),
        cate_id=checks.cate_id(given.cate_id),
        cover_url=checks.cover_url(given.cover_url),
    )


def _common(fields: UploadFields) -> Parameters:
    return {
        "Title": checks.described("title", fields.get("title", ""), MAX_TITLE_BYTES),
        "Description": checks.described(
            "description", fields.get("description", ""), MAX_DESCRIPTION_BYTES
        ),
        "Tags": checks.tags(fields.get("tags", ())),
        "StorageLocation": checks.text("storage_location", fields.get("storage_location", "")),
        "UserData": checks.user_data(fields.get("user_data", "")),
        "AppId": checks.text("app_id", fields.get("app_id", "")),
    }


def _sent(parameters: Mapping[str, str | int]) -> Parameters:
    return {name: value for name, value in parameters.items() if value}


def _only(known: type, fields: Mapping[str, object]) -> None:
    """Refuse an argument that no parameter has: it would be ignored in silence.

    Raises:
        TypeError: as Python raises it for any function.
    """
    if unknown := sorted(fields.keys() - known.__annotations__.keys()):
        raise TypeError(f"got an unexpected keyword argument {unknown[0]!r}")


def _one_of(name: str, value: str, known: Mapping[str, object] | tuple[str, ...]) -> None:
    if value not in known:
        raise ArgumentRefused(
            f"{name} is {checks.shown(value)}", hint=f"Use one of {', '.join(known)}."
        )

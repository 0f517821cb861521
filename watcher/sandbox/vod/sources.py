"""Media of VOD's own making, and the files that they get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.sandbox.vod.media import Kind, Media, Status, status_of_new

if TYPE_CHECKING:
    from datetime import datetime

    from watcher.sandbox.oss.index import StoredObject
    from watcher.sandbox.vod.options import VodOptions
    from watcher.sandbox.vod.storage import Place
    from watcher.sandbox.vod.upload_parameters import Description, Treatment


def new_media(
    media_id: str,
    kind: Kind,
    place: Place,
    about: Description,
    treatment: Treatment,
    *,
    at: datetime,
) -> Media:
    """Return a media without a file."""
    return Media(
        media_id=media_id,
        bucket=place.bucket,
        key=place.key,
        file_url=place.url,
        title=about.title,
        size_bytes=0,
        storage_class="Standard",
        created_at=at,
        modified_at=at,
        status=Status.UPLOADING,
        description=about.description,
        tags=about.tags,
        cate_id=about.cate_id,
        cover_url=about.cover_url,
        template_group_id=treatment.template_group_id,
        workflow_id=treatment.workflow_id,
        user_data=treatment.user_data,
        kind=kind,
        app_id=treatment.app_id,
    )


def take_source(media: Media, stored: StoredObject, options: VodOptions, *, at: datetime) -> None:
    """Give a media its file, or another one in the place of the first."""
    status = Status.NORMAL
    if media.kind is Kind.VIDEO:
        template = media.template_group_id or options.default_template_group
        status = status_of_new(template, media.workflow_id)
    media.storage_class = stored.storage_class
    media.source_arrived(stored.size_bytes, at, status, options.transcoding_s)

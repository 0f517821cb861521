"""VOD's seven operations for programs: `from watcher import Vod`."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeVar, Unpack

from watcher.credentials import chain
from watcher.credentials.given import Given
from watcher.errors import ArgumentRefused, CloudError, UsageError
from watcher.redaction import Redactor
from watcher.rules import addresses, certificates, regions
from watcher.uploads import checks, parameters, urls
from watcher.vod import VodClient
from watcher.vod.create_upload_attached_media import create_upload_attached_media
from watcher.vod.create_upload_image import create_upload_image
from watcher.vod.create_upload_video import create_upload_video
from watcher.vod.get_url_upload_infos import get_url_upload_infos
from watcher.vod.refresh_upload_video import refresh_upload_video
from watcher.vod.register_media import register_media
from watcher.vod.single_call import SingleCalls
from watcher.vod.upload_media_by_url import upload_media_by_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.ports import Credentials, CredentialsProvider
    from watcher.uploads import (
        AttachedFields,
        AttachedUpload,
        ImageFields,
        ImageUpload,
        MediaFile,
        MediaUrl,
        Registration,
        UrlUploadInfos,
        UrlUploads,
        VideoFields,
        VideoUpload,
    )
    from watcher.uploads.parameters import CallFields

_T = TypeVar("_T")
_CONNECTIONS: Final = 64  # kept open; more threads work, too
_TABLE: Final = re.compile(r"\[(?:vod|network)\] |\bvod\.(?=(?:region|endpoint)\b)")
"""Stands before the name of a setting; the arguments of `Vod` have the same names."""


class Vod:
    """ApsaraVideo VOD, as one account reaches it in one region.

    Any number of threads may share it. It sends each call once: no method retries. Close it, or
    use it in a `with` statement. It reads no configuration file of the program.

    Each method checks its arguments first. It raises:

    - `ArgumentRefused` (also a ValueError): an argument breaks a limit of VOD. Nothing was sent.
    - `CallRefused`: VOD refused this call. `code` and `request_id` are VOD's.
    - `AccountRefused`: credentials, permission, arrears, clock. A person must act.
    - `BucketRefused`: the bucket of a file is not added to VOD.
    - `Throttled`, `Unreachable`, `Unavailable`: nothing took effect. Wait, then repeat the call.
    - `Unanswered`: the call may have taken effect. `hint` says how to go on.
    - `UsageError`: this Vod is closed.

    All of them are a `WatcherError`, with the cure in `hint`, and hold no secret.

    Args:
        region: of VOD, e.g. "cn-shanghai".
        credentials: a key, or a provider that is asked before each call. None = as the program
            finds them: systemd, ALIBABA_CLOUD_ACCESS_KEY_*, OSS_ACCESS_KEY_*, OIDC, profiles, the
            RAM role of the ECS instance. They are read before the first call.
        endpoint: HOST[:PORT], or http://127.0.0.1:PORT; "" = the public one of the region.
        timeout_s: seconds to connect, and to wait for each answer.
        proxy: http://HOST:PORT, "env" for HTTPS_PROXY and NO_PROXY, or "" for none.
        ca_bundle: a file of CA certificates; "" = the usual ones.

    Raises:
        ArgumentRefused: an argument is none of these.
    """

    def __init__(
        self,
        *,
        region: str,
        credentials: Credentials | CredentialsProvider | None = None,
        endpoint: str = "",
        timeout_s: float = 15.0,
        proxy: str = "",
        ca_bundle: str = "",
    ) -> None:
        self._region = _checked(
            "region", lambda: regions.region(region, endpoint_given=bool(endpoint))
        )
        proxies = _checked("proxy", lambda: addresses.proxies(addresses.proxy(proxy), os.environ))
        if timeout_s <= 0:
            raise ArgumentRefused(f"timeout_s is {timeout_s}", hint="Give seconds above 0.")
        redactor = Redactor()
        self._client = VodClient(
            region=region,
            endpoint=_checked("endpoint", lambda: regions.vod_endpoint(endpoint, region=region)),
            credentials=_provider(credentials, proxies, redactor),
            timeout_s=timeout_s,
            concurrent_calls=_CONNECTIONS,
            proxies=proxies,
            no_proxy=addresses.no_proxy(proxy, os.environ),
            ca_bundle=_checked(
                "ca_bundle",
                lambda: certificates.readable(Path(ca_bundle).absolute()) if ca_bundle else "",
            ),
        )
        self._calls = SingleCalls(self._client, redactor.redact)
        self._closed = False

    def __enter__(self) -> Self:
        """Return itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def __repr__(self) -> str:
        """Show the region."""
        return f"Vod(region={self._region!r})"

    def close(self) -> None:
        """Close the connections. Later calls raise `UsageError`."""
        self._closed = True
        self._client.close()

    def create_upload_video(self, file_name: str, **fields: Unpack[VideoFields]) -> VideoUpload:
        """Create a video or audio medium; return where its file goes, and the credential for it.

        Each call creates another medium.

        Args:
            file_name: a name or path with an extension that VOD takes.
            **fields: `title` (128 bytes; "" = from the name), `description` (1024 bytes), `tags`
                (16 of 32 bytes), `cate_id`, `cover_url` (1024 bytes), `file_size_bytes`,
                `reference_id` (6 to 64 letters, digits, - and _), `template_group_id`,
                `workflow_id`, `storage_location`, `user_data` (JSON), `app_id`. Title and
                description lose emoji and are cut to whole characters.

        Raises:
            WatcherError: see the class.
        """
        checked = parameters.video(file_name, fields)
        with self._call():
            return create_upload_video(self._calls, checked)

    def refresh_upload_video(self, video_id: str = "", *, reference_id: str = "") -> VideoUpload:
        """Return another credential, valid for 3000 s, for the same address.

        An upload to a video that has its file already replaces that file.

        Args:
            video_id: of the video.
            reference_id: your own ID of it, in place of `video_id`.

        Raises:
            WatcherError: see the class.
        """
        checked = parameters.refreshed(video_id, reference_id)
        with self._call():
            return refresh_upload_video(self._calls, checked)

    def create_upload_image(
        self, image_type: str = "default", image_ext: str = "", **fields: Unpack[ImageFields]
    ) -> ImageUpload:
        """Create an image; return where its file goes, and the credential for it.

        Each call creates another image. Its credential cannot be refreshed.

        Args:
            image_type: "default", or "cover", which the console does not show.
            image_ext: png, jpg, jpeg, gif, heic or webp; "" = that of `original_file_name`, or png.
            **fields: `original_file_name`, `title` (128 bytes), `description` (1024 bytes), `tags`
                (16 of 32 bytes), `cate_id`, `storage_location`, `user_data` (JSON), `app_id`.

        Raises:
            WatcherError: see the class.
        """
        checked = parameters.image(image_type, image_ext, fields)
        with self._call():
            return create_upload_image(self._calls, checked)

    def create_upload_attached_media(
        self, business_type: str, media_ext: str = "", **fields: Unpack[AttachedFields]
    ) -> AttachedUpload:
        """Create an auxiliary media asset; return where its file goes, and the credential for it.

        Each call creates another asset. Its credential cannot be refreshed.

        Args:
            business_type: watermark, subtitle or material.
            media_ext: an extension of that type, e.g. png or srt; "" = that of `file_name`.
            **fields: `file_name`, `file_size_bytes`, `title` (128 bytes), `description` (1024
                bytes), `tags` (16 of 32 bytes), `cate_ids` (at most 5), `storage_location`,
                `user_data` (JSON), `app_id`.

        Raises:
            WatcherError: see the class.
        """
        checked = parameters.attached(business_type, media_ext, fields)
        with self._call():
            return create_upload_attached_media(self._calls, checked)

    def upload_media_by_url(
        self,
        media: Sequence[str | MediaUrl],
        *,
        session_id: str = "",
        **fields: Unpack[CallFields],
    ) -> UrlUploads:
        """Have VOD fetch up to 20 files; return a job for each. Each job makes a new medium.

        The jobs may take hours. A file of more than 20 GB fails.

        Args:
            media: URLs, or `MediaUrl` for title and other fields. Each is escaped here, once.
            session_id: at most 50 letters, digits, - and _. VOD refuses it for 10 minutes after
                a call with it, so a call whose answer was lost can be repeated.
            **fields: `template_group_id`, `workflow_id`, `storage_location`, `user_data` (JSON),
                `app_id`.

        Raises:
            WatcherError: see the class. `ArgumentRefused` also in a region without this operation.
        """
        checks.url_region(self._region)
        submitted, given = urls.submission(media)
        session = checks.identifier("session_id", session_id, checks.SESSION_ID)
        checked = {**submitted, **({"SessionId": session} if session else {})}
        checked |= parameters.whole_call(fields)
        with self._call():
            return upload_media_by_url(self._calls, checked, given)

    def get_url_upload_infos(
        self, *, job_ids: Sequence[str] = (), media_urls: Sequence[str] = ()
    ) -> UrlUploadInfos:
        """Return how far jobs of `upload_media_by_url` are, at most 100 of them.

        For a URL that was given to several calls, ask for this URL alone.

        Args:
            job_ids: at most 10.
            media_urls: at most 10 URLs, as they were given, in place of `job_ids`.

        Raises:
            WatcherError: see the class.
        """
        checked, given = urls.asked(job_ids, media_urls)
        with self._call():
            return get_url_upload_infos(self._calls, checked, given)

    def register_media(
        self,
        files: Sequence[str | MediaFile],
        *,
        template_group_id: str = "",
        workflow_id: str = "",
        user_data: str = "",
    ) -> Registration:
        """Register up to 10 objects of one bucket that is added to VOD. Safe to repeat.

        Args:
            files: URLs in OSS, or `MediaFile` for title and other fields.
            template_group_id: "" = no transcoding, and the files cannot be played.
                VOD_NO_TRANSCODE = they can be played as they are.
            workflow_id: wins over `template_group_id`.
            user_data: a JSON object.

        Raises:
            WatcherError: see the class.
        """
        batch = parameters.media(files)
        checked = parameters.whole_call(
            {
                "template_group_id": template_group_id,
                "workflow_id": workflow_id,
                "user_data": user_data,
            }
        )
        with self._call():
            return register_media(self._calls, batch, checked)

    @contextlib.contextmanager
    def _call(self) -> Iterator[None]:
        """Refuse calls once closed, and name arguments in place of settings in the hints."""
        if self._closed:
            raise UsageError("this Vod is closed", hint="Make all calls before close().")
        try:
            yield
        except CloudError as error:
            error.hint = _TABLE.sub("", error.hint)
            raise


def _provider(
    given: Credentials | CredentialsProvider | None, proxies: dict[str, str], redactor: Redactor
) -> CredentialsProvider:
    def remember(found: Credentials) -> None:
        redactor.remember(found.access_key_id, found.access_key_secret, found.security_token)

    if given is not None:
        return Given(given, on_change=remember)
    return chain(profile="", env=os.environ, home=Path.home, proxies=proxies, on_change=remember)


def _checked(name: str, check: Callable[[], _T]) -> _T:
    """Return what a check of a setting returns; its sentence continues the argument's name.

    Raises:
        ArgumentRefused: the check refused it.
    """
    try:
        return check()
    except ValueError as error:
        sentence, _, hint = _TABLE.sub("", str(error)).partition(". ")
        raise ArgumentRefused(f"{name}: {sentence}", hint=hint) from None

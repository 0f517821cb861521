"""The local VOD: checks, counts and journals calls; tests read and control it."""

from __future__ import annotations

import contextlib
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from watcher.sandbox.hook import answer_through
from watcher.sandbox.oss.answers import code_in
from watcher.sandbox.vod.answers import VodRefused, accepted, refusal
from watcher.sandbox.vod.calls import NO_DEVIATION, Call
from watcher.sandbox.vod.credentials import UploadCredentials
from watcher.sandbox.vod.media import MediaTable, Status
from watcher.sandbox.vod.media_infos import MediaInfos
from watcher.sandbox.vod.options import VodOptions
from watcher.sandbox.vod.parameters import (
    action_of,
    items_of,
    nonce_of,
    parameters_of,
    version_of,
    wants_json,
)
from watcher.sandbox.vod.pulls import REGIONS as PULLING_REGIONS
from watcher.sandbox.vod.pulls import Pulls
from watcher.sandbox.vod.quota import Quota
from watcher.sandbox.vod.registry import Registry
from watcher.sandbox.vod.signatures import SignatureCheck
from watcher.sandbox.vod.storage import Storage
from watcher.sandbox.vod.uploads import Uploads

if TYPE_CHECKING:
    from datetime import datetime

    from watcher.sandbox.account import Account, Principal
    from watcher.sandbox.bodies import Body
    from watcher.sandbox.clock import SandboxClock
    from watcher.sandbox.hook import Hook
    from watcher.sandbox.http_server import Answer, Request
    from watcher.sandbox.oss.objects import ObjectStore
    from watcher.sandbox.vod.calls import Deviation
    from watcher.sandbox.vod.media import Media

VERSION: Final = "2017-03-21"
ACTIONS: Final = frozenset(
    {
        "RegisterMedia", "CreateUploadVideo", "CreateUploadImage", "CreateUploadAttachedMedia",
        "RefreshUploadVideo", "UploadMediaByURL", "GetURLUploadInfos", "GetVideoInfos",
        "BatchGetMediaInfos",
    }
)  # fmt: skip
Operation = Callable[[Call], dict[str, object]]


@dataclass(slots=True, kw_only=True)
class VodCall:
    """One call in the journal: written on arrival, and completed with the answer."""

    at: float  # monotonic
    action: str
    params: Mapping[str, str]
    items: tuple[Mapping[str, object], ...] = ()  # of RegisterMedia
    url_bytes: int = 0
    body_bytes: int = 0
    status: int = 0  # 0 = not answered yet
    code: str = field(default="")  # of the error; "" = none


class SandboxVod:
    """The VOD service of one region."""

    def __init__(
        self,
        *,
        account: Account,
        clock: SandboxClock,
        store: ObjectStore,
        region: str,
        calls_per_second: int,
        oss_endpoint: Callable[[], str],
        download: Callable[[str], Body],
    ) -> None:
        self.journal: list[VodCall] = []
        self.latency_s = 0.0  # before every answer
        self.options = VodOptions()
        self._clock = clock
        self._signatures = SignatureCheck(account)
        self._quota = Quota(calls_per_second, region)
        self.daily_quotas = self._quota.by_day  # the most calls in a day of single operations
        self._region = region
        self.table = MediaTable()  # of all kinds of media
        self._storage = Storage(store, region)
        self._registry = Registry(store, self._storage, self.table, self.options, region)
        self.uploads = Uploads(
            store=store,
            storage=self._storage,
            table=self.table,
            credentials=UploadCredentials(account, self.options, region, oss_endpoint),
            options=self.options,
            clock=clock,
        )
        self._pulls = Pulls(store, self._storage, self.table, self.options, download)
        infos = MediaInfos(self.table, self.options, region)
        self._operations: dict[str, Operation] = {
            "RegisterMedia": self._registry.register,
            "CreateUploadVideo": self.uploads.create_video,
            "RefreshUploadVideo": self.uploads.refresh_video,
            "CreateUploadImage": self.uploads.create_image,
            "CreateUploadAttachedMedia": self.uploads.create_attached_media,
            "GetURLUploadInfos": self._pulls.get_infos,
            "GetVideoInfos": infos.get_video_infos,
            "BatchGetMediaInfos": infos.batch_get_media_infos,
        }
        if region in PULLING_REGIONS:
            self._operations["UploadMediaByURL"] = self._pulls.submit
        self._writing = threading.Lock()

    @property
    def media(self) -> dict[tuple[str, str], Media]:
        """The registered media, by bucket and decoded key."""
        return self.table.registered

    @property
    def calls_per_second(self) -> int:
        """The most calls of each operation in a second; may be set."""
        return self._quota.calls_per_second

    @calls_per_second.setter
    def calls_per_second(self, calls: int) -> None:
        self._quota.calls_per_second = calls

    @property
    def quotas(self) -> dict[str, int]:
        """The most calls in a second of single operations, in place of `calls_per_second`."""
        return self._quota.by_action

    def add_bucket(self, bucket: str) -> None:
        """Add a bucket to VOD, which registers its objects from now on."""
        self._storage.added.add(bucket)

    def remove_bucket(self, bucket: str) -> None:
        """Remove a bucket from VOD, which refuses calls for it from now on."""
        self._storage.added.discard(bucket)

    def refuse(self, bucket: str, key: str) -> None:
        """List this object in `FailedFileURLs` from now on."""
        self._registry.refused.add((bucket, key))

    def accept(self, bucket: str, key: str) -> None:
        """Undo a `refuse`."""
        self._registry.refused.discard((bucket, key))

    def add_media(self, media: Media) -> None:
        """Add a media that was not registered, as an upload does."""
        self.table.add(media)

    def set_status(self, media_id: str, status: str) -> None:
        """Give a media another status, which stays from now on.

        Raises:
            KeyError: there is no such media.
            ValueError: VOD knows no such status.
        """
        if (media := self.table.find(media_id)) is None:
            raise KeyError(media_id)
        media.set_status(Status(status), self._clock.now())

    def answer(self, request: Request, hook: Hook) -> Answer:
        """Answer one call, unless the hook does, and complete its line in the journal."""
        call = self._arrived(request)
        answer = answer_through(hook, "vod", request, lambda: self.take_effect(request, at=call.at))
        call.status, call.code = answer.status, code_in(answer)
        return answer

    def take_effect(
        self, request: Request, deviation: Deviation = NO_DEVIATION, *, at: float | None = None
    ) -> Answer:
        """Check a call, perform it, and return the answer.

        `at` is its arrival in monotonic seconds; None is now.
        """
        self._clock.wait(self.latency_s)
        try:
            call = self._checked(request, deviation)
            operation = self._operation(request)
            _authorize(call.principal)
            self._quota.admit(call.action, self._clock.monotonic() if at is None else at)
            self._pulls.advance(call.at)
            fields = operation(call)
        except VodRefused as refused:
            return self.refuse_call(request, refused)
        request_id = _new_request_id()
        answer = accepted(call.action, fields, request_id, as_json=wants_json(request))
        return self._complete(answer, request_id)

    def take_effect_late(self, request: Request) -> None:
        """Perform a call that has its answer already; its signature and quota are not checked."""
        now = self._clock.now()
        with contextlib.suppress(VodRefused):
            principal = self._signatures.identify(request, now)
            _authorize(principal)
            self._operation(request)(_call(request, principal, now, NO_DEVIATION))

    def refuse_call(self, request: Request, refused: VodRefused) -> Answer:
        """Return the answer to a call that VOD refuses."""
        request_id = _new_request_id()
        host = f"vod.{self._region}.aliyuncs.com"
        answer = refusal(refused, request_id, host, as_json=wants_json(request))
        return self._complete(answer, request_id)

    def _complete(self, answer: Answer, request_id: str) -> Answer:
        headers = {
            "Date": format_datetime(self._clock.now(), usegmt=True),
            "x-acs-request-id": request_id,
        }
        return replace(answer, headers={**headers, **answer.headers})

    def _checked(self, request: Request, deviation: Deviation) -> Call:
        if request.method not in {"GET", "POST"}:
            raise VodRefused(403, "UnsupportedHTTPMethod", "This http method is not supported.")
        now = self._clock.now()
        return _call(request, self._signatures.check(request, now), now, deviation)

    def _operation(self, request: Request) -> Operation:
        if version_of(request) != VERSION:
            raise VodRefused(400, "InvalidVersion", "Specified parameter Version is not valid.")
        if request.path == b"/" and (found := self._operations.get(action_of(request))):
            return found
        raise VodRefused(
            404,
            "InvalidApi.NotFound",
            "Specified api is not found, please check your url and method.",
        )

    def _arrived(self, request: Request) -> VodCall:
        with self._writing:  # so that the journal is in order of arrival
            call = VodCall(
                at=self._clock.monotonic(),
                action=action_of(request),
                params=parameters_of(request),
                items=items_of(request),
                url_bytes=len(request.target),
                body_bytes=len(request.body),
            )
            self.journal.append(call)
        return call


def _call(request: Request, principal: Principal, at: datetime, deviation: Deviation) -> Call:
    return Call(
        action=action_of(request),
        parameters=parameters_of(request),
        principal=principal,
        nonce=nonce_of(request),
        at=at,
        deviation=deviation,
    )


def _authorize(principal: Principal) -> None:
    """Refuse a credential for certain objects of OSS: it may do nothing else."""
    if principal.grants is not None:
        raise VodRefused(
            403, "Forbidden.RAM", "User not authorized to operate on the specified resource."
        )


def _new_request_id() -> str:
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)).upper()

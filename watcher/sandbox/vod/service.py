"""The local VOD: checks, counts and journals calls; tests read and control it."""

from __future__ import annotations

import contextlib
import json
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
from watcher.sandbox.vod.registry import Registry
from watcher.sandbox.vod.signatures import Quota, SignatureCheck

if TYPE_CHECKING:
    from watcher.sandbox.account import Account
    from watcher.sandbox.clock import SandboxClock
    from watcher.sandbox.hook import Hook
    from watcher.sandbox.http_server import Answer, Request
    from watcher.sandbox.oss.objects import ObjectStore
    from watcher.sandbox.vod.registry import Deviation, RegisteredMedia

VERSION: Final = "2017-03-21"
ACTIONS: Final = frozenset(
    {
        "RegisterMedia", "CreateUploadVideo", "CreateUploadImage", "CreateUploadAttachedMedia",
        "RefreshUploadVideo", "UploadMediaByURL", "GetURLUploadInfos",
    }
)  # fmt: skip
CARRIERS: Final = ("query", "body")
Operation = Callable[[Mapping[str, str]], dict[str, object]]


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
    ) -> None:
        self.journal: list[VodCall] = []
        self.latency_s = 0.0  # before every answer
        self._clock = clock
        self._signatures = SignatureCheck(account)
        self._quota = Quota(calls_per_second)
        self._region = region
        self._registry = Registry(store, region)
        self._operations: dict[str, Operation] = {"RegisterMedia": self._registry.register}
        self._writing = threading.Lock()

    @property
    def media(self) -> dict[tuple[str, str], RegisteredMedia]:
        """The registered media, by bucket and decoded key."""
        return self._registry.media

    @property
    def calls_per_second(self) -> int:
        """The most calls of each operation in a second; may be set."""
        return self._quota.calls_per_second

    @calls_per_second.setter
    def calls_per_second(self, calls: int) -> None:
        self._quota.calls_per_second = calls

    def add_bucket(self, bucket: str) -> None:
        """Add a bucket to VOD, which registers its objects from now on."""
        self._registry.buckets.add(bucket)

    def remove_bucket(self, bucket: str) -> None:
        """Remove a bucket from VOD, which refuses calls for it from now on."""
        self._registry.buckets.discard(bucket)

    def refuse(self, bucket: str, key: str) -> None:
        """List this object in `FailedFileURLs` from now on."""
        self._registry.refused.add((bucket, key))

    def accept(self, bucket: str, key: str) -> None:
        """Undo a `refuse`."""
        self._registry.refused.discard((bucket, key))

    def is_vod_call(self, request: Request) -> bool:
        """Return whether a request is a VOD call."""
        if request.path != b"/":
            return False
        given = dict(_parameters(request))
        return "Action" in given and given.get("Version") == VERSION

    def answer(self, request: Request, hook: Hook) -> Answer:
        """Answer one call, unless the hook does, and complete its line in the journal."""
        call = self._arrived(request)
        answer = answer_through(hook, "vod", request, lambda: self.take_effect(request, at=call.at))
        call.status, call.code = answer.status, code_in(answer)
        return answer

    def take_effect(
        self, request: Request, deviation: Deviation | None = None, *, at: float | None = None
    ) -> Answer:
        """Check a call, perform it, and return the answer.

        `at` is its arrival in monotonic seconds; None is now.
        """
        self._clock.wait(self.latency_s)
        parameters = _parameters(request)
        action = action_of(request)
        try:
            self._signatures.check(request.method, parameters, self._clock.now())
            operation = self._operation(action)
            self._quota.admit(action, self._clock.monotonic() if at is None else at)
            given = dict(parameters)
            fields = (
                operation(given) if deviation is None else self._deviated(action, given, deviation)
            )
        except VodRefused as refused:
            return self.refuse_call(request, refused)
        request_id = _new_request_id()
        return self._complete(accepted(fields, request_id), request_id)

    def take_effect_late(self, request: Request) -> None:
        """Perform a call that has its answer already, without a check."""
        with contextlib.suppress(VodRefused):
            self._operation(action_of(request))(dict(_parameters(request)))

    def refuse_call(self, request: Request, refused: VodRefused) -> Answer:
        """Return the answer to a call that VOD refuses."""
        request_id = _new_request_id()
        as_json = dict(_parameters(request)).get("Format", "").upper() == "JSON"
        answer = refusal(refused, request_id, f"vod.{self._region}.aliyuncs.com", as_json=as_json)
        return self._complete(answer, request_id)

    def _complete(self, answer: Answer, request_id: str) -> Answer:
        headers = {
            "Date": format_datetime(self._clock.now(), usegmt=True),
            "x-acs-request-id": request_id,
        }
        return replace(answer, headers={**headers, **answer.headers})

    def _deviated(
        self, action: str, given: Mapping[str, str], deviation: Deviation
    ) -> dict[str, object]:
        return self._registry.register(given, deviation) if action == "RegisterMedia" else {}

    def _operation(self, action: str) -> Operation:
        if action in self._operations:
            return self._operations[action]
        raise VodRefused(
            404,
            "InvalidApi.NotFound",
            "Specified api is not found, please check your url and method.",
        )

    def _arrived(self, request: Request) -> VodCall:
        given = dict(_parameters(request))
        with self._writing:  # so that the journal is in order of arrival
            call = VodCall(
                at=self._clock.monotonic(),
                action=action_of(request),
                params=given,
                items=items_of(request),
                url_bytes=len(request.target),
                body_bytes=len(request.body),
            )
            self.journal.append(call)
        return call


def _parameters(request: Request) -> tuple[tuple[str, str], ...]:
    return (*request.query, *request.form())


def _new_request_id() -> str:
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)).upper()


def action_of(request: Request) -> str:
    """Return the name of the operation that a call asks for; "" if it names none."""
    return dict(_parameters(request)).get("Action", "")


def items_of(request: Request) -> tuple[Mapping[str, object], ...]:
    """Return the items of a RegisterMedia call as sent; none if they cannot be read."""
    try:
        found = json.loads(dict(_parameters(request)).get("RegisterMetadatas", ""))
    except ValueError:
        return ()
    if not isinstance(found, list):
        return ()
    return tuple(each for each in found if isinstance(each, dict))


def carrier_of(request: Request) -> str:
    """Return where a call carries its own parameters: in the "query", or in a form "body"."""
    return "body" if request.form() else "query"

"""The local OSS: checks, routes and journals requests; tests read and control it."""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass, replace
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from watcher.sandbox.hook import answer_through
from watcher.sandbox.hosts import region_at
from watcher.sandbox.http_server import Answer, HungUp
from watcher.sandbox.oss import buckets
from watcher.sandbox.oss.access import check_operation
from watcher.sandbox.oss.answers import OssRefused, code_in
from watcher.sandbox.oss.gate import admit
from watcher.sandbox.oss.index import ObjectFacts
from watcher.sandbox.oss.integrity import check_md5
from watcher.sandbox.oss.objects import PRIVATE, BucketFacts
from watcher.sandbox.oss.operation_table import COMPLETING, OPERATIONS
from watcher.sandbox.oss.operations import Call
from watcher.sandbox.oss.options import OssOptions
from watcher.sandbox.oss.restore import FOR_GOOD
from watcher.sandbox.oss.routes import operation_of, place_of, route_of
from watcher.sandbox.oss.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from watcher.sandbox.account import Account
    from watcher.sandbox.clock import SandboxClock
    from watcher.sandbox.hook import Hook
    from watcher.sandbox.http_server import Request
    from watcher.sandbox.oss.index import StoredObject
    from watcher.sandbox.oss.objects import ObjectStore
    from watcher.sandbox.oss.signatures.verify import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class OssCall:
    """One request in the journal, written once it is answered or reset."""

    operation: str
    bucket: str
    key: bytes
    params: Mapping[str, str]
    status: int  # 0 = not answered
    code: str  # of the error; "" = none


class SandboxOss:
    """OSS of all regions at one address: a V4 signature's region stands for the endpoint."""

    def __init__(
        self,
        *,
        account: Account,
        clock: SandboxClock,
        store: ObjectStore,
        region: str,
        bucket_created: Callable[[str], None],
        object_uploaded: Callable[[str, bytes], None],
    ) -> None:
        self.journal: list[OssCall] = []
        self.options = OssOptions()
        self._account = account
        self._clock = clock
        self._store = store
        self._uploads = Uploads(store, clock)
        self._region = region
        self._bucket_created = bucket_created
        self._object_uploaded = object_uploaded
        self._writing = threading.Lock()

    def create_bucket(
        self,
        bucket: str,
        region: str | None = None,
        *,
        add_to_vod: bool = True,
        facts: BucketFacts = PRIVATE,
    ) -> None:
        """Create a bucket and, if `add_to_vod`, add it to VOD.

        Without `region` it is created in that of the sandbox.
        """
        self._store.create_bucket(bucket, region or self._region, facts)
        if add_to_vod:
            self._bucket_created(bucket)

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes = b"x",
        *,
        modified_at: datetime | None = None,
        type: str = "Normal",  # noqa: A002 - OSS's word
        storage_class: str = "Standard",
        restored: bool = False,
    ) -> StoredObject:
        """Store an object without HTTP; `modified_at` is rounded down to whole seconds."""
        return self.put_raw_key(
            bucket, key.encode(), body,
            modified_at=modified_at, type=type, storage_class=storage_class, restored=restored,
        )  # fmt: skip

    def put_raw_key(
        self,
        bucket: str,
        key: bytes,
        body: bytes = b"x",
        *,
        modified_at: datetime | None = None,
        type: str = "Normal",  # noqa: A002 - OSS's word
        storage_class: str = "Standard",
        restored: bool = False,
    ) -> StoredObject:
        """Store an object without HTTP under a key that need not be UTF-8."""
        return self._store.put(
            self._store.bucket(bucket),
            key,
            self._store.bodies.keep(body),
            ObjectFacts(
                type=type,
                storage_class=storage_class,
                restore=FOR_GOOD if restored else None,
            ),
            modified_at=_milliseconds(modified_at),
        )

    def fill(
        self,
        bucket: str,
        keys: Iterable[str],
        body: bytes = b"x",
        *,
        modified_at: datetime | None = None,
    ) -> None:
        """Store many objects with one body without HTTP.

        For very large buckets: faster than `put`, and smaller.
        """
        self._store.fill(
            self._store.bucket(bucket),
            (key.encode() for key in keys),
            self._store.bodies.keep(body),
            modified_at=_milliseconds(modified_at),
        )

    def restore(self, bucket: str, key: str, *, restored: bool = True) -> None:
        """Make an archived object readable at once and for good, or unreadable again."""
        copy = FOR_GOOD if restored else None
        self._store.restore(self._store.bucket(bucket), key.encode(), lambda _: copy)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object without HTTP; nothing happens if it is not there."""
        self._store.delete(self._store.bucket(bucket), key.encode())

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """Return what the bucket knows of an object, or None."""
        return self._store.find(self._store.bucket(bucket), key.encode())

    def body(self, bucket: str, key: str) -> bytes:
        """Return an object's bytes.

        Raises:
            OssRefused: it is not there.
        """
        return self._store.body(self._store.bucket(bucket), key.encode()).read()

    def buckets(self) -> tuple[str, ...]:
        """Return the names of all buckets."""
        return tuple(bucket.name for bucket in self._store.buckets())

    def keys(self, bucket: str) -> tuple[bytes, ...]:
        """Return all keys of a bucket in byte order."""
        return self._store.keys(self._store.bucket(bucket))

    def answer(self, request: Request, hook: Hook) -> Answer:
        """Answer one request, unless the hook does, and write it into the journal."""
        try:
            answer = answer_through(hook, "oss", request, lambda: self.take_effect(request))
        except HungUp:
            self._note(request, 0, "")
            raise
        self._note(request, answer.status, code_in(answer))
        return answer

    def take_effect(
        self,
        request: Request,
        *,
        as_if: Request | None = None,
        options: OssOptions | None = None,
    ) -> Answer:
        """Check a request, perform it, and return the answer.

        With `as_if`, that request is performed in its place; `options` hold for this request.
        """
        began = self._clock.monotonic()
        try:
            signer = admit(request, self._store, self._account, self._clock.now())
            answer = self._perform(as_if or request, signer, options or self.options)
        except OssRefused as refused:
            return self.refuse_call(request, refused, began=began)
        return self._complete(answer, _new_request_id(), began)

    def refuse_call(
        self, request: Request, refused: OssRefused, *, began: float | None = None
    ) -> Answer:
        """Return the answer to a request that OSS refuses, after work since `began`."""
        request_id = _new_request_id()
        return self._complete(
            self._refusal(refused, request, request_id),
            request_id,
            self._clock.monotonic() if began is None else began,
        )

    def _note(self, request: Request, status: int, code: str) -> None:
        operation, (bucket, key) = operation_of(request), place_of(request)
        call = OssCall(
            operation=operation,
            bucket=bucket,
            key=key,
            params=dict(request.query),
            status=status,
            code=code,
        )
        with self._writing:
            self.journal.append(call)

    def _complete(self, answer: Answer, request_id: str, began: float) -> Answer:
        always = {
            "Connection": "keep-alive",
            "Date": format_datetime(self._clock.now(), usegmt=True),
            "Server": "AliyunOSS",
            "x-oss-request-id": request_id,
            "x-oss-server-time": str(int((self._clock.monotonic() - began) * 1000)),
        }
        return replace(answer, headers={**always, **answer.headers})

    def _perform(self, request: Request, signer: Signer, options: OssOptions) -> Answer:
        route, (bucket, key) = route_of(request), place_of(request)
        check_operation(signer.principal, route.name, bucket, key)
        check_md5(request)
        if route.name == "ListBuckets":
            return buckets.list_buckets(request, self._store.buckets())
        if route.name == "PutBucket":
            facts, region = buckets.facts_asked_for(request), signer.region
            self.create_bucket(bucket, region or region_at(request.host) or None, facts=facts)
            return Answer(headers={"Location": f"/{bucket}"})
        answer = OPERATIONS[route.name](
            Call(
                request=request,
                store=self._store,
                uploads=self._uploads,
                bucket=self._store.bucket(bucket),
                key=key,
                principal=signer.principal,
                options=options,
                now_ms=self._clock.now_ms(),
            )
        )
        if route.name in COMPLETING:
            self._object_uploaded(bucket, key)
        return answer

    def _refusal(self, refused: OssRefused, request: Request, request_id: str) -> Answer:
        if refused.status == HTTPStatus.NOT_MODIFIED:  # which has no body
            return Answer(status=refused.status, headers=refused.headers)
        body = refused.body(request_id, request.headers.get("host", ""))
        headers = {"Content-Type": "application/xml", "x-oss-ec": refused.ec, **refused.headers}
        if request.method == "HEAD":  # the answer has no body for the error
            headers["x-oss-err"] = base64.b64encode(body).decode("ascii")
        return Answer(status=refused.status, headers=headers, body=body)


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def _new_request_id() -> str:
    return secrets.token_hex(12).upper()

"""Every implementation of `watcher.ports`, real or fake, ready for the contract tests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from tests.support.fake_vod import FakeVod
from tests.support.fakes import FOR_GOOD, FakeBucket, FakeClock
from tests.support.workspace import BUCKET
from watcher.oss import BucketSource, connect
from watcher.registration.bisect import Bisecting
from watcher.registration.gate import CallCounter, Gate
from watcher.registration.rate_limit import RateLimit, RateLimited
from watcher.registration.ticket import Admission, CallTicket
from watcher.sandbox.faults import Fault, Faults
from watcher.vod import VodClient, VodRegistrar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.model import Page
    from watcher.ports import Credentials, Registrar, Source
    from watcher.sandbox import Sandbox


class Chain:
    """`ports.CredentialsProvider` of the sandbox's account."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def get(self) -> Credentials:
        return self._sandbox.credentials


# Sources


def pages(
    source: Source, *, start_after: str = "", token: str = "", max_keys: int = 3
) -> Iterator[Page]:
    """Yield the pages of a source to the last."""
    while True:
        page = source.list_objects(start_after=start_after, token=token, max_keys=max_keys).page()
        yield page
        if page.is_last:
            return
        start_after, token = page.last_key or start_after, page.next_token


class Store(Protocol):
    """A bucket to be filled, and what lists it, three keys a page."""

    def put(self, key: str, *, raw: bytes = b"") -> None: ...

    def delete(self, key: str) -> None: ...

    def source(self, prefix: str = "") -> Source: ...

    def stop_answering(self) -> None: ...

    def close(self) -> None: ...


class RealStore:
    """`BucketSource` over the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._sources: list[BucketSource] = []

    def put(self, key: str, *, raw: bytes = b"") -> None:
        if raw:
            self._sandbox.oss.put_raw_key(BUCKET, raw)
        else:
            self._sandbox.oss.put(BUCKET, key)

    def delete(self, key: str) -> None:
        self._sandbox.oss.delete(BUCKET, key)

    def source(self, prefix: str = "") -> Source:
        client = connect(
            bucket=BUCKET,
            endpoint=self._sandbox.url,
            region=self._sandbox.region,
            credentials=Chain(self._sandbox),
            proxies={},
            no_proxy="",
            ca_bundle="",
        )
        self._sources.append(BucketSource(client, prefix=prefix))
        return self._sources[-1]

    def close(self) -> None:
        for source in self._sources:
            source.close()

    def stop_answering(self) -> None:
        self._sandbox.hook = Faults(Fault(operation="oss", kind="access_denied"))


class FakeStore:
    """The fake."""

    def __init__(self) -> None:
        self._bucket = FakeBucket(BUCKET, FakeClock())
        self.is_silent = False

    def put(self, key: str, *, raw: bytes = b"") -> None:
        self._bucket.put("" if raw else key, raw=raw)

    def delete(self, key: str) -> None:
        del self._bucket.objects[key.encode()]

    def source(self, prefix: str = "") -> Source:
        return self._bucket.below(prefix)

    def stop_answering(self) -> None:
        self.is_silent = True
        self._bucket.fault, self._bucket.fault_after, self._bucket.head_fails = "error", 0, True

    def close(self) -> None:
        """Hold nothing open."""


# Registrars


class Service(Protocol):
    """A VOD, what speaks to it, and what can befall the next call."""

    registrar: Registrar

    def put(self, *keys: str) -> None: ...

    def refuse(self, key: str) -> None: ...

    def befall(self, fault: str) -> None: ...


class RealService:
    """`VodRegistrar` over the sandbox."""

    def __init__(self, sandbox: Sandbox, client: VodClient) -> None:
        self._sandbox = sandbox
        self.registrar: Registrar = VodRegistrar(client)

    def put(self, *keys: str) -> None:
        self._sandbox.oss.fill(BUCKET, keys)

    def refuse(self, key: str) -> None:
        self._sandbox.vod.refuse(BUCKET, key)

    def befall(self, fault: str) -> None:
        kind, _, effect = fault.partition(",")
        given = {"effect": effect} if effect else {}
        self._sandbox.hook = Faults(Fault(operation="RegisterMedia", kind=kind, next=1, **given))  # type: ignore[arg-type]


class FakeService:
    """The fake."""

    def __init__(self) -> None:
        self._bucket = FakeBucket(BUCKET, FakeClock())
        self._vod = FakeVod(self._bucket)
        self.registrar: Registrar = self._vod

    def put(self, *keys: str) -> None:
        for key in keys:
            self._bucket.put(key)

    def refuse(self, key: str) -> None:
        self._vod.refusing[key] = FOR_GOOD

    def befall(self, fault: str) -> None:
        self._vod.script = [_FAKED[fault]]


_FAKED = {
    "throttle": "throttled",
    "service_unavailable": "not sent",
    "arrears": "account",
    "unregistered_bucket": "bucket",
    "reset,before": "lost",
    "reset,none": "silent",
    "missing_items,before": "missing though registered",
    "missing_items,none": "missing",
}
TICKET = CallTicket(bucket=BUCKET, admission=Admission.CALL, admitted_at=0.0)
WRAPPED: dict[str, Callable[[Registrar], Registrar]] = {
    "": lambda inner: inner,
    "gate": lambda inner: Gate(CallCounter(inner), TICKET, check=lambda _ticket: None),
    "rate limit": lambda inner: RateLimited(
        inner,
        RateLimit(
            calls_per_second=50,
            given=None,
            clock=FakeClock(),
            changed=lambda _change: None,
            remember=lambda _rate: None,
        ),
    ),
    "bisecting": Bisecting,
    "all": lambda inner: Bisecting(WRAPPED["rate limit"](WRAPPED["gate"](inner))),
}


@contextlib.contextmanager
def real_service(sandbox: Sandbox) -> Iterator[Service]:
    """Yield the real one; its connections are closed afterwards."""
    client = VodClient(
        region=sandbox.region,
        endpoint=sandbox.url,
        credentials=Chain(sandbox),
        timeout_s=5,
        concurrent_calls=1,
        proxies={},
        no_proxy="",
        ca_bundle="",
    )
    with contextlib.closing(client):
        yield RealService(sandbox, client)

"""The sandbox: one address for both services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from watcher.ports import Credentials
from watcher.sandbox.account import Account
from watcher.sandbox.clock import SandboxClock
from watcher.sandbox.faults import Faults
from watcher.sandbox.hook import NoHook
from watcher.sandbox.http_server import HttpServer
from watcher.sandbox.oss.objects import ObjectStore
from watcher.sandbox.oss.service import SandboxOss
from watcher.sandbox.services import Services
from watcher.sandbox.vod.service import SandboxVod

if TYPE_CHECKING:
    from types import TracebackType

    from watcher.sandbox.hook import Hook
    from watcher.sandbox.http_server import Answer, Request


class Sandbox:
    """A local OSS and VOD for the real SDKs. Two sandboxes share nothing.

    It listens from its creation until `close()`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        region: str = "cn-shanghai",
        calls_per_second: int = 50,
        access_key_id: str = "sandbox-id",
        access_key_secret: str = "sandbox-secret",  # noqa: S107 - it guards nothing
        security_token: str = "",
        hook: Hook | None = None,
    ) -> None:
        self.region = region
        self.account = Account(Credentials(access_key_id, access_key_secret, security_token))
        self.clock = SandboxClock()
        self._store = ObjectStore(self.clock)
        self.vod = SandboxVod(
            account=self.account,
            clock=self.clock,
            store=self._store,
            region=region,
            calls_per_second=calls_per_second,
        )
        self.oss = SandboxOss(
            account=self.account,
            clock=self.clock,
            store=self._store,
            region=region,
            bucket_created=self.vod.add_bucket,
        )
        self.hook = hook or NoHook()
        self._server = HttpServer(port, self._answer, bodies=self._store.bodies)

    @property
    def hook(self) -> Hook:
        """The hook that every request passes; may be set."""
        return self._hook

    @hook.setter
    def hook(self, hook: Hook) -> None:
        if isinstance(hook, Faults):
            hook.attach(Services(oss=self.oss, vod=self.vod, clock=self.clock))
        self._hook = hook

    @property
    def credentials(self) -> Credentials:
        """The credentials that both services accept. To set others is a rotation."""
        return self.account.credentials

    @credentials.setter
    def credentials(self, credentials: Credentials) -> None:
        self.account.credentials = credentials

    @property
    def access_key_id(self) -> str:
        """The access key ID of `credentials`."""
        return self.credentials.access_key_id

    @property
    def access_key_secret(self) -> str:
        """The access key secret of `credentials`."""
        return self.credentials.access_key_secret

    @property
    def security_token(self) -> str:
        """The security token of `credentials`; "" = none."""
        return self.credentials.security_token

    @property
    def clock_offset_s(self) -> float:
        """Seconds that the services' clock is ahead of the machine's; may be set."""
        return self.clock.offset_s

    @clock_offset_s.setter
    def clock_offset_s(self, seconds: float) -> None:
        self.clock.offset_s = seconds

    @property
    def url(self) -> str:
        """The address of both services, `http://127.0.0.1:PORT`."""
        return f"http://{self.host}"

    @property
    def host(self) -> str:
        """The address without a scheme, as the VOD SDK wants it."""
        return f"127.0.0.1:{self._server.port}"

    def close(self) -> None:
        """Stop, cut all connections and forget all objects."""
        self.clock.close()
        self._server.close()
        self._store.close()

    def __enter__(self) -> Self:
        """Return the sandbox, which listens already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _answer(self, request: Request) -> Answer:
        service = self.vod if self.vod.is_vod_call(request) else self.oss
        return service.answer(request, self.hook)

"""The sandbox: one address for both services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from watcher.ports import Credentials
from watcher.sandbox.account import Account
from watcher.sandbox.clock import SandboxClock
from watcher.sandbox.downloads import download
from watcher.sandbox.faults import Faults
from watcher.sandbox.hook import NoHook
from watcher.sandbox.http_server import HttpServer
from watcher.sandbox.oss.objects import ObjectStore
from watcher.sandbox.oss.service import SandboxOss
from watcher.sandbox.services import Services
from watcher.sandbox.vod.parameters import is_vod_call
from watcher.sandbox.vod.service import SandboxVod

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from watcher.sandbox.account import Grant, Principal
    from watcher.sandbox.bodies import Body
    from watcher.sandbox.certificates import RegionCertificate
    from watcher.sandbox.hook import Hook
    from watcher.sandbox.http_server import Answer, Request


class Sandbox:
    """A local OSS and VOD for the real SDKs. Two sandboxes share nothing.

    It listens from its creation until `close()`. With `tls` it serves https, with a certificate for
    the real host names of its region.
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
        tls: bool = False,
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
            oss_endpoint=lambda: _oss_endpoint(self),
            download=lambda url: _download(self, url),
        )
        self.oss = SandboxOss(
            account=self.account,
            clock=self.clock,
            store=self._store,
            region=region,
            bucket_created=self.vod.add_bucket,
            object_uploaded=self.vod.uploads.object_uploaded,
        )
        self.hook = hook or NoHook()
        self._certificate = _certificate(region) if tls else None
        try:
            context = self._certificate.context if self._certificate else None
            self._server = HttpServer(port, self._answer, bodies=self._store.bodies, tls=context)
        except OSError:
            self._close_certificate()
            raise

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

    def issue(self, lifetime_s: float, grants: Sequence[Grant] | None = None) -> Principal:
        """Issue a temporary credential for both services, as the service STS does.

        Without `grants` it may do all that `credentials` may.
        """
        return self.account.issue(self.clock.now(), lifetime_s, grants)

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
        """The address of both services, `http://127.0.0.1:PORT`; with TLS it is https.

        The certificate is valid for the real host names alone, which have to lead here.
        """
        return f"{'https' if self._certificate else 'http'}://{self.host}"

    @property
    def host(self) -> str:
        """The address without a scheme, as the VOD SDK wants it."""
        return f"127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    @property
    def ca_bundle(self) -> Path | None:
        """The file of the certificate authority that clients have to trust; None without TLS."""
        return self._certificate.ca_bundle if self._certificate else None

    def close(self) -> None:
        """Stop, cut all connections and forget all objects."""
        self.clock.close()
        self._server.close()
        self._store.close()
        self._close_certificate()

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

    def _close_certificate(self) -> None:
        if self._certificate:
            self._certificate.close()

    def _answer(self, request: Request) -> Answer:
        service = self.vod if is_vod_call(request) else self.oss
        return service.answer(request, self.hook)


def _certificate(region: str) -> RegionCertificate:
    from watcher.sandbox.certificates import RegionCertificate  # few want TLS

    return RegionCertificate(region)


def _oss_endpoint(sandbox: Sandbox) -> str:
    """Return the endpoint of OSS in upload addresses; with TLS it is the real one of the region."""
    return f"https://oss-{sandbox.region}.aliyuncs.com" if sandbox.ca_bundle else sandbox.url


def _download(sandbox: Sandbox, url: str) -> Body:
    own_hosts = frozenset({sandbox.host, f"localhost:{sandbox.port}"})
    return download(url, own_hosts, sandbox.oss.take_effect)

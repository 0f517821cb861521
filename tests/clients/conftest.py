"""Clients that nobody here wrote, unchanged, each in a process for all tests."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import oss2
import pytest

from tests.clients.names import NamesProxy
from tests.clients.process import ClientProcess
from tests.support.workspace import BUCKET
from watcher.ports import Credentials
from watcher.sandbox.account import Grant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.roster import Client
    from watcher.sandbox import Sandbox


@pytest.fixture(scope="session")
def names() -> Iterator[NamesProxy]:
    """The proxy through which a client finds the sandbox under the service's own names."""
    with closing(NamesProxy()) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def process_of(names: NamesProxy) -> Iterator[Callable[[str], ClientProcess]]:
    """A function that returns the process of a driver, and starts it when it is needed."""
    running: dict[str, ClientProcess] = {}
    with ExitStack() as stack:

        def process(driver: str) -> ClientProcess:
            if driver not in running or not running[driver].in_step:
                running[driver] = stack.enter_context(ClientProcess(driver, proxy_url=names.url))
            return running[driver]

        yield process


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A client that is set up for the sandbox."""

    about: Client
    sandbox: Sandbox
    process: ClientProcess

    def connect(self, credentials: Credentials | None = None, *, bucket: str = BUCKET) -> None:
        """Make a new client, with the sandbox's credentials or with others."""
        used = credentials or self.sandbox.credentials
        self.process.call(
            "connect",
            id=used.access_key_id,
            secret=used.access_key_secret,
            token=used.security_token,
            signature=self.about.signature,
            style=self.about.style,
            endpoint=self.about.endpoint(int(self.sandbox.host.rpartition(":")[2])),
            bucket=bucket,
            region=self.sandbox.region,
        )

    def temporary(self, *, lifetime_s: float, keys: str = "") -> Credentials:
        """Return a credential as STS issues it, for all keys of the bucket or for some of them."""
        grants = [Grant(bucket=BUCKET, keys=keys.encode())] if keys else None
        now = self.sandbox.clock.now()
        issued = self.sandbox.account.issue(now, lifetime_s, grants)
        return Credentials(issued.access_key_id, issued.access_key_secret, issued.security_token)

    def __call__(self, operation: str, **given: Any) -> Any:
        """Return what the client returned for a call."""
        return self.process.call(operation, **given)


@pytest.fixture
def client(
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    names: NamesProxy,
    process_of: Callable[[str], ClientProcess],
) -> Connected:
    """The client that the test's mark names, connected to the sandbox."""
    names.port = int(sandbox.host.rpartition(":")[2])
    about: Client = request.param
    made = Connected(about=about, sandbox=sandbox, process=process_of(about.driver))
    made.connect()
    return made


@pytest.fixture(params=[oss2.ProviderAuth, oss2.ProviderAuthV4], ids=["V1", "V4"])
def bucket(request: pytest.FixtureRequest, sandbox: Sandbox) -> oss2.Bucket:
    """The sandbox's bucket, by signature V1 and V4."""
    provider = oss2.credentials.StaticCredentialsProvider(
        sandbox.access_key_id, sandbox.access_key_secret
    )
    return oss2.Bucket(request.param(provider), sandbox.url, BUCKET, region=sandbox.region)

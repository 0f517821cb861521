"""Signed GET requests for one bucket over kept-alive connections: oss2 signs, urllib3 sends.

The environment and ~/.netrc have no influence. No redirect is followed, no request is retried.
"""

from __future__ import annotations

import os
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import oss2
import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_auth_from_url
from urllib3.exceptions import HTTPError
from urllib3.util import create_urllib3_context, make_headers

from watcher.clock import SystemClock
from watcher.http_deadline import limit_answers
from watcher.oss.connections import with_whole_answers
from watcher.oss.error_codes import as_cloud_error, redirected
from watcher.oss.refusals import read_refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 15
_OK = 200
_REDIRECTS = range(300, 400)
_NEVER_AGAIN = urllib3.Retry(total=False, redirect=False)


@dataclass(frozen=True, slots=True)
class Received:
    """A whole answer with status 200."""

    headers: Mapping[str, str]  # lookups ignore letter case
    body: bytes


@dataclass(frozen=True, slots=True)
class _Call:
    """The part of an `oss2.http.Request` that oss2 needs to sign a listing."""

    params: dict[str, str]
    region: str
    headers: dict[str, str] = field(default_factory=lambda: {"User-Agent": oss2.http.USER_AGENT})
    method: str = "GET"
    product: str = "oss"
    cloudbox_id: None = None


class Transport:
    """Sends requests to the bucket of an oss2 client, with its proxy and its CA certificates.

    Threads may share it.
    """

    def __init__(self, client: oss2.Bucket, *, connections: int) -> None:
        self._client = client
        self._bucket: str = client.bucket_name
        self._connections = connections
        self._url: str = client._make_url(client.bucket_name, "")  # noqa: SLF001 (how oss2 addresses a bucket)
        address = urlsplit(self._url)
        self._proxy = _with_scheme((client.proxies or {}).get(address.scheme, ""))
        self._target = self._url if self._proxy and address.scheme == "http" else address.path
        self._opening = threading.Lock()
        self._manager: urllib3.PoolManager | None = None
        self._pool: urllib3.HTTPConnectionPool | None = None

    def get(self, parameters: Mapping[str, str]) -> Received:
        """Send one request with `parameters`, none of them empty. Return the whole answer.

        Raises:
            CloudError: no answer came, or a refusal.
            CredentialsMissing: no credentials to sign with.
        """
        call = _Call(dict(parameters), self._client.region)
        self._client.auth._sign_request(call, self._bucket, "")  # noqa: SLF001 (oss2 signs headers only by this)
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
        try:
            answer = (self._pool or self._open()).urlopen(
                "GET",
                f"{self._target}?{query}",
                headers=call.headers,
                retries=_NEVER_AGAIN,
                redirect=False,
                assert_same_host=False,
            )
        except (HTTPError, OSError) as error:
            raise as_cloud_error(error, bucket=self._bucket, endpoint=self._url) from None
        if answer.status in _REDIRECTS:
            raise redirected(self._bucket)
        if answer.status != _OK:
            refusal = read_refusal(answer.status, answer.headers, answer.data)
            raise as_cloud_error(refusal, bucket=self._bucket)
        return Received(answer.headers, answer.data)

    def close(self) -> None:
        """Close the connections."""
        with self._opening:
            if self._manager:
                self._manager.clear()

    def _open(self) -> urllib3.HTTPConnectionPool:
        with self._opening:
            if self._manager is None:
                self._manager = self._connections_kept()
            self._pool = with_whole_answers(self._manager.connection_from_url(self._url))
            return self._pool

    def _connections_kept(self) -> urllib3.PoolManager:
        """Return a pool manager. The CA certificates are read once for all connections."""
        schemes = {urlsplit(self._url).scheme, urlsplit(self._proxy).scheme}
        trusted = _trusting(self._client.session.session.verify) if "https" in schemes else None
        timeout = urllib3.Timeout(TIMEOUT_S)
        if not self._proxy:
            direct = urllib3.PoolManager(
                maxsize=self._connections, timeout=timeout, ssl_context=trusted
            )
            limit_answers(direct, TIMEOUT_S, elapsed=SystemClock.read_s)
            return direct
        user, password = get_auth_from_url(self._proxy)
        proxied = urllib3.ProxyManager(
            self._proxy,
            proxy_headers=make_headers(proxy_basic_auth=f"{user}:{password}") if user else None,
            proxy_ssl_context=trusted,
            maxsize=self._connections,
            timeout=timeout,
            ssl_context=trusted,
        )
        limit_answers(proxied, TIMEOUT_S, elapsed=SystemClock.read_s)
        return proxied


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def _trusting(verify: str | bool) -> ssl.SSLContext:  # noqa: FBT001 (as requests has it: a path, or True)
    """Return a TLS context that trusts a file or folder of CA certificates, or the usual ones."""
    place = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    if os.path.isdir(place):  # noqa: PTH112 (a string from requests)
        context.load_verify_locations(capath=place)
    else:
        context.load_verify_locations(cafile=place)
    return context

"""The VOD SDK with workarounds for its traps, all measured on aliyun-python-sdk-core 2.16.1.

- Its default is plain HTTP, and it compares the protocol by identity. We pass the SDK's constant.
- It drops SNI on Python 3.12 and later. We pass a session of the current requests.
- It reads proxies from the environment at every request and ignores NO_PROXY. Our session uses
  our own proxies.
- ALIYUN_ACCESS_KEY_ID overrides credentials that are passed in. We pass our own signer.
- It returns any 200 as success, drops response headers, and leaks IndexError and
  UnicodeDecodeError. Our session keeps the HTTP answer, and we read that.
- Its exceptions and log lines hold the signed URL and the answer. We pass none of them on.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import requests
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.http import protocol_type
from requests.utils import should_bypass_proxies
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError

from watcher.clock import SystemClock
from watcher.errors import AccountRefused, CredentialsMissing
from watcher.rules.reachable import certificate_refusal, inside_region, proxy_refusal
from watcher.vod.escaped import EscapedAdapter
from watcher.vod.signer import ChainSigner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aliyunsdkcore.request import RpcRequest

    from watcher.ports import CredentialsProvider

_MOST_BYTES: Final = 8 << 20  # the answer to ten items has a few thousand bytes
_NEVER_SENT: Final = (
    *(requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError),
    *(
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidProxyURL,
        requests.exceptions.InvalidSchema,
    ),
)


_CALLING: Final = threading.local()  # set in a thread while it makes a call of ours
_LOGGERS: Final = (
    "aliyunsdkcore.client",
    "aliyunsdkcore.http.http_response",
    "urllib3.connectionpool",
)


def _not_ours(_: logging.LogRecord) -> bool:
    """Drop the lines about calls of ours. Other users of the libraries keep theirs."""
    return not getattr(_CALLING, "now", False)


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_not_ours)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """One HTTP answer with any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """No HTTP answer came."""

    sent: bool  # True: the call may have taken effect
    what: str  # a few words without secrets
    over_tls: bool = False  # True: the TLS handshake itself failed
    hint: str = ""  # the cure, if known


class _Session(requests.Session):
    """Current TLS, our own proxies, and the last exchange of each thread."""

    def __init__(
        self, *, proxies: Mapping[str, str], no_proxy: str, pool_size: int, within_s: float
    ) -> None:
        super().__init__()
        self.trust_env = False
        self._our_proxies = dict(proxies)
        self._no_proxy = no_proxy
        self.last = threading.local()
        for scheme in ("http://", "https://"):
            self.mount(
                scheme, EscapedAdapter(within_s, pool_size=pool_size, elapsed=SystemClock.read_s)
            )

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request of the SDK. Its URL is escaped already.

        Escaping it again would take a third of a call's time.
        """
        prepared = requests.PreparedRequest()
        prepared.prepare_method(request.method)
        prepared.url = request.url
        prepared.prepare_headers({**self.headers, **(request.headers or {})})
        prepared.prepare_cookies({})
        prepared.prepare_body(request.data, None)
        prepared.prepare_hooks({})
        return prepared

    def send(self, request: requests.PreparedRequest, **kwargs: object) -> requests.Response:
        """Send through our proxies, and keep the exchange."""
        kwargs["stream"] = True
        kwargs["proxies"] = self._our_proxies and self._proxies_for(request.url or "")
        try:
            response = super().send(request, **kwargs)  # type: ignore[arg-type]
            response._content = _whole(response)  # noqa: SLF001 (what `content` returns)
            self.last.exchange = HttpAnswer(
                status=response.status_code, headers=response.headers, body=response.content
            )
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            self.last.exchange = _no_answer(error, request.url or "")
            raise requests.ConnectionError(type(error).__name__) from None
        return response

    def _proxies_for(self, url: str) -> Mapping[str, str]:
        bypassed = should_bypass_proxies(url, no_proxy=self._no_proxy or None)
        return {} if bypassed else self._our_proxies


def _whole(response: requests.Response) -> bytes:
    """Return the body.

    Raises:
        HTTPException: it is larger than any answer of VOD.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(response.close)
        body: bytes = response.raw.read(_MOST_BYTES + 1, decode_content=True)
        if len(body) > _MOST_BYTES:
            raise HTTPException("the answer is too large")
        response.raw.read(1)  # reach the end: this keeps the connection and detects a cut-off body
        stack.pop_all()
    return body


def _no_answer(error: Exception, url: str) -> NoAnswer:
    if proxy := proxy_refusal(error):
        return NoAnswer(sent=False, what=proxy[0], hint=proxy[1])
    if certificate := certificate_refusal(error):
        what = f"{urlsplit(url).hostname}: {certificate[0]}"
        return NoAnswer(sent=False, what=what, over_tls=True, hint=certificate[1])
    if isinstance(error, requests.exceptions.SSLError):
        return NoAnswer(sent=False, what="the handshake failed", over_tls=True)
    if isinstance(error, _NEVER_SENT):
        return NoAnswer(sent=False, what=type(error).__name__, hint=_hint_for(url))
    cause: object = error.args[0] if error.args else None
    cause = getattr(cause, "reason", cause)
    if isinstance(cause, (NewConnectionError, NameResolutionError)):
        return NoAnswer(sent=False, what=type(cause).__name__, hint=_hint_for(url))
    return NoAnswer(sent=True, what=type(error).__name__)


def _hint_for(url: str) -> str:
    """Return the cure for an endpoint that is reachable only inside its region; "" for others."""
    if only_inside := inside_region(url):
        return f"{only_inside[0]} From elsewhere set [vod] endpoint to {only_inside[1]}."
    return ""


class VodClient:
    """One client for all threads. Every call is sent once, without a retry."""

    def __init__(
        self,
        *,
        region: str,
        endpoint: str,  # host[:port], or http://127.0.0.1:PORT for a sandbox
        credentials: CredentialsProvider,
        timeout_s: float,
        concurrent_calls: int,
        proxies: Mapping[str, str],
        no_proxy: str,
        ca_bundle: str,
    ) -> None:
        plain = endpoint.startswith("http://")
        self._host = urlsplit(endpoint).netloc if "://" in endpoint else endpoint
        self._protocol = protocol_type.HTTP if plain else protocol_type.HTTPS
        self._session = _Session(
            proxies=proxies, no_proxy=no_proxy, pool_size=concurrent_calls, within_s=timeout_s
        )
        self._client = AcsClient(
            region_id=region,
            credential=StsTokenCredential("", "", ""),
            auto_retry=False,
            timeout=timeout_s,
            connect_timeout=timeout_s,
            verify=ca_bundle or True,
            port=80 if plain else 443,
        )
        self._client.session.close()
        self._client.session = self._session
        self._client._signer = ChainSigner(credentials)  # noqa: SLF001 (the SDK has no public way)

    def call(self, request: RpcRequest) -> HttpAnswer | NoAnswer:
        """Send a fresh request once. Return the exchange.

        Raises:
            AccountRefused: the credentials are gone. Nothing was sent.
        """
        request.set_protocol_type(self._protocol)
        request.set_endpoint(self._host)
        self._session.last.exchange = None
        _CALLING.now = True
        try:
            self._client.do_action_with_exception(request)
        except CredentialsMissing as error:
            raise AccountRefused(str(error), hint=error.hint) from None
        except Exception:  # the SDK's verdict; ours comes from the exchange itself
            if self._session.last.exchange is None:  # nothing reached the network
                raise
        finally:
            _CALLING.now = False
        exchange: HttpAnswer | NoAnswer = self._session.last.exchange
        return exchange

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

"""The VOD SDK with its traps closed (all measured on aliyun-python-sdk-core 2.16.1).

- It speaks plain HTTP unless told otherwise, compares the protocol by identity, and drops SNI on Python 3.12 and
  later: we hand it the SDK's own constant and a session of the current requests.
- It takes proxies from the environment at every request and knows no NO_PROXY: our session ignores what it passes.
- ALIYUN_ACCESS_KEY_ID overrides credentials that are passed in: our signer replaces its own.
- It returns any 200 as success, drops response headers, and lets IndexError and UnicodeDecodeError escape: our
  session keeps the answer, and we read that instead of what the SDK makes of it.
- Its exception texts and log lines hold the signed URL: none of them is passed on.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import requests
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.auth.signers.signer import Signer
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.http import protocol_type
from requests.utils import should_bypass_proxies
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError

from watcher.clock import SystemClock
from watcher.deadline import EndingAdapter
from watcher.errors import AccountRefused, CredentialsMissing
from watcher.rules.reachable import inside_region, proxy_refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aliyunsdkcore.request import RpcRequest

    from watcher.ports import CredentialsProvider

_MOST_BYTES: Final = 8 << 20  # an answer to ten items has a few thousand
_NEVER_SENT: Final = (
    *(requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError),
    *(requests.exceptions.InvalidURL, requests.exceptions.InvalidProxyURL, requests.exceptions.InvalidSchema),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """Nothing came back; `sent` tells whether the call may have taken effect."""

    sent: bool
    what: str  # a word or two, without addresses or secrets
    over_tls: bool = False  # the TLS handshake itself failed
    hint: str = ""  # the cure, where it is known


class _Session(requests.Session):
    """Current TLS, our own proxies, and a memory of the last exchange of each thread."""

    def __init__(self, *, proxies: Mapping[str, str], no_proxy: str, pool_size: int, within_s: float) -> None:
        super().__init__()
        self.trust_env = False
        self._our_proxies = dict(proxies)
        self._no_proxy = no_proxy
        self.last = threading.local()
        for scheme in ("http://", "https://"):
            self.mount(scheme, EndingAdapter(within_s, pool_size=pool_size, elapsed=SystemClock.read_s))

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request of the SDK, whose URL is escaped already: to escape it again takes a third of a call."""
        prepared = requests.PreparedRequest()
        prepared.prepare_method(request.method)
        prepared.url = request.url
        prepared.prepare_headers({**self.headers, **(request.headers or {})})
        prepared.prepare_cookies({})
        prepared.prepare_body(request.data, None)
        prepared.prepare_hooks({})
        return prepared

    def send(self, request: requests.PreparedRequest, **kwargs: object) -> requests.Response:
        """Send as told, but through our proxies; keep what came back."""
        kwargs["stream"] = True
        kwargs["proxies"] = self._our_proxies and self._proxies_for(request.url or "")
        try:
            response = super().send(request, **kwargs)  # type: ignore[arg-type]
            response._content = _whole(response)  # noqa: SLF001 (what `content` returns)
            self.last.exchange = Answer(status=response.status_code, headers=response.headers, body=response.content)
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
        HTTPException: it is larger than any of VOD's.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(response.close)
        body: bytes = response.raw.read(_MOST_BYTES + 1, decode_content=True)
        if len(body) > _MOST_BYTES:
            raise HTTPException("the answer is too large")
        response.raw.read(1)  # to the end, so that the connection is kept and a body that was cut off is seen
        stack.pop_all()
    return body


def _no_answer(error: Exception, url: str) -> NoAnswer:
    if proxy := proxy_refusal(error):
        return NoAnswer(sent=False, what=proxy[0], hint=proxy[1])
    if isinstance(error, requests.exceptions.SSLError):
        return NoAnswer(sent=False, what="the TLS handshake failed", over_tls=True)
    if isinstance(error, _NEVER_SENT):
        return NoAnswer(sent=False, what=type(error).__name__, hint=_hint_for(url))
    cause: object = error.args[0] if error.args else None
    cause = getattr(cause, "reason", cause)
    if isinstance(cause, (NewConnectionError, NameResolutionError)):
        return NoAnswer(sent=False, what=type(cause).__name__, hint=_hint_for(url))
    return NoAnswer(sent=True, what=type(error).__name__)


def _hint_for(url: str) -> str:
    """Return the cure for an endpoint that answers only in some places."""
    if only_inside := inside_region(url):
        return f"{only_inside[0]} From elsewhere set [vod] endpoint to {only_inside[1]}."
    return ""


class _ChainSigner(Signer):  # type: ignore[misc]
    """Signs each request with one snapshot of our chain."""

    def __init__(self, chain: CredentialsProvider) -> None:
        self._chain = chain

    def sign(self, region_id: str, request: RpcRequest) -> tuple[object, object]:
        now = self._chain.get()
        if now.security_token:
            request.add_query_param("SecurityToken", now.security_token)
        header = request.get_signed_header(region_id, now.access_key_id, now.access_key_secret)
        return header, request.get_url(region_id, now.access_key_id, now.access_key_secret)


class VodClient:
    """One client for all threads; every call is made exactly once."""

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
        self._session = _Session(proxies=proxies, no_proxy=no_proxy, pool_size=concurrent_calls, within_s=timeout_s)
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
        self._client._signer = _ChainSigner(credentials)  # noqa: SLF001 (no public way in; a test watches it)

    def call(self, request: RpcRequest) -> Answer | NoAnswer:
        """Send a fresh request once; return what came back.

        Raises:
            AccountRefused: there is nothing to sign with any more; nothing was sent.
        """
        request.set_protocol_type(self._protocol)
        request.set_endpoint(self._host)
        self._session.last.exchange = None
        try:
            self._client.do_action_with_exception(request)
        except CredentialsMissing as error:
            raise AccountRefused(str(error), hint=error.hint) from None
        except Exception:  # the SDK's verdict; ours is made from the exchange itself
            if self._session.last.exchange is None:  # nothing reached the network
                raise
        exchange: Answer | NoAnswer = self._session.last.exchange
        return exchange

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

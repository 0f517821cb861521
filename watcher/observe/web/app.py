"""Routes, allowed hosts and response headers. All routes are read-only."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from watcher.errors import WatcherError
from watcher.observe import metrics
from watcher.observe.escaping import printable
from watcher.observe.web.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIEnvironment

    from watcher.observe.web.view import View

    _Query = dict[str, str]

_HERE: Final = Path(__file__).parent
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_TEXT: Final = "text/plain; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"
_JSON: Final = "application/json; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]*)?")
_FOR_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})
_SEARCHES_AT_ONCE: Final = 2  # leaves threads for probes
_MOST_FIELDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response."""

    body: bytes
    kind: str = _TEXT
    status: HTTPStatus = HTTPStatus.OK
    more: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the table of endpoints."""

    path: str
    shows: str


ENDPOINTS: Final = (
    Endpoint(
        "/",
        (
            "the page for people: counts, backlog and throughput, scans, breaker and quota, "
            "failures, search"
        ),
    ),
    Endpoint(
        "/search?q=TEXT",
        "entries by key (`oss://BUCKET/KEY`, its beginning, or a part of it) or by media ID",
    ),
    Endpoint(
        "/entry?bucket=BUCKET&key=KEY",
        "all that the ledger knows of one entry, and its next step",
    ),
    Endpoint("/livez", "200 `ok`; 503 and why if the process makes no progress"),
    Endpoint(
        "/readyz",
        "200 `ok`; 503 if the process works in part only, with a reason and its cure a line",
    ),
    Endpoint("/metrics", "metrics for Prometheus, at most one second old"),
    Endpoint("/status.json", "what `status --output-format json` prints"),
)


class Application:
    """The WSGI application."""

    def __init__(self, view: View, *, loopback: bool, allowed_hosts: Sequence[str]) -> None:
        self._view = view
        self._pages = Pages(view)
        self._hosts = _LOOPBACK if loopback else frozenset(allowed_hosts)
        self._probed_by_all = not loopback
        self._searching = threading.Semaphore(_SEARCHES_AT_ONCE)
        self._static = {
            f"/static/{file.name}": Response(body=file.read_bytes(), kind=_TYPES[file.suffix])
            for file in (_HERE / "static").iterdir()
        }
        self._routes: dict[str, Callable[[_Query], Response]] = {
            "/": self._front,
            "/search": self._search,
            "/entry": self._entry,
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/status.json": self._status,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answer = self._answer(environ)
        start_response(
            f"{answer.status.value} {answer.status.phrase}",
            [
                ("Content-Type", answer.kind),
                ("Content-Length", str(len(answer.body))),
                *_HEADERS,
                *answer.more,
            ],
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: WSGIEnvironment) -> Response:
        path = environ.get("PATH_INFO", "")
        if not self._may_ask(environ.get("HTTP_HOST", ""), path):
            return _sentence(HTTPStatus.MISDIRECTED_REQUEST, self._who_may_ask())
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            refusal = _sentence(
                HTTPStatus.METHOD_NOT_ALLOWED, "This server is read-only: GET and HEAD only."
            )
            return Response(
                body=refusal.body, status=refusal.status, more=(("Allow", "GET, HEAD"),)
            )
        return self._static.get(path) or self._routed(path, environ.get("QUERY_STRING", ""))

    def _routed(self, path: str, query: str) -> Response:
        route = self._routes.get(path)
        if route is None:
            return self._message_page(
                HTTPStatus.NOT_FOUND, "This page does not exist.", "The status page is at /."
            )
        try:
            pairs = parse_qsl(
                query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
            )
        except ValueError:
            return self._message_page(
                HTTPStatus.BAD_REQUEST, "This address is not well-formed.", "Keys are UTF-8."
            )
        try:
            return route(dict(pairs))
        except WatcherError as error:
            if path == "/status.json":
                return _sentence(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n{error.hint}")
            return self._message_page(HTTPStatus.SERVICE_UNAVAILABLE, str(error), error.hint)

    def _may_ask(self, host: str, path: str) -> bool:
        if self._probed_by_all and path in _FOR_PROBES:
            return True
        matched = _HOST.fullmatch(host.lower())
        return matched is not None and matched[1] in self._hosts

    def _who_may_ask(self) -> str:
        if self._probed_by_all:
            return (
                "This host name is not allowed. Add it to [http] allowed_hosts, or use a name from "
                "that list."
            )
        return "This host name is not allowed. Use localhost, 127.0.0.1 or [::1]."

    def _front(self, ask: _Query) -> Response:
        return _page(self._pages.front(day=ask.get("span") == "day"))

    def _search(self, ask: _Query) -> Response:
        text = ask.get("q", "").strip()
        if not text:
            return _page(self._pages.search("", None))
        if not self._searching.acquire(blocking=False):
            return self._message_page(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too many searches are running.",
                "Try again in a few seconds.",
            )
        try:
            found = self._view.search(text, after=ask.get("after", ""))
        finally:
            self._searching.release()
        return _page(self._pages.search(text, found))

    def _entry(self, ask: _Query) -> Response:
        bucket, key = ask.get("bucket", ""), ask.get("key", "")
        story = self._view.story(bucket, key)
        status = HTTPStatus.OK if story else HTTPStatus.NOT_FOUND
        return _page(self._pages.entry(bucket, key, story), status)

    def _livez(self, _ask: _Query) -> Response:
        health = self._view.health()
        return _sentence(HTTPStatus.OK, "ok") if health.live else _unhealthy(health.reasons)

    def _readyz(self, _ask: _Query) -> Response:
        health = self._view.health()
        return (
            _sentence(HTTPStatus.OK, "ok")
            if health.live and health.ready
            else _unhealthy(health.reasons)
        )

    def _metrics(self, _ask: _Query) -> Response:
        return Response(body=self._view.metrics.exposition(), kind=metrics.CONTENT_TYPE)

    def _status(self, _ask: _Query) -> Response:
        return Response(body=f"{self._view.status_json()}\n".encode(), kind=_JSON)

    def _message_page(self, status: HTTPStatus, sentence: str, hint: str) -> Response:
        return _page(self._pages.message(f"{status.value} {status.phrase}", sentence, hint), status)


def _page(html: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(body=html.encode(), kind=_HTML, status=status)


def _sentence(status: HTTPStatus, text: str) -> Response:
    return Response(body=f"{text.rstrip()}\n".encode(), status=status)


def _unhealthy(reasons: Sequence[str]) -> Response:
    return _sentence(
        HTTPStatus.SERVICE_UNAVAILABLE, "\n".join(map(printable, reasons)) or "no reason is known"
    )

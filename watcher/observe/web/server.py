"""The HTTP server: listens, and answers in its own threads."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from waitress import wasyncore
from waitress.server import create_server

from watcher.errors import AddressUnusable
from watcher.observe.web.app import Application

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.observe.web.view import View

_THREADS: Final = 6
_CONNECTIONS: Final = 500
_IDLE_S: Final = 30  # before an idle connection is closed
_MOST_HEADER_BYTES: Final = 32_768
_POLL_S: Final = 1.0
_LAST_ANSWERS_S: Final = 0.4  # for answers in progress at `close`


class WebServer:
    """The status page and the metrics on one address.

    Raises:
        AddressUnusable: the port is in use, or the address does not belong to this machine.
    """

    def __init__(self, listen: str, *, allowed_hosts: Sequence[str], view: View) -> None:
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        self._socket = _bound(host, int(port), listen)
        self.address = _written(self._socket.getsockname())
        self._application = Application(
            view, loopback=_is_loopback(host), allowed_hosts=allowed_hosts
        )
        self._server: Any = None
        self._loop: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Serve from now on, including the connections that already wait."""
        self._server = create_server(
            self._application,
            sockets=[self._socket],
            threads=_THREADS,
            connection_limit=_CONNECTIONS,
            channel_timeout=_IDLE_S,
            cleanup_interval=_IDLE_S // 3,
            max_request_header_size=_MOST_HEADER_BYTES,
            max_request_body_size=1,
            ident=None,
        )
        self._loop = threading.Thread(target=self._serve, name="web", daemon=True)
        self._loop.start()

    def close(self) -> None:
        """Stop. Answers in progress have a moment to end.

        It may be called twice, and without `start`.
        """
        self._stopping.set()
        if self._loop is None:
            self._socket.close()
            return
        with contextlib.suppress(OSError):  # the loop has ended already
            self._server.pull_trigger()
        self._loop.join(1.0)

    def _serve(self) -> None:
        server = self._server
        channels: dict[int, Any] = server._map  # noqa: SLF001 (no other way to end its loop from outside)
        while not self._stopping.is_set():
            wasyncore.loop(timeout=_POLL_S, use_poll=True, map=channels, count=1)
        server.task_dispatcher.shutdown(cancel_pending=True, timeout=_LAST_ANSWERS_S)
        wasyncore.close_all(channels, ignore_all=True)


def _bound(host: str, port: int, listen: str) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        raise AddressUnusable(
            f"[http] listen: cannot listen on {listen}: {_reason(error)}",
            hint=(
                "`ss -ltnp` names the process on this port. Stop it, or set [http] listen to "
                'another HOST:PORT, or to "".'
            ),
        ) from error


def _reason(error: OSError) -> str:
    return "port in use" if error.errno == errno.EADDRINUSE else str(error.strerror)


def _written(name: tuple[Any, ...]) -> str:
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

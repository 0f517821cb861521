"""A proxy that leads every host name and port to one port of this machine, as a resolver would."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Proxy(ThreadingHTTPServer):
    def __init__(self, port: int) -> None:
        self.leads_to = ("127.0.0.1", port)
        super().__init__(("127.0.0.1", 0), _Connected)


class _Connected(BaseHTTPRequestHandler):
    server: _Proxy

    def do_CONNECT(self) -> None:
        with socket.create_connection(self.server.leads_to) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_copy, args=(there, self.connection))
            back.start()
            _copy(self.connection, there)
            back.join()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def leading_to(port: int) -> Iterator[str]:
    """Run the proxy in a thread; yield its address."""
    with _Proxy(port) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()

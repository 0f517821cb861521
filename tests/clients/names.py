"""A proxy that takes every host name for the sandbox, as a resolver of the customer's would."""

from __future__ import annotations

import re
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

_TARGET: Final = re.compile(r"http://[^/?]+(/?.*)")
_HOP_BY_HOP: Final = frozenset({"connection", "proxy-connection", "transfer-encoding"})


class NamesProxy(ThreadingHTTPServer):
    """Hands each request on to `port`, with the Host header that the client wrote."""

    daemon_threads = True

    def __init__(self) -> None:
        self.port = 0  # of the sandbox; set it before a request
        super().__init__(("127.0.0.1", 0), _HandedOn)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """The address for `http_proxy`."""
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        """Stop."""
        self.shutdown()
        self.server_close()


class _HandedOn(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: NamesProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _hand_on(self) -> None:
        found = _TARGET.fullmatch(self.path)
        assert found is not None, self.path
        path = found[1] if found[1].startswith("/") else f"/{found[1]}"
        body = self._body()
        service = HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            service.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    service.putheader(name, value)
            if "Transfer-Encoding" in self.headers:
                service.putheader("Content-Length", str(len(body)))
            service.endheaders(body)
            answer = service.getresponse()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.read())
        finally:
            service.close()

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _hand_on  # noqa: N815 - http.server's names

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return b"".join(chunks)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

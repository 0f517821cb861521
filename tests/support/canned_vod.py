"""A VOD that answers as the vendor's reference shows, and keeps the parameters of each call."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from watcher import Credentials, Vod

SECRETS = ("canned-secret-of-the-account", "canned-token-of-the-account")
UPLOAD_SECRETS = ("STS.NUupload-id", "upload-secret", "upload-token")
ADDRESS = {
    "Endpoint": "https://oss-cn-shanghai.aliyuncs.com",
    "Bucket": "outin-1",
    "FileName": "sv/a.mp4",
}
AUTH = {
    **dict(zip(("AccessKeyId", "AccessKeySecret", "SecurityToken"), UPLOAD_SECRETS, strict=True)),
    "Expiration": "3000",
    "ExpireUTCTime": "2026-11-25T08:00:00Z",
    "Region": "cn-shanghai",
}


def encoded(value: object) -> str:
    """Return Base64 of JSON, as UploadAddress and UploadAuth are."""
    return base64.b64encode(json.dumps(value).encode()).decode()


UPLOAD = {"RequestId": "R-1", "UploadAddress": encoded(ADDRESS), "UploadAuth": encoded(AUTH)}
IMAGE = {**UPLOAD, "ImageId": "i-1", "ImageURL": "http://i/1.jpg", "FileURL": "http://o/1.jpg"}


class CannedVod:
    """Answers each action with what `answers` has for it."""

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.in_body: list[set[str]] = []  # names of the parameters in the form body of each call
        self.status = 200
        self.answers: dict[str, Any] = {
            "CreateUploadVideo": {**UPLOAD, "VideoId": "v-1"},
            "RefreshUploadVideo": {**UPLOAD, "VideoId": "v-1"},
            "CreateUploadImage": IMAGE,
            "CreateUploadAttachedMedia": {
                **UPLOAD, "MediaId": "m-1", "MediaURL": "http://c/1.gif?auth_key=k-1",
                "FileURL": "http://o/1.gif",
            },
        }  # fmt: skip
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def last(self) -> dict[str, str]:
        """The parameters of the last call, without those that every call has."""
        common = {
            *("AccessKeyId", "Action", "Format", "RegionId", "SecurityToken", "Signature"),
            *("SignatureMethod", "SignatureNonce", "SignatureType", "SignatureVersion"),
            *("Timestamp", "Version"),
        }
        return {name: value for name, value in self.calls[-1].items() if name not in common}

    def client(self, **options: Any) -> Vod:
        """Return a client to be closed by the caller."""
        given = Credentials("canned-id-of-the-account", *SECRETS)
        return Vod(
            **{"region": "cn-shanghai", "credentials": given, "endpoint": self.url, **options}
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one segment: the second one would wait for 40 ms

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                form = dict(parse_qsl(body, keep_blank_values=True))
                query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
                server.calls.append(query | form)
                server.in_body.append(set(form))
                said = json.dumps(server.answers[query["Action"]]).encode()
                self.send_response(server.status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        return Handler

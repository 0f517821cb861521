"""A local metadata service and token service for the credentials library."""

from __future__ import annotations

import functools
import importlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from watcher.credentials import chain
from watcher.errors import CredentialsMissing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "never-to-be-shown-0123456789"
METADATA = "/latest/meta-data/ram/security-credentials/"


class Service(ThreadingHTTPServer):
    """A metadata service and a token service; remembers its requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.asked: list[tuple[str, str]] = []
        self.queries: list[dict[str, str]] = []
        self.key_id = "first"
        self.expiration = "2099-01-01T00:00:00Z"
        self.status = 200

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def keys(self) -> dict[str, str]:
        return {
            "AccessKeyId": self.key_id,
            "AccessKeySecret": SECRET,
            "SecurityToken": f"{SECRET}-token",
            "Expiration": self.expiration,
        }


class _Answering(BaseHTTPRequestHandler):
    server: Service

    def do_PUT(self) -> None:
        self._answer("metadata-token")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.queries.append(
            {name: values[0] for name, values in parse_qs(url.query).items()}
        )
        if url.path == METADATA:
            self._answer(
                "watcher-role" if self._with_token() else "", 200 if self._with_token() else 403
            )
        elif url.path.startswith(METADATA):
            self._answer(
                json.dumps({"Code": "Success"} | self.server.keys()),
                200 if self._with_token() else 403,
            )
        elif self.server.status == 200:
            self._answer(json.dumps({"Credentials": self.server.keys()}))
        else:
            self._answer(
                json.dumps({"Code": "AuthenticationFail.OIDCToken.Expired", "Message": SECRET})
            )

    def _with_token(self) -> bool:
        return self.headers.get("X-aliyun-ecs-metadata-token") == "metadata-token"

    def _answer(self, body: str, status: int = 200) -> None:
        self.server.asked.append((self.command, urlsplit(self.path).path))
        self.send_response(status if self.server.status == 200 else self.server.status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[Service]:
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield service
        service.shutdown()
        thread.join()


def stand_in(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Make the library use a local server in place of the cloud's services."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    library = importlib.import_module("alibabacloud_credentials.provider")

    class LocalEcs(library.EcsRamRoleCredentialsProvider):  # type: ignore[name-defined, misc]
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            # The library offers no way to set the address, which is link-local and fixed.
            assert hasattr(self, "_EcsRamRoleCredentialsProvider__metadata_service_host")
            self._EcsRamRoleCredentialsProvider__metadata_service_host = host

    oidc = functools.partial(library.OIDCRoleArnCredentialsProvider, sts_endpoint=f"http://{host}")
    monkeypatch.setattr(library, "EcsRamRoleCredentialsProvider", LocalEcs)
    monkeypatch.setattr(library, "OIDCRoleArnCredentialsProvider", oidc)


def error_text(env: dict[str, str], home: Path) -> str:
    with pytest.raises(CredentialsMissing) as caught:
        chain(profile="", env=env, home=lambda: home).get()
    text = f"{caught.value} {caught.value.hint}"
    assert SECRET not in text
    assert caught.value.__cause__ is None
    return text


def oidc_env(folder: Path) -> dict[str, str]:
    token = folder / "token"
    token.write_text(f"{SECRET}-oidc", encoding="utf-8")
    return {
        "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1:role/r",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1:oidc-provider/p",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(token),
    }

"""The wire: https, SNI, a verified certificate, and no secret beyond what the protocols need."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from watcher.errors import NotSent
from watcher.model import Accepted, CallOptions, Media
from watcher.oss import BucketSource, connect
from watcher.ports import Credentials
from watcher.vod import VodClient, VodRegistrar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET, TOKEN = "the-secret-of-the-test", "the-token-of-the-test"


class Static:
    """A chain of one link."""

    def __init__(self, access_key_id: str = "LTAItest") -> None:
        self.access_key_id = access_key_id

    def get(self) -> Credentials:
        return Credentials(self.access_key_id, SECRET, TOKEN)


@dataclass
class Seen:
    """What the TLS server saw."""

    port: int
    ca: str
    sni: list[str | None] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for `localhost`, its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)  # noqa: TID251 (a certificate needs the real time)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "ca.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


LISTING = """<?xml version="1.0"?><ListBucketResult><Name>b</Name><EncodingType>url</EncodingType>
<IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Seen]:
    """A TLS server that answers as VOD and as OSS."""
    public, private = certificate(tmp_path)
    seen = Seen(port=0, ca=str(public))

    class Answers(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            seen.requests.append((self.path, body, dict(self.headers)))
            items = [{"FileURL": "http://b.oss-cn-shanghai.aliyuncs.com/a.mp4", "MediaId": "m1", "NewRegister": True}]
            told = {"RequestId": "R", "RegisteredMediaList": items, "FailedFileURLs": []}
            content = json.dumps(told) if "Action=" in self.path else LISTING
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("x-oss-request-id", "R")
            self.end_headers()
            self.wfile.write(content.encode())

        do_GET = do_POST = answer  # noqa: N815 (http.server's names)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(timestamp, usegmt=True)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    context.sni_callback = lambda _socket, name, _context: seen.sni.append(name)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as made:
        made.socket = context.wrap_socket(made.socket, server_side=True)
        made.handle_error = lambda *_: None  # type: ignore[method-assign]
        seen.port = made.server_port
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        try:
            yield seen
        finally:
            made.shutdown()
            thread.join()


def vod(port: int, ca: str, credentials: Static | None = None) -> VodClient:
    return VodClient(
        region="cn-shanghai",
        endpoint=f"localhost:{port}",
        credentials=credentials or Static(),
        timeout_s=5,
        concurrent_calls=2,
        proxies={},
        no_proxy="",
        ca_bundle=ca,
    )


MEDIA = Media(bucket="b", key="a.mp4", file_url="https://b.oss-cn-shanghai.aliyuncs.com/a.mp4", title="a")


def test_vod_is_called_over_tls_with_sni_and_no_secret(server: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the environment's proxies nor its ALIYUN_ACCESS_KEY_ID get a say."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_ID", "LTAIother")
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_SECRET", "other")
    client = vod(server.port, server.ca)

    result = VodRegistrar(client).register([MEDIA], CallOptions())

    client.close()
    assert result.outcomes == {"a.mp4": Accepted(media_id="m1", new_register=True)}
    assert server.sni == ["localhost"]
    ((path, body, headers),) = server.requests
    assert "AccessKeyId=LTAItest" in path
    assert "LTAIother" not in path
    assert SECRET not in path + body + str(headers)


def test_vod_refuses_a_certificate_it_cannot_verify(server: Seen) -> None:
    """The sentence says so, and nothing was sent."""
    client = vod(server.port, "")

    with pytest.raises(NotSent, match="certificate") as caught:
        VodRegistrar(client).register([MEDIA], CallOptions())

    client.close()
    assert not server.requests
    assert "Signature" not in str(caught.value)


def test_in_body_mode_the_url_holds_no_item(server: Seen) -> None:
    """The items travel as a form, the signature stays in the URL."""
    client = vod(server.port, server.ca)

    VodRegistrar(client).register([MEDIA], CallOptions(in_body=True))

    client.close()
    ((path, body, _),) = server.requests
    assert "RegisterMetadatas" not in path
    assert body.startswith("RegisterMetadatas=")


def test_each_call_signs_with_the_credentials_of_its_moment(server: Seen) -> None:
    """A rotation between two calls is seen by the second."""
    rotating = Static("LTAIfirst")
    client = vod(server.port, server.ca, rotating)
    registrar = VodRegistrar(client)

    registrar.register([MEDIA], CallOptions())
    rotating.access_key_id = "LTAIsecond"
    registrar.register([MEDIA], CallOptions())

    client.close()
    assert ["LTAIfirst" in server.requests[0][0], "LTAIsecond" in server.requests[1][0]] == [True, True]


def test_oss_is_listed_over_tls_with_sni_and_v4(server: Seen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither ~/.netrc nor the environment's proxies get a say."""
    (tmp_path / ".netrc").write_text("machine localhost login eve password evil\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with closing(BucketSource(_bucket(server.port, server.ca), prefix="")) as source:
        assert source.list_objects().page().is_last

    assert server.sni == ["localhost"]
    ((path, _, headers),) = server.requests
    assert "list-type=2" in path
    assert "max-keys=1000" in path
    assert "encoding-type=url" in path
    assert headers["authorization"].startswith("OSS4-HMAC-SHA256 Credential=LTAItest/")
    assert "/cn-shanghai/oss/" in headers["authorization"]
    assert SECRET not in path + str(headers)


def test_oss_refuses_a_certificate_it_cannot_verify(server: Seen) -> None:
    """Nothing is sent to a server that nobody vouches for."""
    with closing(BucketSource(_bucket(server.port, ""), prefix="")) as source, pytest.raises(NotSent, match="TLS"):
        source.list_objects()
    assert not server.requests


def test_oss_refuses_a_certificate_of_another_name(server: Seen) -> None:
    """It vouches for `localhost` alone."""
    client = _bucket(server.port, server.ca, host="127.0.0.1")
    with closing(BucketSource(client, prefix="")) as source, pytest.raises(NotSent, match="TLS"):
        source.list_objects()
    assert not server.requests


def _bucket(port: int, ca: str, *, host: str = "localhost") -> object:
    return connect(
        bucket="media-bucket",
        endpoint=f"https://{host}:{port}",
        region="cn-shanghai",
        credentials=Static(),
        proxies={},
        no_proxy="",
        ca_bundle=ca,
    )

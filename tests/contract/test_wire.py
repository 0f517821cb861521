"""The wire: https, SNI, a verified certificate, and no secret beyond what the protocols need."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.static_credentials import MEDIA, SECRET, StaticCredentials
from tests.support.tls_server import Seen, running
from watcher.errors import Unreachable
from watcher.model import Accepted, CallOptions
from watcher.oss import BucketSource, connect
from watcher.vod import VodClient, VodRegistrar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Seen]:
    """A TLS server that answers as VOD and as OSS."""
    with running(tmp_path) as seen:
        yield seen


def vod(port: int, ca: str, credentials: StaticCredentials | None = None) -> VodClient:
    return VodClient(
        region="cn-shanghai",
        endpoint=f"localhost:{port}",
        credentials=credentials or StaticCredentials(),
        timeout_s=5,
        concurrent_calls=2,
        proxies={},
        no_proxy="",
        ca_bundle=ca,
    )


def test_vod_is_called_over_tls_with_sni_and_no_secret(
    server: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the environment's proxies nor its ALIYUN_ACCESS_KEY_ID have an influence."""
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
    """The error says why, where and what to do, and nothing was sent."""
    client = vod(server.port, "")

    with pytest.raises(Unreachable, match="localhost: certificate verify failed: ") as caught:
        VodRegistrar(client).register([MEDIA], CallOptions())

    client.close()
    assert not server.requests
    assert "[network] ca_bundle" in caught.value.hint
    assert "Signature" not in str(caught.value)


def test_in_body_mode_the_url_holds_no_item(server: Seen) -> None:
    """The items travel as a form, the signature stays in the URL."""
    client = vod(server.port, server.ca)

    VodRegistrar(client).register([MEDIA], CallOptions(in_body=True))

    client.close()
    ((path, body, _),) = server.requests
    assert "RegisterMetadatas" not in path
    assert body.startswith("RegisterMetadatas=")


def test_each_call_is_signed_with_the_present_credentials(server: Seen) -> None:
    """The second call uses credentials that were rotated after the first."""
    rotating = StaticCredentials("LTAIfirst")
    client = vod(server.port, server.ca, rotating)
    registrar = VodRegistrar(client)

    registrar.register([MEDIA], CallOptions())
    rotating.access_key_id = "LTAIsecond"
    registrar.register([MEDIA], CallOptions())

    client.close()
    assert ["LTAIfirst" in server.requests[0][0], "LTAIsecond" in server.requests[1][0]] == [
        True,
        True,
    ]


def test_oss_is_listed_over_tls_with_sni_and_v4(
    server: Seen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither ~/.netrc nor the environment's proxies have an influence."""
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
    """Nothing is sent to a server with an unknown certificate."""
    with (
        closing(BucketSource(_bucket(server.port, ""), prefix="")) as source,
        pytest.raises(Unreachable, match=r"TLS .* at localhost \(certificate verify") as caught,
    ):
        source.list_objects()
    assert "[network] ca_bundle" in caught.value.hint
    assert not server.requests


@pytest.mark.parametrize("call", ["list", "head"])
def test_oss_refuses_a_certificate_of_another_name(server: Seen, call: str) -> None:
    """The certificate is valid for `localhost` only."""
    client = _bucket(server.port, server.ca, host="127.0.0.1")
    with (
        closing(BucketSource(client, prefix="")) as source,
        pytest.raises(Unreachable, match=r"at 127.0.0.1 \(.* not valid for") as caught,
    ):
        source.list_objects() if call == "list" else source.head("a.mp4")
    assert "/etc/hosts" in caught.value.hint
    assert not server.requests


def test_an_expired_certificate_is_named_as_such(tmp_path: Path) -> None:
    expired = datetime(2020, 1, 1, tzinfo=UTC)
    with (
        running(tmp_path, not_after=expired) as server,
        closing(BucketSource(_bucket(server.port, server.ca), prefix="")) as source,
        pytest.raises(Unreachable, match="certificate has expired") as caught,
    ):
        source.list_objects()
    assert "clock" in caught.value.hint


def _bucket(port: int, ca: str, *, host: str = "localhost") -> object:
    return connect(
        bucket="media-bucket",
        endpoint=f"https://{host}:{port}",
        region="cn-shanghai",
        credentials=StaticCredentials(),
        proxies={},
        no_proxy="",
        ca_bundle=ca,
    )

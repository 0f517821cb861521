"""The sandbox over TLS: the real SDKs at the real host names, through a tunnel to its port."""

from __future__ import annotations

import socket
import stat
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import oss2
import pytest
import requests

from tests.support.acs3 import authorization, common_headers
from tests.support.static_credentials import StaticCredentials
from tests.support.tunnel import leading_to
from tests.support.vod_uploads import key_in, upload_client
from tests.support.workspace import BUCKET
from watcher.model import CallOptions, Media
from watcher.sandbox import Sandbox
from watcher.sandbox.faults import Fault, Faults
from watcher.vod import VodClient, VodRegistrar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OSS = "https://oss-cn-shanghai.aliyuncs.com"
OTHERS = (
    "oss-cn-beijing.aliyuncs.com",
    "a.b.oss-cn-shanghai.aliyuncs.com",
    "a.vod.cn-shanghai.aliyuncs.com",
    "vod.cn-beijing.aliyuncs.com",
    "oss-accelerate.aliyuncs.com",
    "aliyuncs.com",
    "localhost",
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A local OSS and VOD over TLS with one bucket."""
    with Sandbox(tls=True) as local:
        local.oss.create_bucket(BUCKET)
        yield local


@pytest.fixture
def tunnel(sandbox: Sandbox) -> Iterator[str]:
    """A proxy at which every name leads to the sandbox."""
    with leading_to(sandbox.port) as address:
        yield address


def ca(sandbox: Sandbox) -> Path:
    assert sandbox.ca_bundle
    return sandbox.ca_bundle


@pytest.fixture
def session(sandbox: Sandbox, tunnel: str) -> Iterator[requests.Session]:
    """A client that trusts the sandbox."""
    with requests.Session() as made:
        made.trust_env = False
        made.verify = str(ca(sandbox))
        made.proxies = {"https": tunnel}
        yield made


def bucket(session: requests.Session, sandbox: Sandbox, endpoint: str = OSS) -> oss2.Bucket:
    auth = oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret)
    made = oss2.Bucket(auth, endpoint, BUCKET, region="cn-shanghai", proxies=session.proxies)
    made.session.session = session
    return made


@pytest.mark.parametrize("endpoint", [OSS, OSS.replace(".aliyuncs", "-internal.aliyuncs")])
def test_the_oss_sdk_works_at_the_real_names(
    session: requests.Session, sandbox: Sandbox, endpoint: str
) -> None:
    client = bucket(session, sandbox, endpoint)
    body = bytes(range(256)) * 4096
    client.put_object("视频/a b.mp4", body)
    assert client.get_object("视频/a b.mp4").read() == body
    assert [each.key for each in client.list_objects_v2().object_list] == ["视频/a b.mp4"]


def test_vod_registers_at_its_real_name(sandbox: Sandbox, tunnel: str) -> None:
    sandbox.oss.put(BUCKET, "a.mp4")
    credentials = StaticCredentials()
    sandbox.credentials = credentials.get()
    url = f"https://{BUCKET}.oss-cn-shanghai.aliyuncs.com/a.mp4"
    medium = Media(bucket=BUCKET, key="a.mp4", file_url=url, title="a")
    client = VodClient(
        region="cn-shanghai",
        endpoint="https://vod.cn-shanghai.aliyuncs.com",
        credentials=credentials,
        timeout_s=5,
        concurrent_calls=2,
        proxies={"https": tunnel},
        no_proxy="",
        ca_bundle=str(ca(sandbox)),
    )
    with closing(client):
        VodRegistrar(client).register([medium], CallOptions())
    assert list(sandbox.vod.media) == [(BUCKET, "a.mp4")]


def test_an_upload_address_of_vod_is_at_the_real_name(
    session: requests.Session, sandbox: Sandbox
) -> None:
    host, given = "vod.cn-shanghai.aliyuncs.com", {"FileName": "a.mp4", "Title": "a"}
    headers = {**common_headers(sandbox, "CreateUploadVideo", b""), "host": host}
    sign = authorization(
        sandbox.access_key_id,
        sandbox.access_key_secret,
        method="POST",
        query=given,
        headers=headers,
        body=b"",
    )
    answer = session.post(
        f"https://{host}/", params=given, headers={**headers, "Authorization": sign}, timeout=9
    ).json()
    client = upload_client(answer)
    client.session.session = session
    client.put_object(key_in(answer), b"12345")
    assert client.endpoint == OSS
    assert sandbox.vod.table.uploads[client.bucket_name, key_in(answer)].size_bytes == 5


@pytest.mark.parametrize("name", OTHERS)
def test_the_certificate_is_valid_for_no_other_name(session: requests.Session, name: str) -> None:
    with pytest.raises(requests.exceptions.SSLError, match="not valid for"):
        session.get(f"https://{name}/", timeout=9)


def test_a_client_without_the_authority_refuses_the_certificate(
    session: requests.Session, sandbox: Sandbox
) -> None:
    session.verify = True
    with pytest.raises(requests.exceptions.SSLError, match="certificate verify failed"):
        session.get(OSS, timeout=9)
    assert sandbox.oss.journal == []


def test_a_client_that_stalls_in_its_handshake_delays_nobody(
    session: requests.Session, sandbox: Sandbox
) -> None:
    """Closing the sandbox does not wait for it, either."""
    with socket.create_connection(("127.0.0.1", sandbox.port)) as stalled:
        bucket(session, sandbox).put_object("a.mp4", b"x")
        sandbox.close()
        assert stalled.recv(1) == b""


def test_a_broken_handshake_prints_nothing(
    session: requests.Session, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    for sent in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello"):
        connected = socket.create_connection(("127.0.0.1", sandbox.port))
        with connected as broken, suppress(OSError):  # reset, if the sandbox was quicker
            broken.sendall(sent)
            broken.shutdown(socket.SHUT_WR)
            while broken.recv(999):
                pass
    with pytest.raises(requests.exceptions.SSLError):
        session.get("https://localhost/", timeout=9)
    sandbox.close()
    assert capfd.readouterr() == ("", "")


def test_a_fault_resets_a_connection_over_tls(session: requests.Session, sandbox: Sandbox) -> None:
    sandbox.hook = Faults(Fault(kind="reset"))
    with pytest.raises(oss2.exceptions.RequestError):
        bucket(session, sandbox).get_object("a.mp4")


def test_any_user_may_read_the_authority_s_file_and_it_is_removed_at_the_end() -> None:
    with Sandbox(tls=True) as local:
        path = ca(local)
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
        assert b"PRIVATE" not in path.read_bytes()
        assert local.url == f"https://127.0.0.1:{local.port}"
    assert not path.parent.exists()


def test_a_port_in_use_leaves_no_file(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match="in use"):
        Sandbox(tls=True, port=sandbox.port)
    assert list(tmp_path.iterdir()) == []

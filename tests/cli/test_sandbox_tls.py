"""`sandbox --tls` and the commands with the configuration that it prints: no `endpoint` anywhere.

A tunnel leads the real host names to the sandbox, where a resolver would.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import oss2
import pytest

from tests.support.audits import audited, only
from tests.support.customer import Customer, TlsSandbox
from tests.support.tunnel import leading_to
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = ("a b.mp4", "视频/第 1 集.mp4")


@pytest.fixture(scope="module")
def local() -> Iterator[TlsSandbox]:
    """A sandbox over TLS."""
    with TlsSandbox("--port", "0") as made:
        yield made


@pytest.fixture(scope="module")
def tunnel(local: TlsSandbox) -> Iterator[str]:
    """A proxy that leads every name to it."""
    with leading_to(local.port) as address:
        yield address


@pytest.fixture
def customer(tmp_path: Path, local: TlsSandbox, tunnel: str) -> Customer:
    """A customer with a new ledger."""
    made = Customer(tmp_path, local.printed, network=f'proxy = "{tunnel}"')
    made.init()
    return made


def upload(customer: Customer, local: TlsSandbox, tunnel: str, *keys: str) -> None:
    given = customer.env
    auth = oss2.AuthV4(
        given["ALIBABA_CLOUD_ACCESS_KEY_ID"], given["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]
    )
    session = oss2.Session()
    session.session.trust_env, session.session.verify = False, local.ca_bundle
    bucket = oss2.Bucket(
        auth,
        "https://oss-cn-shanghai.aliyuncs.com",
        BUCKET,
        region="cn-shanghai",
        proxies={"https": tunnel},
        session=session,
    )
    for key in keys:
        bucket.put_object(key, b"film")
    session.session.close()


def test_scan_and_audit_pass_with_a_configuration_that_names_no_endpoint(
    customer: Customer, local: TlsSandbox, tunnel: str
) -> None:
    assert "endpoint" not in local.printed
    upload(customer, local, tunnel, *KEYS)

    ran = customer.scan()

    assert (ran.status, ran.json["registered"]) == (0, 2), ran.err
    assert {entry["key"] for entry in customer.entries()} == set(KEYS)
    assert only(audited(customer)) == {"complete": True, "listed": 2, "registered": 2}


def test_without_the_authority_a_scan_says_where_why_and_the_cure(customer: Customer) -> None:
    customer.edit("ca_bundle = .*", "")
    ran = customer.scan()
    assert ran.status == 5
    assert f"at {BUCKET}.oss-cn-shanghai.aliyuncs.com (certificate verify failed" in ran.err
    assert "[network] ca_bundle" in ran.err


@pytest.mark.long
def test_the_certificate_of_another_region_is_refused(customer: Customer) -> None:
    customer.edit("cn-shanghai", "cn-beijing")
    ran = customer.scan()
    assert ran.status == 5
    assert f"certificate is not valid for '{BUCKET}.oss-cn-beijing.aliyuncs.com'" in ran.err


def test_the_first_lines_name_the_hosts_and_the_port_to_forward(local: TlsSandbox) -> None:
    lines = local.printed.splitlines()
    name = "oss-cn-shanghai.aliyuncs.com"
    assert f"# 127.0.0.1 {name} {BUCKET}.{name}" in lines
    assert f"# Forward port 443 to port {local.port}: clients expect it there." in lines


def test_the_hosts_are_printed_for_a_file(workspace: Workspace) -> None:
    ran = workspace.run(
        *("sandbox", "--print-hosts", "--region", "cn-beijing"),
        *("--bucket", "one-bucket", "--bucket", "two-bucket"),
    )
    public, internal = "oss-cn-beijing.aliyuncs.com", "oss-cn-beijing-internal.aliyuncs.com"
    assert ran.status == 0
    assert ran.out.splitlines() == [
        f"127.0.0.1 {public} one-bucket.{public} two-bucket.{public}",
        f"127.0.0.1 {internal} one-bucket.{internal} two-bucket.{internal}",
        "127.0.0.1 vod.cn-beijing.aliyuncs.com",
    ]


def test_a_stop_removes_the_authority() -> None:
    with TlsSandbox("--port", "0") as made:
        path = Path(made.ca_bundle)
        assert path.exists()
        assert (made.stop(), made.err) == (0, "")
    assert not path.parent.exists()


def test_a_port_in_use_is_exit_2_and_the_hint_names_443(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as in_use:
        port = str(in_use.getsockname()[1])
        ran = workspace.run("sandbox", "--tls", "--port", port)
    assert ran.status == 2
    assert f"port {port} cannot be used: Address already in use" in ran.err
    assert "443" in ran.err


@pytest.mark.parametrize("region", ["shanghai", "oss-cn-shanghai", "../etc"])
def test_what_is_no_region_is_exit_2(workspace: Workspace, region: str) -> None:
    ran = workspace.run("sandbox", "--tls", "--region", region)
    assert ran.status == 2
    assert "not a region" in ran.err

"""A customer's configuration, no `endpoint` anywhere, at the real host names over https.

The sandbox serves them at port 443 in a network namespace whose resolver leads them there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.audits import audited, only
from tests.support.customer import Customer, TlsSandbox
from tests.support.running_daemon import Running
from tests.support.workspace import BUCKET
from tests.system.machine import lacking
from tests.system.namespaces import with_resolver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGIONS = ("cn-shanghai", "cn-beijing")  # the sandbox's certificate is for the first alone
ENDPOINT = "https://oss-cn-shanghai.aliyuncs.com"
NAMES = [
    name.format(region)
    for region in REGIONS
    for name in ("oss-{}.aliyuncs.com", "*.oss-{}.aliyuncs.com", "vod.{}.aliyuncs.com")
]
PUT = """
import os, sys, oss2
bucket, endpoint, *keys = sys.argv[1:]
auth = oss2.AuthV4(*(os.environ[f"ALIBABA_CLOUD_ACCESS_KEY_{name}"] for name in ("ID", "SECRET")))
bucket = oss2.Bucket(auth, endpoint, bucket, region="cn-shanghai")
for key in keys:
    bucket.put_object(key, b"film")
"""


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Namespaces in which the names lead to their loopback."""
    with with_resolver(tmp_path_factory.mktemp("resolver"), *NAMES) as words:
        yield words


@pytest.fixture(scope="module")
def local(inside: list[str]) -> Iterator[TlsSandbox]:
    """The sandbox in them, at port 443."""
    with TlsSandbox(before=inside) as made:
        yield made


@pytest.fixture
def customer(tmp_path: Path, local: TlsSandbox, inside: list[str]) -> Customer:
    """A customer in them, with a new ledger."""
    made = Customer(tmp_path, local.printed, before=inside)
    assert "endpoint" not in made.config.read_text()
    assert made.run("ledger", "init").status == 0
    return made


def upload(customer: Customer, local: TlsSandbox, inside: list[str], *keys: str) -> None:
    """Upload with the SDK and not through our own code."""
    command = [*inside, sys.executable, "-c", PUT, BUCKET, ENDPOINT, *keys]
    subprocess.run(
        command, env=customer.env | {"REQUESTS_CA_BUNDLE": local.ca_bundle}, check=True, timeout=60
    )


def test_scan_run_and_audit_pass_at_the_real_names(
    customer: Customer, local: TlsSandbox, inside: list[str]
) -> None:
    customer.edit("start =", 'schedule = "1s"\nstart =')
    upload(customer, local, inside, "a b.mp4", "视频/第 1 集.mp4")
    scanned = customer.scan()
    assert (scanned.status, scanned.json["registered"]) == (0, 2), scanned.err

    with Running(customer) as daemon:
        daemon.until_logged("daemon.ready")
        upload(customer, local, inside, "later.mp4")
        daemon.until_logged("batch.settled")
        assert daemon.stop() == 0

    assert {each["key"] for each in customer.entries() if each["state"] == "registered"} == {
        "a b.mp4",
        "视频/第 1 集.mp4",
        "later.mp4",
    }
    assert only(audited(customer)) == {"complete": True, "listed": 3, "registered": 3}


def test_the_certificate_of_another_name_is_refused(customer: Customer) -> None:
    """The resolver leads the names of another region to the same sandbox."""
    customer.edit("cn-shanghai", "cn-beijing")
    ran = customer.scan()
    assert ran.status == 5
    assert f"certificate is not valid for '{BUCKET}.oss-cn-beijing.aliyuncs.com'" in ran.err
    assert customer.entries() == []


def test_a_region_that_no_name_leads_to_is_unreachable(customer: Customer) -> None:
    """The namespace has no other names: no test of this file can reach the real service."""
    customer.edit("cn-shanghai", "cn-shenzhen")
    ran = customer.scan()
    assert ran.status == 5
    assert "could not be reached" in ran.err


def test_a_sandbox_that_may_not_have_port_443_names_the_right_that_it_lacks(
    customer: Customer, inside: list[str]
) -> None:
    if not (setpriv := shutil.which("setpriv")):
        lacking("needs setpriv (apt-get install util-linux)")
    without = [*inside, setpriv, "--bounding-set=-net_bind_service", sys.executable, "-m"]
    done = subprocess.run(
        [*without, "watcher", "sandbox", "--tls"],
        env=customer.env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "port 443 cannot be used: Permission denied" in done.stderr
    assert "CAP_NET_BIND_SERVICE" in done.stderr

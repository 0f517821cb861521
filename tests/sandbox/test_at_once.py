"""Clients that touch one object at the same moment."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.oss_calls import send_signed
from tests.support.workspace import BUCKET
from watcher.sandbox.clock import SandboxClock
from watcher.sandbox.oss.answers import OssRefused
from watcher.sandbox.oss.objects import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.sandbox import Sandbox

CLIENTS = 12
ROUNDS = 40  # one in forty let two clients win


@pytest.fixture
def threads_take_turns() -> Iterator[None]:
    """Let threads come between each other wherever they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("threads_take_turns")
def test_of_many_uploads_that_forbid_to_overwrite_one_wins(sandbox: Sandbox) -> None:
    together = threading.Barrier(CLIENTS, timeout=30)

    def put(key: str) -> int:
        together.wait()
        headers = {"x-oss-forbid-overwrite": "true"}
        return send_signed(sandbox, "PUT", BUCKET, key, headers=headers, body=b"x").status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        for turn in range(ROUNDS):
            got = sorted(pool.map(put, [f"{turn}.mp4"] * CLIENTS))
            assert got == [200, *[409] * (CLIENTS - 1)]


@pytest.mark.parametrize("created_again", [False, True])
def test_an_upload_into_a_bucket_that_is_deleted_meanwhile_is_refused(
    *, created_again: bool
) -> None:
    store = ObjectStore(SandboxClock())
    found = store.create_bucket(BUCKET, "cn-shanghai")
    store.drop_bucket(BUCKET)
    if created_again:
        store.create_bucket(BUCKET, "cn-shanghai")
    with pytest.raises(OssRefused, match="NoSuchBucket"):
        store.put(found, b"a.mp4", store.bodies.keep(b"x"))
    store.close()

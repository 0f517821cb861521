"""A file in an archive class: excluded, restored over time, registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.test_oss import client
from tests.support.workspace import BUCKET

if TYPE_CHECKING:
    from tests.support.workspace import Workspace
    from watcher.sandbox import Sandbox

KEY = "cold/2019.mp4"
EARLY_S, LATE_S = -600, 600  # as far from our clock as the services tolerate, and more than enough


@pytest.mark.parametrize("storage_class", ["Archive", "ColdArchive", "DeepColdArchive"])
def test_a_file_is_registered_once_its_restore_is_done(
    workspace: Workspace, sandbox: Sandbox, storage_class: str
) -> None:
    sandbox.clock_offset_s = EARLY_S
    sandbox.oss.options.restore_takes_s = LATE_S - EARLY_S
    sandbox.oss.put(BUCKET, KEY, b"12345", storage_class=storage_class)

    def scanned() -> tuple[int, int]:
        report = workspace.scan().json
        (scan,) = report["scans"]
        return scan["excluded"].get("archived", 0), report["registered"]

    assert scanned() == (1, 0)
    assert client(sandbox).restore_object(KEY).status == 202
    assert scanned() == (1, 0)
    sandbox.clock_offset_s = LATE_S
    assert scanned() == (0, 1)
    assert scanned() == (0, 0)


def test_a_file_whose_copy_expired_before_the_call_is_failed_as_archived(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sandbox.oss.put(BUCKET, KEY, b"12345", storage_class="Archive", restored=True)
    sandbox.vod.remove_bucket(BUCKET)
    workspace.scan()
    assert [entry["state"] for entry in workspace.entries()] == ["pending"]
    sandbox.vod.add_bucket(BUCKET)
    sandbox.vod.refuse(BUCKET, KEY)
    sandbox.oss.restore(BUCKET, KEY, restored=False)
    workspace.scan()
    assert [entry["reason"] for entry in workspace.entries()] == ["archived"]

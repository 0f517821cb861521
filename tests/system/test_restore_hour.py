"""A rehearsal of a restore that takes an hour, with the program's clock and the cloud's moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.oss_calls import send_by_its_clock
from tests.support.workspace import BUCKET, Workspace
from tests.system.faked_clock import FakedClock
from watcher.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "cold/2019.mp4"
MINUTE_S = 60
REQUEST = (
    b"<RestoreRequest><Days>1</Days><JobParameters><Tier>Expedited</Tier></JobParameters>"
    b"</RestoreRequest>"
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as local:
        local.oss.create_bucket(BUCKET)
        yield local


def test_a_file_is_archived_restored_in_an_hour_and_registered(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    clock, workspace = FakedClock(tmp_path, sandbox), Workspace(tmp_path, sandbox)
    workspace.env |= clock.env
    workspace.init()
    sandbox.oss.put(BUCKET, KEY, b"12345", storage_class="ColdArchive")

    def scanned() -> tuple[int, int]:
        report = workspace.scan().json
        (scan,) = report["scans"]
        return scan["excluded"].get("archived", 0), report["registered"]

    assert scanned() == (1, 0)
    answer = send_by_its_clock(sandbox, "POST", BUCKET, KEY, subresource="restore", body=REQUEST)
    assert answer.status_code == 202
    assert scanned() == (1, 0)
    clock.set(59 * MINUTE_S)
    assert scanned() == (1, 0)
    clock.set(60 * MINUTE_S + 1)
    assert scanned() == (0, 1)
    assert [media.times_asked for media in sandbox.vod.media.values()] == [1]

"""The imports of a command: timers run one-shots, and imports are most of their cost."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import put
from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

DAEMONS = {
    "apscheduler",
    "prometheus_client",
    "jinja2",
    "waitress",
    "structlog",
    "attr",
    "regex",
    "sqlite_utils",
}
FOR_TERMINALS = {"rich", "pygments"}
OF_THE_CLOUD = {
    "oss2",
    "aliyunsdkcore",
    "aliyunsdkvod",
    "alibabacloud_credentials",
    "requests",
    "urllib3",
    "Crypto",
}
HEAVY = {"asyncio", "aiohttp", "ssl", "moto"}


def loaded(workspace: Workspace, *arguments: str) -> set[str]:
    """Return the top-level modules that one command imports, from the interpreter's own account."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "watcher", "-c", str(workspace.config),
         *arguments],
        cwd=workspace.folder, env=workspace.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert len(lines) > 100
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_a_scan_of_an_empty_bucket_loads_what_lists_and_nothing_else(workspace: Workspace) -> None:
    """oss2 signs, and brings the core of the other SDK along."""
    modules = loaded(workspace, "scan", "--output-format", "json")
    assert not modules & (DAEMONS | FOR_TERMINALS | {"alibabacloud_credentials", "aiohttp", "moto"})
    assert modules >= {"oss2", "pydantic", "sqlite3"}


def test_a_scan_that_registers_loads_no_more(workspace: Workspace, sandbox: Sandbox) -> None:
    put(sandbox, "a.mp4")
    modules = loaded(workspace, "scan", "--output-format", "json")
    assert (BUCKET, "a.mp4") in sandbox.vod.media
    assert not modules & (DAEMONS | FOR_TERMINALS | {"alibabacloud_credentials", "aiohttp", "moto"})


@pytest.mark.parametrize("schedule", ["1m", "*/10 8-18 * * mon-fri"])
@pytest.mark.parametrize("arguments", [("status",), ("export",)])
def test_a_report_loads_nothing_of_the_cloud(
    workspace: Workspace, arguments: tuple[str, ...], schedule: str
) -> None:
    workspace.configure(workspace.watch(more=f'schedule = "{schedule}"'))
    modules = loaded(workspace, *arguments, "--output-format", "json")
    assert not modules & (DAEMONS | FOR_TERMINALS | OF_THE_CLOUD | HEAVY)


def test_help_loads_neither_the_configuration_nor_the_ledger(workspace: Workspace) -> None:
    modules = loaded(workspace, "--help")
    assert not modules & (DAEMONS | FOR_TERMINALS | OF_THE_CLOUD | HEAVY | {"pydantic", "sqlite3"})

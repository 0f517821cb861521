"""The configured time zone is for people; machine output is in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox


def test_tables_are_in_the_configured_timezone_and_machine_output_is_in_utc(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    workspace.configure(workspace.watch().replace('"all"', '"2026-11-25T08:00:00+08:00"'))
    workspace.config.write_text('timezone = "Asia/Shanghai"\n' + workspace.config.read_text())
    sandbox.oss.put(BUCKET, "a.mp4", modified_at=datetime(2026, 11, 25, 20, 0, tzinfo=UTC))
    workspace.scan()
    at = workspace.run("status", "--output-format", "json").json["watches"][0]
    ended = datetime.fromisoformat(at["last_complete_scan_at"])
    local = ended.astimezone(timezone(timedelta(hours=8))).isoformat(timespec="milliseconds")

    shown = workspace.run("status").out
    exported = workspace.run("export", "--output-format", "table").out
    predicted = workspace.run("scan", "--dry-run").out

    assert at["last_complete_scan_at"].endswith("Z")
    assert local in shown
    assert "from 2026-11-25T08:00:00.000+08:00 on" in shown
    assert "from 2026-11-25T08:00:00.000+08:00 on" in predicted
    assert "2026-11-26T04:00:00.000+08:00" in exported
    assert not re.search(r"\dZ", shown + exported + predicted)
    for machine in ("csv", "jsonl"):
        assert "2026-11-25T20:00:00.000Z" in workspace.run("export", "--output-format", machine).out
        assert "2026-11-25T00:00:00.000Z" in workspace.run("status", "--output-format", machine).out

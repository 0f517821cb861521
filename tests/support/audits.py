"""Audits as commands, and rows of the ledger for them."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def audited(workspace: Workspace, *arguments: str, status: int = 0) -> dict[str, Any]:
    """Audit, and return the report; check that it adds up and names all that it counts."""
    ran = workspace.run("audit", "--output-format", "json", *arguments)
    assert ran.status == status, f"{ran.status}: {ran.err}{ran.out}"
    report: dict[str, Any] = ran.json
    for watch in report["watches"]:
        parts = ("registered", "pending", "failed", "new", "unaccounted")
        assert watch["listed"] == sum(watch["excluded"].values()) + sum(
            watch[part] for part in parts
        ), watch
    assert len(report["unaccounted_keys"]) == sum(
        watch["unaccounted"] for watch in report["watches"]
    )
    return report


def only(report: dict[str, Any]) -> dict[str, Any]:
    """Return the one watch, without its zeros."""
    (watch,) = report["watches"]
    return {name: n for name, n in watch.items() if n not in ({}, 0) and name != "watch"}


def in_ledger(workspace: Workspace, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Change or ask the ledger by hand."""
    db = sqlite3.connect(workspace.ledger)
    try:
        with db:
            return db.execute(sql, values).fetchall()
    finally:
        db.close()


def delete_rows(workspace: Workspace, *keys: str) -> None:
    for key in keys:
        in_ledger(workspace, "DELETE FROM entry WHERE key = ?", key)


def record(workspace: Workspace, sandbox: Sandbox, *keys: str) -> None:
    """Record old objects by a scan and register none: they stay pending."""
    sandbox.oss.fill(BUCKET, keys, modified_at=LONG_AGO)
    sandbox.vod.remove_bucket(BUCKET)
    assert workspace.scan().status == 5

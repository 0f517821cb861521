"""Ledgers as tests want them: filled, damaged."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from tests.support.workspace import BUCKET, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.sandbox import Sandbox


def filled(workspace: Workspace, sandbox: Sandbox, n: int = 25) -> None:
    """Register `n` files."""
    sandbox.oss.fill(BUCKET, [f"{i:04}.mp4" for i in range(n)])
    assert workspace.scan().json["registered"] == n


def spoil(path: Path) -> None:
    """Overwrite the pages of entries, which the size does not show."""
    with sqlite3.connect(path) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entry'").fetchone()
    db.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(os.urandom(4096))

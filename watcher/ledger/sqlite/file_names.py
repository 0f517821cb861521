"""Names of the ledger and of the files beside it.

A ledger has one name. Under two names a file has two locks and two logs, and SQLite corrupts it.
Symbolic links do not count: the configuration resolves them.

Source: sqlite.org/howtocorrupt.html, "Unlinking or renaming a database file while in use" and
"Multiple links to the same file".
"""

from __future__ import annotations

import contextlib
import os
import shlex
from typing import TYPE_CHECKING, Final

from watcher.errors import LedgerUntrusted
from watcher.ledger.sqlite.mounts import is_mount_point

if TYPE_CHECKING:
    from pathlib import Path

LOGS: Final = ("-wal", "-shm", "-journal")  # suffixes of the files that SQLite keeps beside it


def beside(path: Path, suffix: str) -> Path:
    """Return the file beside `path` whose name is that of `path` with `suffix`."""
    return path.with_name(path.name + suffix)


def has_log(path: Path) -> bool:
    """Return whether the write-ahead log beside `path` holds anything."""
    log = beside(path, "-wal")
    return log.exists() and log.stat().st_size > 0


def refuse_other_names(path: Path) -> None:
    """Refuse to write to a ledger that can be reached by another name.

    Raises:
        LedgerUntrusted: the ledger has another hard link, or is itself a mount point.
    """
    if problem := other_names(path):
        raise problem


def other_names(path: Path) -> LedgerUntrusted | None:
    """Return the error for a ledger that has, or may have, another name; else None.

    The file is not opened.
    """
    try:
        found = path.lstat()
    except OSError:
        return None
    if found.st_nlink > 1:
        return LedgerUntrusted(
            f"the ledger {path} has {found.st_nlink} names (hard links): each of them would have "
            "its own lock and log",
            hint=_cure(path, found),
        )
    if is_mount_point(path):
        return LedgerUntrusted(
            f"the ledger {path} is itself a mount point: the file has another name elsewhere, "
            "with its own lock and log",
            hint=(
                "Mount the folder that holds the ledger, not the file alone, at "
                f"{path.parent} or elsewhere, and set [ledger] path accordingly."
            ),
        )
    return None


def _cure(path: Path, found: os.stat_result) -> str:
    """Return the hint: which names in the same folder to remove, or how to find the others."""
    others: list[str] = []
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        others = [
            str(path.with_name(entry.name))
            for entry in entries
            if entry.name != path.name and entry.inode() == found.st_ino
        ]
    if others:
        names = " ".join(shlex.quote(name) for name in sorted(others))
        return f"Remove the other name, the content stays: rm {names}"
    return (
        "Stop all programs that use the ledger, find the other name "
        f"(find / -xdev -samefile {shlex.quote(str(path))}), and remove it. The content stays. "
        "Make backups with `oss-vod-watcher ledger backup`, not with links."
    )

"""One ledger, one name: under two names a file has two locks and two logs, and SQLite corrupts it.

Source: sqlite.org/howtocorrupt.html, "Unlinking or renaming a database file while in use" and "Multiple links to the
same file".  Symbolic links are no other names: the configuration resolves them.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from typing import TYPE_CHECKING

from watcher.errors import LedgerUntrusted
from watcher.ledger.mounts import is_mount_point

if TYPE_CHECKING:
    from pathlib import Path


def refuse_other_names(path: Path) -> None:
    """Refuse to write to a ledger that can be reached by another name.

    Raises:
        LedgerUntrusted: it has another hard link, or is itself a mount point.
    """
    if problem := other_names(path):
        raise problem


def other_names(path: Path) -> LedgerUntrusted | None:
    """Return what is wrong if the ledger has, or may have, another name.  Its file is not opened."""
    try:
        found = path.lstat()
    except OSError:
        return None
    if found.st_nlink > 1:
        return LedgerUntrusted(
            f"the ledger {path} has {found.st_nlink} names (hard links), and each would have a lock and a log of its "
            "own",
            hint=_cure(path, found),
        )
    if is_mount_point(path):
        return LedgerUntrusted(
            f"the ledger {path} is itself a mount point: its file has another name elsewhere, with a lock and a log "
            "of its own",
            hint=f"Mount the folder that holds the ledger in place of the bare file, at {path.parent} or elsewhere, "
            "and set [ledger] path accordingly.",
        )
    return None


def _cure(path: Path, found: os.stat_result) -> str:
    """Return what to remove: the names in the same folder, or how the others are found."""
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
        f"Stop what uses it, find the other name (find / -xdev -samefile {shlex.quote(str(path))}), and remove it; "
        "the content stays. A backup is made by `oss-vod-watcher ledger backup`, not by a link."
    )

"""Mounts of this process, as the kernel lists them (proc(5), /proc/PID/mountinfo)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from watcher.errors import LocalFailure

if TYPE_CHECKING:
    from pathlib import Path

_NETWORK_FILE_SYSTEMS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "fuse.sshfs",
    "fuse.ossfs",
}


def mounts() -> list[tuple[str, str]]:
    """Return each mount point with the type of its file system; no rows without /proc."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:  # noqa: PTH123 (a kernel file)
            rows = [line.split(b" - ") for line in file]
    except OSError:
        return []
    return [
        (_decoded(left.split(b" ")[4]), os.fsdecode(right.split(b" ")[0]))
        for left, right in (row for row in rows if len(row) == 2)  # noqa: PLR2004 (point, type)
    ]


def _decoded(name: bytes) -> str:
    r"""Return the path behind the kernel's escapes: it writes a blank as \040."""
    return os.fsdecode(
        re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8) & 0xFF]), name)
    )


def is_mount_point(path: Path) -> bool:
    """Return whether `path`, which has no symbolic links in it, is a mount point."""
    return any(point == str(path) for point, _ in mounts())


def refuse_network_file_system(folder: Path) -> None:
    """Refuse a folder on a network file system.

    WAL needs memory that processes share (sqlite.org/wal.html).

    Raises:
        LocalFailure: the folder lies on a network file system.
    """
    where = str(folder.resolve()) + "/"
    best, kind = "", ""
    for mounted, file_system in mounts():
        point = mounted.rstrip("/") + "/"
        if where.startswith(point) and len(point) >= len(best):
            best, kind = point, file_system
    if kind in _NETWORK_FILE_SYSTEMS:
        raise LocalFailure(
            f"{folder} lies on a network file system ({kind}), where SQLite's write-ahead log is "
            "not safe",
            hint="Set [ledger] path to a folder on a local disk.",
        )

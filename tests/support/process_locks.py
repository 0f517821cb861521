"""The locks that the kernel knows of."""

from __future__ import annotations

from pathlib import Path


def locks(path: Path, pid: int) -> list[str]:
    """Return the ranges of a file that a process has locked."""
    inode = f":{path.stat().st_ino}"
    rows = (line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines())
    return sorted(
        " ".join(row[3:4] + row[6:])
        for row in rows
        if row[4] == str(pid) and row[5].endswith(inode)
    )

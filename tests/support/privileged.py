"""Set-ups that need root: small disks, other users, mounts of a namespace's own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.machine import lacking

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.workspace import Ran, Workspace

OTHERS = ("daemon", "nobody")  # users that every system has


def needs_root(what: str) -> None:
    """End the test, saying so, where `what` cannot be done."""
    if os.geteuid() != 0:
        lacking(f"needs root to {what}")


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int, options: str = "") -> Iterator[Path]:
    """Mount a file system of that size at `folder`."""
    needs_root("mount a tmpfs")
    folder.mkdir(exist_ok=True)
    made = f"size={size_bytes}{options}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", made, "tmpfs", str(folder)], check=True)  # noqa: S607
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607


def fill(disk: Path, *, leave: int = 0) -> Path:
    """Fill a disk up to `leave` bytes; return the ballast."""
    ballast = disk / "ballast"
    with ballast.open("ab") as file, contextlib.suppress(OSError):
        while (free := os.statvfs(disk).f_bfree * os.statvfs(disk).f_frsize) > leave:
            file.write(b"\0" * min(free - leave, 1 << 20))
            file.flush()
    return ballast


def uid_of(user: str) -> int:
    return pwd.getpwnam(user).pw_uid


def as_user(user: str) -> list[str]:
    """Return the words before a command that run it as that user without any right of root."""
    if user == "root":
        return []
    needs_root("run as another user")
    if not (found := shutil.which("setpriv")):
        lacking("needs setpriv")
    entry = pwd.getpwnam(user)
    return [
        *_with_python_for_all(),
        str(found),
        f"--reuid={entry.pw_uid}",
        f"--regid={entry.pw_gid}",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
    ]


def _with_python_for_all() -> list[str]:
    """Return what lets other users come to this interpreter, which may lie in the home of root."""
    prefix = Path(sys.base_prefix).resolve()
    closed = [each for each in prefix.parents if not each.stat().st_mode & 0o001]
    if not closed:
        return []
    script = (
        'mkdir -p "$3" && mount --bind "$1" "$3" && mount -t tmpfs -o mode=755 tmpfs "$2" && '
        'mkdir -p "$1" && mount --bind "$3" "$1" && shift 3 && exec "$@"'
    )
    aside = f"/tmp/{prefix.name}-for-all"  # noqa: S108 (a mount point in a namespace of its own)
    return [
        _unshare(),
        "--mount",
        "/bin/sh",
        "-c",
        script,
        "-",
        str(prefix),
        str(closed[-1]),
        aside,
    ]


def _unshare() -> str:
    if not (found := shutil.which("unshare")):
        lacking("needs unshare")
    return str(found)


def run_as(user: str, workspace: Workspace, arguments: Sequence[str]) -> Ran:
    """Run one command of the program as that user."""
    return workspace.run(*arguments, before=as_user(user))


def with_mounts(*binds: tuple[Path, Path]) -> list[str]:
    """Return the words before a command that bind these files or folders for it alone."""
    needs_root("mount")
    script = "".join(f'mount --bind "${2 * n + 1}" "${2 * n + 2}" && ' for n in range(len(binds)))
    names = [str(name) for bind in binds for name in bind]
    shift = f"shift {2 * len(binds)}; "
    return [_unshare(), "--mount", "/bin/sh", "-c", f'{script}{{ {shift}exec "$@"; }}', "-", *names]


@contextlib.contextmanager
def folder_for_all() -> Iterator[Path]:
    """Make a folder that other users may come to: what lies in it decides what they may do."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o711)
        yield Path(made)

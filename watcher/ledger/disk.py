"""Tell a disk that is full from one that cannot be written for another reason, each with its cure."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from watcher.errors import MachineFailed
from watcher.ledger.owner import why_denied

if TYPE_CHECKING:
    from pathlib import Path

RETRY_S = 1.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM})
SHARED_MEMORY_BYTES = 32 * 1024  # what SQLite takes beside a ledger as soon as it is opened
_ROOM_BYTES = 2 * SHARED_MEMORY_BYTES  # less is none
_FILES = 2  # a log and its shared memory


def is_full(folder: Path, room_bytes: int = _ROOM_BYTES) -> bool:
    """Return whether the disk of a folder has no room, or no inodes, for what SQLite keeps beside the ledger."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    free = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    return free * found.f_frsize < room_bytes or (found.f_files > 0 and found.f_ffree < _FILES)


def full(sentence: str, folder: Path) -> MachineFailed:
    """Return the error for a full disk: it may pass."""
    return MachineFailed(
        sentence,
        hint=f"Free some space in {folder} and run the command again; nothing is lost.",
        again_in_s=RETRY_S,
    )


def failed(sentence: str, error: OSError, path: Path, *, ledger: Path | None, hint: str) -> MachineFailed:
    """Return what a call of the system that concerns `path` failed with; `hint` is for what has no cure here.

    `ledger`: the one that `path` is, or lies beside.
    """
    if error.errno in _FULL:
        return full(f"{sentence}: the disk is full", path.parent)
    if error.errno == errno.EROFS:
        return MachineFailed(
            f"{sentence}: {error.strerror}",
            hint=f"Mount the file system of {path.parent} for writing, and run the command again.",
        )
    if error.errno in _DENIED and ledger and (why := why_denied(path, ledger=ledger)):
        return MachineFailed(f"{sentence}: {why.sentence}", hint=why.hint)
    return MachineFailed(f"{sentence}: {error.strerror}", hint=hint)

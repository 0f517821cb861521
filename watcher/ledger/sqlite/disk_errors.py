"""Errors of the disk: full, read-only, denied or failing, each with its cure."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from watcher.errors import LocalFailure
from watcher.ledger.sqlite.file_check import is_in_wal_mode
from watcher.ledger.sqlite.file_names import beside
from watcher.ledger.sqlite.file_owner import why_denied

if TYPE_CHECKING:
    from pathlib import Path

RETRY_S = 1.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM})
SHARED_MEMORY_BYTES = 32 * 1024  # SQLite takes this beside a ledger as soon as it opens it
_ROOM_BYTES = 2 * SHARED_MEMORY_BYTES  # a disk with less is full
_FILES = 2  # a log and its shared memory


def is_full(folder: Path, room_bytes: int = _ROOM_BYTES) -> bool:
    """Return whether the disk of `folder` lacks the room or inodes for SQLite's own files."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    free = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    return free * found.f_frsize < room_bytes or (found.f_files > 0 and found.f_ffree < _FILES)


def refuse_full_disk(path: Path) -> None:
    """Refuse a disk too full for the files that SQLite creates when it opens the ledger.

    SQLite would leave half of them behind.

    Raises:
        LocalFailure: the disk is full.
    """
    lacks_memory = not beside(path, "-shm").exists()
    if lacks_memory and is_full(path.parent, SHARED_MEMORY_BYTES) and is_in_wal_mode(path):
        raise ledger_disk_full(path)


def ledger_disk_full(path: Path) -> LocalFailure:
    """Return the error for a ledger whose disk is full."""
    return full(f"the disk of the ledger {path} is full", path.parent)


def full(sentence: str, folder: Path) -> LocalFailure:
    """Return the error for a full disk; a retry may succeed."""
    return LocalFailure(
        sentence,
        hint=f"Free some space in {folder} and run the command again; nothing is lost.",
        again_in_s=RETRY_S,
    )


def failed(
    sentence: str, error: OSError, path: Path, *, ledger: Path | None, hint: str
) -> LocalFailure:
    """Return the error for a system call that failed on `path`.

    Args:
        sentence: the beginning of the message.
        error: the system's error.
        path: the file.
        ledger: the ledger that `path` is or lies beside, or None.
        hint: the cure where the error itself names none.
    """
    if error.errno in _FULL:
        return full(f"{sentence}: the disk is full", path.parent)
    if error.errno == errno.EROFS:
        return LocalFailure(
            f"{sentence}: {error.strerror}",
            hint=f"Mount the file system of {path.parent} for writing, and run the command again.",
        )
    if error.errno in _DENIED and ledger and (why := why_denied(path, ledger=ledger)):
        return LocalFailure(f"{sentence}: {why.sentence}", hint=why.hint)
    return LocalFailure(f"{sentence}: {error.strerror}", hint=hint)

"""Rename a file: replace no other, and never give the file two names."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_AT_FDCWD: Final = -100
_RENAME_NOREPLACE: Final = 1
_LACKING: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def rename_new(source: Path, target: Path, *, placeholder: bytes = b"") -> None:
    """Rename `source` to `target`, a name that does not exist yet.

    Where the file system cannot do so in one step (renameat2(2)), a file with the content
    `placeholder` takes the name first. A process that is killed at that instant leaves it there.

    Raises:
        FileExistsError: the name exists.
        OSError: the file cannot be renamed.
    """
    sys.audit("os.rename", source, target, -1, -1)  # as os.rename does
    failed = _renameat2(source, target)
    if failed in _LACKING:
        _take_name(target, placeholder)
        try:
            source.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                target.unlink()
            raise
    elif failed:
        raise OSError(failed, os.strerror(failed), str(source), None, str(target))


def _renameat2(source: Path, target: Path) -> int:
    """Return the number of the error; 0 = renamed."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):  # another C library
        return errno.ENOSYS
    done = rename(
        _AT_FDCWD,
        os.fsencode(source),
        _AT_FDCWD,
        os.fsencode(target),
        ctypes.c_uint(_RENAME_NOREPLACE),
    )
    return ctypes.get_errno() if done else 0


def _take_name(target: Path, placeholder: bytes) -> None:
    fd = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, placeholder)
    except OSError:
        target.unlink()
        raise
    finally:
        os.close(fd)

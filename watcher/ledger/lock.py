"""One process registers at a time: an advisory lock beside the ledger that dies with its owner."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Self

from watcher.errors import MachineFailed

if TYPE_CHECKING:
    from pathlib import Path


class ProcessLock:
    """`<ledger>.lock`, taken with flock(2): the kernel drops it when its owner dies, however it dies."""

    def __init__(self, ledger_path: Path) -> None:
        self.path = ledger_path.with_name(ledger_path.name + ".lock")
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; return whether this object holds it now.

        Raises:
            MachineFailed: the lock file cannot be written.
        """
        if self.held:
            return True
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MachineFailed(
                f"cannot open the lock file {self.path}: {error.strerror}",
                hint=f"Make the folder {self.path.parent} writable for the user that runs the watcher.",
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        return True

    def owner_pid(self) -> int | None:
        """Return the process that last took the lock, or None if nobody has."""
        with contextlib.suppress(OSError, ValueError):
            return int(self.path.read_text(encoding="ascii"))
        return None

    def release(self) -> None:
        """Let the lock go, if it is held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        """Return the lock as it is: entering takes nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the lock go."""
        self.release()

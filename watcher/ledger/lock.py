"""One process registers at a time: an advisory lock beside the ledger that dies with its owner."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Self

from watcher.errors import LedgerUntrusted, MachineFailed

if TYPE_CHECKING:
    from pathlib import Path

RUN = ".run.lock"
"""The suffix of the lock that a daemon holds for as long as it runs, registering or not: there is one for a ledger."""
_TURNS = 1000  # an owner that comes or goes needs a moment between taking the lock and writing its pid


class ProcessLock:
    """`<ledger>.lock`, taken with flock(2): the kernel drops it when its owner dies, however it dies.

    It holds the owner's pid while it is held, and nothing after an orderly end.  Whoever takes it and finds a
    pid knows that the last owner died at work, and that the ledger must be checked before it is trusted.
    """

    def __init__(self, ledger_path: Path, suffix: str = ".lock") -> None:
        self.path = ledger_path.with_name(ledger_path.name + suffix)
        self.found_unclean = False  # the last owner died at work, and the ledger was not checked since
        self._fd: int | None = None
        self._owner: int | None = None

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
            raise self._failed("open", error) from error
        if not self._taken(fd):
            os.close(fd)
            return False
        try:
            self.found_unclean = os.fstat(fd).st_size > 0
            os.pwrite(fd, f"{os.getpid():<10}\n".encode(), 0)  # over the last one: never empty in between
            os.ftruncate(fd, 11)
            os.fsync(fd)  # so that a power cut is noticed too
        except OSError as error:
            os.close(fd)
            raise self._failed("write", error) from error
        self._fd = fd
        return True

    def _taken(self, fd: int) -> bool:
        for _ in range(_TURNS):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._owner = _pid(os.pread(fd, 32, 0)) or self._owner
                if self._owner is not None:
                    return False
                os.sched_yield()
            else:
                return True
        return False

    def trust(self) -> None:
        """Note that the ledger passed its check, or is a new one."""
        self.found_unclean = False

    def owner_pid(self) -> int | None:
        """Return the process that last took the lock, or None if nobody has, or it ended in good order."""
        with contextlib.suppress(OSError):
            return _pid(self.path.read_bytes()) or self._owner
        return None

    def release(self, *, clean: bool = True) -> None:
        """Let the lock go, if it is held.

        It stays unclean if it was found so and the ledger was not checked since, or unless `clean`.
        """
        if self._fd is not None:
            if clean and not self.found_unclean:
                with contextlib.suppress(OSError):  # then the next owner checks once too often
                    os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def _failed(self, what: str, error: OSError) -> MachineFailed:
        return MachineFailed(
            f"cannot {what} the lock file {self.path}: {error.strerror}",
            hint=f"Make the folder {self.path.parent} writable for the user that runs the watcher.",
        )

    def __enter__(self) -> Self:
        """Return the lock as it is: entering takes nothing."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Let the lock go; a ledger that turned out to be damaged stays suspect."""
        self.release(clean=kind is None or not issubclass(kind, LedgerUntrusted))


def _pid(text: bytes) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None

"""Locks beside the ledger: one process registers at a time, and one daemon runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Self

from watcher.errors import LedgerUntrusted, LocalFailure
from watcher.ledger.sqlite.disk_errors import failed
from watcher.ledger.sqlite.file_names import beside
from watcher.ledger.sqlite.file_owner import open_or_create

if TYPE_CHECKING:
    from pathlib import Path

REGISTERING = ".lock"
"""The suffix of the lock that the process holds which registers."""
RUN = ".run.lock"
"""The suffix of the lock that a daemon holds while it runs, whether it registers or not."""
_YIELDS = 1000  # a new owner writes its pid a moment after it has taken the lock


class ProcessLock:
    """A lock file beside the ledger, taken with flock(2).

    The kernel drops the lock when its owner dies. The file holds the pid of its owner, and nothing
    after an orderly end. A new owner that finds a pid knows that the last owner died at work: the
    ledger must be checked.

    A full disk may have no room for the pid. The file is then locked, so that other processes stay
    out, but the lock is not held yet.
    """

    def __init__(self, ledger_path: Path, suffix: str = REGISTERING) -> None:
        self.path = beside(ledger_path, suffix)
        self.found_unclean = False  # the last owner died at work, and no check has passed since
        self._ledger_path = ledger_path
        self._fd: int | None = None
        self._unsigned: int | None = None  # locked, but without our pid
        self._owner: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    def try_acquire(self) -> bool:
        """Take the lock if it is free, and return whether this object holds it now.

        Raises:
            LedgerUntrusted: the lock file is not a regular file with one name.
            LocalFailure: the lock file cannot be written; on a full disk a retry may succeed.
        """
        if self.held:
            return True
        if self._unsigned is None:
            self._unsigned = self._locked()
        if self._unsigned is None:
            return False
        try:
            # Over the last pid, so that the file is never empty in between.
            os.pwrite(self._unsigned, f"{os.getpid():<10}\n".encode(), 0)
            os.ftruncate(self._unsigned, 11)
            os.fsync(self._unsigned)  # so that a power cut is noticed too
        except OSError as error:
            raise self._failed("write", error) from error
        self._fd, self._unsigned = self._unsigned, None
        return True

    def _locked(self) -> int | None:
        """Return the descriptor of the locked file; None if another process has locked it."""
        try:
            fd = open_or_create(self.path, self._ledger_path)
        except OSError as error:
            raise self._failed("open", error) from error
        if not self._flock(fd):
            os.close(fd)
            return None
        self.found_unclean = os.fstat(fd).st_size > 0
        return fd

    def _flock(self, fd: int) -> bool:
        for _ in range(_YIELDS):
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
        """Remember that the ledger passed its check, or is new."""
        self.found_unclean = False

    def owner_pid(self) -> int | None:
        """Return the pid in the lock file; None if no owner took it, or the last one ended."""
        with contextlib.suppress(OSError):
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(fd, "rb") as file:
                return _pid(file.read(32)) or self._owner
        return None

    def owner_text(self) -> str:
        """Return the owner of the lock, as words for a sentence."""
        pid = self.owner_pid()
        return "another process" if pid is None else f"process {pid}"

    @property
    def taken_at(self) -> int:
        """When the lock was last taken: the file's mtime in nanoseconds; 0 = never.

        In containers all owners may have the same pid. This instant distinguishes them.
        """
        with contextlib.suppress(OSError):
            return self.path.stat().st_mtime_ns
        return 0

    def release(self, *, clean: bool = True) -> None:
        """Release the lock, if it is held.

        Unless `clean`, or if the ledger still needs its check, the pid stays in the file.
        """
        if self._fd is not None:
            if clean and not self.found_unclean:
                with contextlib.suppress(OSError):  # the next owner then checks without need
                    os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None
        if self._unsigned is not None:
            os.close(self._unsigned)
            self._unsigned = None

    def _failed(self, what: str, error: OSError) -> LocalFailure:
        return failed(
            f"cannot {what} the lock file {self.path}",
            error,
            self.path,
            ledger=self._ledger_path,
            hint=f"Make the folder {self.path.parent} writable for the user that runs the watcher.",
        )

    def __enter__(self) -> Self:
        """Return the lock; this does not take it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Release the lock; after `LedgerUntrusted` the next owner checks the ledger."""
        self.release(clean=kind is None or not issubclass(kind, LedgerUntrusted))


def _pid(text: bytes) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None

"""One process registers at a time: an advisory lock beside the ledger that dies with its owner."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Self

from watcher.errors import LedgerUntrusted, MachineFailed
from watcher.ledger.disk import failed
from watcher.ledger.owner import open_or_create

if TYPE_CHECKING:
    from pathlib import Path

RUN = ".run.lock"
"""The suffix of the lock that a daemon holds for as long as it runs, registering or not: there is one for a ledger."""
_TURNS = 1000  # an owner that comes or goes needs a moment between taking the lock and writing its pid


class ProcessLock:
    """`<ledger>.lock`, taken with flock(2): the kernel drops it when its owner dies, however it dies.

    It holds the owner's pid while it is held, and nothing after an orderly end.  Whoever takes it and finds a
    pid knows that the last owner died at work, and that the ledger must be checked before it is trusted.  Where a
    full disk has no room for the pid, the file stays locked, so that others stay out, but the lock is not held yet.
    """

    def __init__(self, ledger_path: Path, suffix: str = ".lock") -> None:
        self.path = ledger_path.with_name(ledger_path.name + suffix)
        self.found_unclean = False  # the last owner died at work, and the ledger was not checked since
        self._ledger_path = ledger_path
        self._fd: int | None = None
        self._unsigned: int | None = None  # locked, but without our pid
        self._owner: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; return whether this object holds it now.

        Raises:
            LedgerUntrusted: the lock file is no regular file with one name.
            MachineFailed: the lock file cannot be written; on a full disk, to be tried again.
        """
        if self.held:
            return True
        if self._unsigned is None:
            self._unsigned = self._locked()
        if self._unsigned is None:
            return False
        try:
            os.pwrite(self._unsigned, f"{os.getpid():<10}\n".encode(), 0)  # over the last one: never empty in between
            os.ftruncate(self._unsigned, 11)
            os.fsync(self._unsigned)  # so that a power cut is noticed too
        except OSError as error:
            raise self._failed("write", error) from error
        self._fd, self._unsigned = self._unsigned, None
        return True

    def _locked(self) -> int | None:
        """Return the descriptor of the lock file, locked; None if another process has it."""
        try:
            fd = open_or_create(self.path, self._ledger_path)
        except OSError as error:
            raise self._failed("open", error) from error
        if not self._taken(fd):
            os.close(fd)
            return None
        self.found_unclean = os.fstat(fd).st_size > 0
        return fd

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
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(fd, "rb") as file:
                return _pid(file.read(32)) or self._owner
        return None

    def owner_text(self) -> str:
        """Return who has the lock, for a sentence."""
        pid = self.owner_pid()
        return "another process" if pid is None else f"process {pid}"

    @property
    def taken_at(self) -> int:
        """Return when the lock was last taken, in nanoseconds, by its file; 0 if it never was.

        In containers all owners may have the same pid: this distinguishes them.
        """
        with contextlib.suppress(OSError):
            return self.path.stat().st_mtime_ns
        return 0

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
        if self._unsigned is not None:
            os.close(self._unsigned)
            self._unsigned = None

    def _failed(self, what: str, error: OSError) -> MachineFailed:
        return failed(
            f"cannot {what} the lock file {self.path}",
            error,
            self.path,
            ledger=self._ledger_path,
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

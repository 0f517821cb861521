"""Whose the ledger is.  Files beside it take its owner, group and mode; who may not use it learns who may.

The folder may belong to somebody else than the process, root above all: nothing that lies there already is changed,
and what is no regular file with one name is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import shlex
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watcher.errors import LedgerUntrusted

if TYPE_CHECKING:
    from pathlib import Path

LOGS = ("-wal", "-shm", "-journal")
_PLANTED = frozenset({errno.ELOOP, errno.EISDIR, errno.ENXIO})
_TRIES = 100  # for a file that others make and remove meanwhile
_MODE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Owner, group and mode of a file."""

    uid: int
    gid: int
    mode: int = _MODE

    @classmethod
    def of(cls, ledger: Path) -> Owner:
        """Return those of the ledger; of one that is still to be made, those of its folder if root makes it."""
        with contextlib.suppress(FileNotFoundError):
            found = ledger.stat()
            return cls(uid=found.st_uid, gid=found.st_gid, mode=found.st_mode & 0o666)
        if os.geteuid() == 0:
            with contextlib.suppress(FileNotFoundError):
                found = ledger.parent.stat()
                return cls(uid=found.st_uid, gid=found.st_gid)
        return cls(uid=os.geteuid(), gid=os.getegid())


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Why this user may not use a file, and the cure."""

    sentence: str
    hint: str


def create(path: Path, owner: Owner) -> int:
    """Create a file that is not there yet, and give it to `owner`; return its descriptor.

    Raises:
        FileExistsError: something has that name.
        OSError: it cannot be created.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    # Where that is not allowed (another user's group, a user namespace) the file stays as it is.
    with contextlib.suppress(OSError):
        os.fchown(fd, owner.uid if os.geteuid() == 0 else -1, owner.gid)
    with contextlib.suppress(OSError):
        os.fchmod(fd, owner.mode)
    return fd


def open_or_create(path: Path, ledger: Path) -> int:
    """Open a file beside the ledger for reading and writing, or create it; return its descriptor.

    Raises:
        LedgerUntrusted: it is no regular file, or has another name.
        OSError: it cannot be opened or created.
    """
    for _ in range(_TRIES):
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                return create(path, Owner.of(ledger))
            continue
        except OSError as error:
            if error.errno in _PLANTED:
                raise _planted(path) from error
            raise
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            return fd
        os.close(fd)
        if found.st_nlink:  # else it was removed meanwhile
            raise _planted(path)
    raise _planted(path)


def refuse_planted(ledger: Path) -> None:
    """Refuse logs of SQLite that are something else: opened by root, they would be given to the ledger's owner.

    Raises:
        LedgerUntrusted: one of them is no regular file, or has another name.
    """
    for suffix in LOGS:
        path = ledger.with_name(ledger.name + suffix)
        try:
            found = path.lstat()
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise _planted(path)


def _planted(path: Path) -> LedgerUntrusted:
    return LedgerUntrusted(
        f"{path} is not a regular file with one name, as all files beside the ledger are",
        hint=f"Look at it (ls -li {shlex.quote(str(path))}), move it away while no watcher runs, and run the "
        "command again.",
    )


def why_denied(path: Path, *, ledger: Path) -> Denied | None:
    """Return why this user may not use a file of the ledger, if that lies with its owner."""
    me = os.geteuid()
    if me == 0:
        return None
    if not os.access(ledger, os.R_OK | os.W_OK):
        nearest, owner = _nearest(ledger)
        if owner != me:
            what = "it" if nearest == ledger else str(nearest)
            return Denied(
                sentence=f"{what} belongs to {_user(owner)}, and this process runs as {_user(me)}",
                hint=_run_as(owner, nearest),
            )
    for beside in (path, *(ledger.with_name(ledger.name + suffix) for suffix in LOGS)):
        with contextlib.suppress(OSError):
            owner = beside.lstat().st_uid
            if beside != ledger and owner != me and not os.access(beside, os.R_OK | os.W_OK):
                return Denied(
                    sentence=f"{beside.name} belongs to {_user(owner)}, and this process runs as {_user(me)}",
                    hint="Give it to the owner of the ledger: sudo chown "
                    f"--reference={shlex.quote(str(ledger))} {shlex.quote(str(beside))}",
                )
    with contextlib.suppress(OSError):
        owner = ledger.parent.stat().st_uid
        if owner != me and not os.access(ledger.parent, os.W_OK | os.X_OK):
            return Denied(
                sentence=f"its folder belongs to {_user(owner)}, and this process runs as {_user(me)}",
                hint=_run_as(owner, ledger.parent),
            )
    return None


def _nearest(path: Path) -> tuple[Path, int]:
    """Return a file and its owner, or the nearest folder above it that can be looked at."""
    for each in (path, *path.parents):
        with contextlib.suppress(OSError):
            return each, each.stat().st_uid
    return path, 0


def _user(uid: int) -> str:
    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"uid {uid}"


def _run_as(uid: int, path: Path) -> str:
    if uid == 0:
        return f"Run the command as root (sudo oss-vod-watcher ...), or give {path} to the user of the service."
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"'#{uid}'"
    return f"Run the command as that user: sudo -u {name} oss-vod-watcher ..."

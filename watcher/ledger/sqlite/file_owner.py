"""Owner, group and mode of the ledger and of the files beside it.

New files beside the ledger take its owner, group and mode. A user without access learns who has
it.

The folder may belong to another user than the process, which may be root. So no existing file is
changed, and a file that is not regular or has two names is refused.
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
from watcher.ledger.sqlite.file_names import LOGS, beside

if TYPE_CHECKING:
    from pathlib import Path

_PLANTED = frozenset({errno.ELOOP, errno.EISDIR, errno.ENXIO})
_TRIES = 100  # for a file that other processes create and remove meanwhile
_MODE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Owner, group and mode of a file."""

    uid: int
    gid: int
    mode: int = _MODE

    @classmethod
    def of(cls, ledger: Path) -> Owner:
        """Return the owner, group and mode that files beside the ledger take.

        A ledger that does not exist yet belongs to the owner of its folder if root creates it,
        else to this process.
        """
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
    """Why this user may not use a file: a sentence and a cure."""

    sentence: str
    hint: str


def create(path: Path, owner: Owner) -> int:
    """Create a new file, give it to `owner`, and return its descriptor.

    Raises:
        FileExistsError: the name exists.
        OSError: the file cannot be created.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    # This may be forbidden (another user's group, a user namespace). The file then stays ours.
    with contextlib.suppress(OSError):
        os.fchown(fd, owner.uid if os.geteuid() == 0 else -1, owner.gid)
    with contextlib.suppress(OSError):
        os.fchmod(fd, owner.mode)
    return fd


def open_or_create(path: Path, ledger: Path) -> int:
    """Open a file beside the ledger for reading and writing, or create it; return its descriptor.

    Raises:
        LedgerUntrusted: the file is not regular, or has another name.
        OSError: the file cannot be opened or created.
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
        if found.st_nlink:  # else another process has removed it meanwhile
            raise _planted(path)
    raise _planted(path)


def refuse_planted(ledger: Path) -> None:
    """Refuse files that somebody has put in the place of SQLite's logs.

    SQLite, run by root, would open such a file and give it to the ledger's owner.

    Raises:
        LedgerUntrusted: one of the logs is not a regular file, or has another name.
    """
    for suffix in LOGS:
        path = beside(ledger, suffix)
        try:
            found = path.lstat()
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise _planted(path)


def _planted(path: Path) -> LedgerUntrusted:
    return LedgerUntrusted(
        f"{path} is not a regular file with one name, as all files beside the ledger must be",
        hint=(
            f"Look at it (ls -li {shlex.quote(str(path))}), move it away while no watcher runs, "
            "and run the command again."
        ),
    )


def why_denied(path: Path, *, ledger: Path) -> Denied | None:
    """Return why this user may not use a file of the ledger, if another user owns a part of it."""
    if os.geteuid() == 0:
        return None
    return (
        _ledger_denied(ledger)
        or _file_denied(path, ledger)
        or next(filter(None, (_file_denied(beside(ledger, each), ledger) for each in LOGS)), None)
        or _folder_denied(ledger)
    )


def _ledger_denied(ledger: Path) -> Denied | None:
    if os.access(ledger, os.R_OK | os.W_OK):
        return None
    nearest, owner = _nearest(ledger)
    if owner == os.geteuid():
        return None
    name = "it" if nearest == ledger else str(nearest)
    return Denied(sentence=_belongs(name, owner), hint=_run_as(owner, nearest))


def _file_denied(path: Path, ledger: Path) -> Denied | None:
    with contextlib.suppress(OSError):
        owner = path.lstat().st_uid
        denied = owner != os.geteuid() and not os.access(path, os.R_OK | os.W_OK)
        if path != ledger and denied:
            return Denied(
                sentence=_belongs(path.name, owner),
                hint="Give it to the owner of the ledger: sudo chown "
                f"--reference={shlex.quote(str(ledger))} {shlex.quote(str(path))}",
            )
    return None


def _folder_denied(ledger: Path) -> Denied | None:
    with contextlib.suppress(OSError):
        owner = ledger.parent.stat().st_uid
        if owner != os.geteuid() and not os.access(ledger.parent, os.W_OK | os.X_OK):
            return Denied(
                sentence=_belongs("its folder", owner), hint=_run_as(owner, ledger.parent)
            )
    return None


def _belongs(name: str, owner: int) -> str:
    return f"{name} belongs to {_user(owner)}, and this process runs as {_user(os.geteuid())}"


def _nearest(path: Path) -> tuple[Path, int]:
    """Return the file, or the nearest folder above it that can be read, and its owner."""
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
        return (
            f"Run the command as root (sudo oss-vod-watcher ...), or give {path} to the user of "
            "the service."
        )
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"'#{uid}'"
    return f"Run the command as that user: sudo -u {name} oss-vod-watcher ..."

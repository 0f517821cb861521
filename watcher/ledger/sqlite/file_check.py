"""Check the ledger's file before SQLite opens it.

A file that looks wrong is refused, and never taken for a first run. Do not call these functions
while this process has the ledger open: to close a file drops SQLite's locks on it.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import TYPE_CHECKING, BinaryIO

from watcher.errors import LedgerUntrusted
from watcher.ledger.sqlite.file_names import beside, has_log
from watcher.ledger.sqlite.file_owner import why_denied
from watcher.ledger.sqlite.schema import APPLICATION_ID

if TYPE_CHECKING:
    from pathlib import Path

RESTORE = (
    "Restore a backup of the ledger (and remove the -wal and -shm beside it), or run "
    "`oss-vod-watcher ledger init --replace`: all files are then sent to VOD again, and their "
    "media IDs stay the same."
)
STUB = b"oss-vod-watcher: this ledger is being replaced\n"  # see `replace`
FINISH = "Run `oss-vod-watcher ledger init --replace` again: it resumes where it stopped."
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_ROLLBACK_JOURNAL = 1  # in the header; 2 = write-ahead log
_LOG_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24


def recognise(path: Path) -> None:
    """Refuse a file that is not a complete ledger.

    Raises:
        LedgerUntrusted: the file is missing, unreadable, empty, foreign or cut off, or lies beside
            the log of another ledger.
    """
    head = _head_of_ledger(path)
    if not head.strip(b"\0"):
        raise LedgerUntrusted(
            f"the ledger {path} is empty ({'no bytes' if not head else 'only NUL bytes'})",
            hint=RESTORE,
        )
    if head.startswith(STUB):
        raise _unfinished(path)
    if not head.startswith(_MAGIC):
        raise LedgerUntrusted(f"the file {path} is not a SQLite database", hint=RESTORE)
    if len(head) < _HEADER_BYTES or _lacks_pages(path, head):
        raise LedgerUntrusted(f"the ledger {path} is damaged: it was cut off", hint=RESTORE)
    _refuse_foreign_log(path, head)


def refuse_no_file(path: Path, status: os.stat_result) -> None:
    """Refuse a folder, a pipe or the like.

    Raises:
        LedgerUntrusted: `status`, that of `path`, is not one of a regular file.
    """
    if not stat.S_ISREG(status.st_mode):
        raise LedgerUntrusted(f"{path} is not a file", hint="Set [ledger] path to the ledger.")


def unreadable(path: Path, error: OSError) -> LedgerUntrusted:
    """Return the error for a ledger that this process cannot read."""
    denied = why_denied(path, ledger=path)
    if denied:
        return LedgerUntrusted(
            f"the ledger {path} cannot be read: {denied.sentence}", hint=denied.hint
        )
    return LedgerUntrusted(
        f"the ledger {path} cannot be read: {error.strerror}",
        hint=f"Check the disk, and that {path} is readable for this user.",
    )


def is_in_wal_mode(path: Path) -> bool:
    """Return whether SQLite will create a log and shared memory beside the file on opening it.

    Raises:
        OSError: the file cannot be read.
    """
    head = _head(path)
    return head.startswith(_MAGIC) and head[19:20] != bytes([_ROLLBACK_JOURNAL])


def stub_of(path: Path) -> Path:
    """Return where the stub lies before it takes the ledger's place.

    For an instant no other file exists.
    """
    return beside(path, ".stub")


def is_foreign(path: Path) -> bool:
    """Return whether a file is no ledger at all, not even a damaged one.

    Raises:
        OSError: the file cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        return True
    head = _head(path)
    if head.startswith(STUB) or not head.strip(b"\0"):
        return False
    if len(head) < _HEADER_BYTES:
        return not _MAGIC.startswith(head[: len(_MAGIC)])
    return not head.startswith(_MAGIC) or int.from_bytes(head[68:72], "big") != APPLICATION_ID


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)


def _head_of_ledger(path: Path) -> bytes:
    """Return the first bytes of the ledger, or refuse one that cannot be read."""
    try:
        refuse_no_file(path, path.stat())
        return _head(path)
    except FileNotFoundError as error:
        if stub_of(path).exists():
            raise _unfinished(path) from error
        raise LedgerUntrusted(
            f"there is no ledger at {path}",
            hint=(
                "If there was one, restore a backup. On a first start, or without a backup, run "
                "`oss-vod-watcher ledger init`: all files are then sent to VOD, and media IDs "
                'that exist stay the same. start = "now" then means that moment: set it to an '
                "instant first."
            ),
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _unfinished(path: Path) -> LedgerUntrusted:
    return LedgerUntrusted(
        f"the ledger {path} is being replaced, and that has not finished", hint=FINISH
    )


def _lacks_pages(path: Path, head: bytes) -> bool:
    """Return whether pages are missing that the log does not hold either.

    SQLite itself counts whole pages only, and none while a log exists. A sound file may be shorter
    than its header says: a checkpoint writes the first page first, and the log holds the others
    until the checkpoint has ended.
    """
    counter, pages, valid_for = (int.from_bytes(head[at : at + 4], "big") for at in (24, 28, 92))
    if counter != valid_for:
        return False
    page_bytes = int.from_bytes(head[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    whole = path.stat().st_size // page_bytes if page_bytes else 0
    if whole >= pages:
        return False
    logged = _pages_in(beside(path, "-wal"), page_bytes)
    if all(page in logged for page in range(whole + 1, pages + 1)):
        return False
    # Another process may have ended a checkpoint meanwhile, and begun a new log.
    return path.stat().st_size // page_bytes < pages


def _pages_in(log: Path, page_bytes: int) -> set[int]:
    """Return the numbers of the pages that the write-ahead log holds."""
    try:
        with log.open("rb") as file:
            return set(_frames(file, page_bytes))
    except OSError:
        return set()


def _frames(file: BinaryIO, page_bytes: int) -> list[int]:
    """Return the page number of each frame, up to the last commit.

    Frames of an earlier use of the log have other salts.
    """
    salts = file.read(_LOG_HEADER_BYTES)[16:24]
    pages: list[int] = []
    committed = 0
    while True:
        head = file.read(_FRAME_HEADER_BYTES)
        if len(head) < _FRAME_HEADER_BYTES or head[8:16] != salts:
            break
        page, size_after_commit = struct.unpack_from(">II", head)
        pages.append(page)
        if size_after_commit:
            committed = len(pages)
        file.seek(page_bytes, os.SEEK_CUR)
    return pages[:committed]


def _refuse_foreign_log(path: Path, head: bytes) -> None:
    """Refuse a backup that lies beside the log of the ledger it replaces.

    SQLite would mix the two. A backup is not in WAL mode. A ledger is, before its log holds
    anything.
    """
    if head[19] == _ROLLBACK_JOURNAL and has_log(path):
        log = beside(path, "-wal")
        raise LedgerUntrusted(
            f"{log} was left by another ledger, and would be read as part of {path}",
            hint=(
                f"{path.name} is a backup that was never used: move {log.name} and "
                f"{path.name}-shm away, and run the command again."
            ),
        )

"""Look at the ledger's file before SQLite opens it.  It fails closed: what looks wrong is never a first run.

Never while this process has it open: closing a file that was opened by hand drops SQLite's locks on it.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import TYPE_CHECKING, BinaryIO

from watcher.errors import LedgerUntrusted
from watcher.ledger.owner import why_denied
from watcher.ledger.schema import APPLICATION_ID

if TYPE_CHECKING:
    from pathlib import Path

RESTORE = (
    "Restore a backup of the ledger (and remove the -wal and -shm beside it), or run "
    "`oss-vod-watcher ledger init --replace`: every file is then asked again, and VOD answers with the media IDs "
    "it already has."
)
STUB = b"oss-vod-watcher: this ledger is being replaced\n"  # see `replacing`
FINISH = "Run `oss-vod-watcher ledger init --replace` again: it goes on where it stopped."
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_ROLLBACK_JOURNAL = 1  # in the header; 2 = write-ahead log
_LOG_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24


def recognise(path: Path) -> None:
    """Refuse what is no ledger, or not all of one.

    Raises:
        LedgerUntrusted: missing, unreadable, empty, foreign, cut off, or beside the log of another ledger.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise LedgerUntrusted(f"{path} is not a file", hint="Set [ledger] path to the ledger.")
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except FileNotFoundError as error:
        if stub_of(path).exists():
            raise _unfinished(path) from error
        raise LedgerUntrusted(
            f"there is no ledger at {path}",
            hint="If there was one, restore a backup. On a first start, or without a backup, run "
            "`oss-vod-watcher ledger init`: every file is then asked (again), and VOD answers with the media IDs "
            'it already has; start = "now" then means that moment, so set it to an instant first.',
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if not head.strip(b"\0"):
        raise LedgerUntrusted(
            f"the ledger {path} is empty ({'no bytes' if not head else 'only NUL bytes'})", hint=RESTORE
        )
    if head.startswith(STUB):
        raise _unfinished(path)
    if not head.startswith(_MAGIC):
        raise LedgerUntrusted(f"the file {path} is not a SQLite database", hint=RESTORE)
    if len(head) < _HEADER_BYTES or _lacks_pages(path, head):
        raise LedgerUntrusted(f"the ledger {path} is damaged: it was cut off", hint=RESTORE)
    _refuse_foreign_log(path, head)


def unreadable(path: Path, error: OSError) -> LedgerUntrusted:
    """Return what a ledger that this process cannot read is reported as."""
    denied = why_denied(path, ledger=path)
    return LedgerUntrusted(
        f"the ledger {path} cannot be read: {denied.sentence if denied else error.strerror}",
        hint=denied.hint if denied else f"Check the disk, and that {path} is readable for this user.",
    )


def is_in_wal_mode(path: Path) -> bool:
    """Return whether SQLite makes a log and shared memory beside the file as soon as it is opened.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    return head.startswith(_MAGIC) and head[19:20] != bytes([_ROLLBACK_JOURNAL])


def stub_of(path: Path) -> Path:
    """Return where the stub lies before it takes the ledger's place: for an instant there is no other file."""
    return path.with_name(path.name + ".stub")


def is_foreign(path: Path) -> bool:
    """Return whether a file is something else than a ledger, however damaged.

    Raises:
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        return True
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if head.startswith(STUB) or not head.strip(b"\0"):
        return False
    if len(head) < _HEADER_BYTES:
        return not _MAGIC.startswith(head[: len(_MAGIC)])
    return not head.startswith(_MAGIC) or int.from_bytes(head[68:72], "big") != APPLICATION_ID


def _unfinished(path: Path) -> LedgerUntrusted:
    return LedgerUntrusted(f"the ledger {path} is being replaced, and that has not finished", hint=FINISH)


def _lacks_pages(path: Path, head: bytes) -> bool:
    """Return whether pages are missing that the log does not hold either.

    SQLite itself looks at whole pages, and while there is a log not at all.  The file may well be shorter than
    its header says: a checkpoint writes the first page first, and until it has ended the log holds the others.
    """
    counter, pages, valid_for = (int.from_bytes(head[at : at + 4], "big") for at in (24, 28, 92))
    if counter != valid_for:
        return False
    page_bytes = int.from_bytes(head[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    whole = path.stat().st_size // page_bytes if page_bytes else 0
    if whole >= pages:
        return False
    logged = _pages_in(_log_of(path), page_bytes)
    if all(page in logged for page in range(whole + 1, pages + 1)):
        return False
    # Another process may have ended a checkpoint since, and begun its log anew.
    return path.stat().st_size // page_bytes < pages


def _pages_in(log: Path, page_bytes: int) -> set[int]:
    """Return the pages that the write-ahead log holds."""
    try:
        with log.open("rb") as file:
            return set(_frames(file, page_bytes))
    except OSError:
        return set()


def _frames(file: BinaryIO, page_bytes: int) -> list[int]:
    """Return the page of each frame up to the last commit; frames of an earlier use of the log have other salts."""
    salts = file.read(_LOG_HEADER_BYTES)[16:24]
    pages: list[int] = []
    committed = 0
    while len(head := file.read(_FRAME_HEADER_BYTES)) == _FRAME_HEADER_BYTES and head[8:16] == salts:
        page, size_after_commit = struct.unpack_from(">II", head)
        pages.append(page)
        committed = len(pages) if size_after_commit else committed
        file.seek(page_bytes, os.SEEK_CUR)
    return pages[:committed]


def _refuse_foreign_log(path: Path, head: bytes) -> None:
    """Refuse a backup that was put beside the log of the ledger it replaces: SQLite would mix the two.

    Backups are not in WAL mode; they become so before anything is written to a log.
    """
    log = _log_of(path)
    if head[19] == _ROLLBACK_JOURNAL and log.exists() and log.stat().st_size:
        raise LedgerUntrusted(
            f"{log} was left by another ledger, and would be read as part of {path}",
            hint=f"{path.name} is a backup that was never used: move {log.name} and {path.name}-shm away, and run "
            "the command again.",
        )


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")

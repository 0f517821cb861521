"""Put a new ledger in the place of one that is lost to damage, and keep the old one aside.

At every instant there is the old ledger with its log, or a stub that nothing takes for a ledger (or for none),
or the new one: a stale log never lies beside a new ledger, and a crash on the way never looks like a first run.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watcher.errors import AlreadyRunning, LedgerUntrusted, MachineFailed
from watcher.ledger.creating import draft_of, fsync_folder
from watcher.ledger.opening import open_as_it_is, reading_mode
from watcher.ledger.recognising import STUB, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from watcher.ledger.lock import ProcessLock

_BESIDE = ("-wal", "-shm", "-journal")
_SHARED = (0x4000_0002, 510)  # the bytes on which every connection of SQLite holds a lock


@dataclass(slots=True, kw_only=True)
class OldLedger:
    """What could be read of the ledger that is to be replaced."""

    entries: int | None = None  # None: they cannot be counted
    starts: dict[str, int] = field(default_factory=dict)  # what `start = "now"` came to mean, by source
    is_sound: bool = False
    kept_as: str = ""  # the name it has already, if a replacement did not finish


def look_at(path: Path) -> OldLedger:
    """Return what can be read of the ledger, however damaged; its bytes stay as they are."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        if file.read(len(STUB)) == STUB:
            return OldLedger(**json.loads(file.read()))
    old = OldLedger()
    with contextlib.suppress(LedgerUntrusted):
        recognise(path)
        old.is_sound = True
    with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(open_as_it_is(path, reading_mode(path))) as db:
        try:
            rows = db.execute("SELECT source, start_at FROM source_start").fetchall()
            old.starts = {s: at for s, at in rows if isinstance(s, str) and isinstance(at, int)}
            old.is_sound &= db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            (old.entries,) = db.execute("SELECT count(*) FROM entry").fetchone()
        except sqlite3.Error:
            old.is_sound = False
            raise
    return old


def refuse_lost_starts(path: Path, old: OldLedger, sources_from_now: Sequence[str]) -> None:
    """Refuse to forget what `start = "now"` came to mean: files since then would be left out.

    Raises:
        LedgerUntrusted: it cannot be told for one of those sources.
    """
    lost = [source for source in sources_from_now if source not in old.starts]
    if lost and not old.is_sound:
        raise LedgerUntrusted(
            f'what start = "now" came to mean for {", ".join(lost)} cannot be read from the ledger {path}, and files '
            "that came since would be left out",
            hint="Restore a backup of the ledger, or set `start` of that watch to an instant not after the first scan "
            'with "now", e.g. "2026-01-31T08:00:00Z", and run the command again.',
        )


def replace(path: Path, lock: ProcessLock, old: OldLedger, *, stamp: str) -> Path:
    """Put a new ledger in the place of `old`, whose lock is held; return where the old one is kept.

    Raises:
        AlreadyRunning: another process has the old one open.
        MachineFailed: the folder cannot be written.
    """
    with draft_of(path, old.starts) as draft, _nobody_else_has(path):
        if not old.kept_as:
            old.kept_as = _keep(path, stamp)
            _put_stub(path, old)
        kept = path.with_name(old.kept_as)
        for suffix in _BESIDE:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(kept.with_name(kept.name + suffix))
        fsync_folder(path.parent)
        draft.replace(path)
        fsync_folder(path.parent)
    lock.trust()
    return kept


def _keep(path: Path, stamp: str) -> str:
    """Give the old ledger a second name that nothing has yet; return it."""
    for n in range(100):
        kept = path.with_name(f"{path.name}.replaced-{stamp}{f'-{n}' if n else ''}")
        if not any(kept.with_name(kept.name + suffix).exists() for suffix in ("", *_BESIDE)):
            os.link(path, kept)
            return kept.name
    raise MachineFailed(f"cannot keep {path}: too many were kept already", hint="Move some of them away.")


def _put_stub(path: Path, old: OldLedger) -> None:
    """Put what is needed to go on after a crash in the place of the old ledger."""
    stub = path.with_name(f"{path.name}.stub-{os.getpid()}")
    words = {"entries": old.entries, "starts": old.starts, "is_sound": old.is_sound, "kept_as": old.kept_as}
    try:
        with stub.open("wb") as file:
            file.write(STUB + json.dumps(words).encode())
            file.flush()
            os.fsync(file.fileno())
        stub.replace(path)
    finally:
        stub.unlink(missing_ok=True)
    fsync_folder(path.parent)


@contextlib.contextmanager
def _nobody_else_has(path: Path) -> Iterator[None]:
    """Keep other processes out of the old ledger: closing it, one would remove the log of the new one by its name.

    Raises:
        AlreadyRunning: one has it open.
    """
    with path.open("r+b") as file:
        start, length = _SHARED
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
        except OSError as error:
            asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
            pid = struct.unpack("hhqqi", fcntl.fcntl(file, fcntl.F_GETLK, asked))[4]
            raise AlreadyRunning(
                f"process {pid} has the ledger {path} open",
                hint="Stop it, and run the command again; nothing was touched.",
            ) from error
        yield

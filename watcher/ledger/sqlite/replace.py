"""Put a new ledger in the place of a damaged one, and keep the old one under another name.

At every instant the name holds the old ledger with its log, or a stub, or the new ledger. No
command takes the stub for a ledger or for a first run. So a stale log never lies beside a new
ledger, and a crash on the way never looks like a first run. No file ever has two names. A failure
other than a crash is undone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import struct
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from watcher.errors import AlreadyRunning, LedgerUntrusted, LocalFailure
from watcher.ledger.sqlite import file_owner, starts
from watcher.ledger.sqlite.create import cannot_create, draft_of, fsync_folder
from watcher.ledger.sqlite.disk_errors import ledger_disk_full, refuse_full_disk
from watcher.ledger.sqlite.file_check import STUB, recognise, refuse_no_file, stub_of, unreadable
from watcher.ledger.sqlite.file_names import LOGS, beside, refuse_other_names
from watcher.ledger.sqlite.file_owner import refuse_planted
from watcher.ledger.sqlite.raw_connection import open_query_only, query_mode
from watcher.ledger.sqlite.rename import rename_new
from watcher.ledger.sqlite.sqlite_errors import is_out_of_room
from watcher.ledger.sqlite.starts import SourceStart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from watcher.ledger.sqlite.lock import ProcessLock

_KEPT = ".replaced-"
_SHARED = (0x4000_0002, 510)  # first byte and length of SQLite's lock on every open database


@dataclass(slots=True, kw_only=True)
class OldLedger:
    """The readable part of the ledger to replace. `starts` has milliseconds since the epoch."""

    entries: int | None = None  # None: the entries cannot be counted
    starts: dict[str, int] = field(default_factory=dict)  # the moment of "now", by source
    ours: list[str] = field(default_factory=list)  # sources whose moment is still of our clock
    unknown: list[str] = field(default_factory=list)  # sources tried, perhaps, without a moment
    is_sound: bool = False
    kept_as: str = ""  # the name of the old file, if a replacement did not finish


def read_old(path: Path) -> OldLedger:
    """Return what can be read of the ledger, however damaged, and leave its bytes as they are.

    Raises:
        LedgerUntrusted: the ledger has another name, or is no file.
        LocalFailure: the disk is full, which says nothing about the ledger.
    """
    refuse_other_names(path)
    refuse_planted(path)
    try:
        if stub := _read_stub(path if path.exists() else stub_of(path), path):
            return stub
        refuse_full_disk(path)
    except OSError as error:
        raise unreadable(path, error) from error
    old = OldLedger()
    with contextlib.suppress(LedgerUntrusted):
        recognise(path)
        old.is_sound = True
    with (
        contextlib.suppress(sqlite3.Error, OSError),
        contextlib.closing(open_query_only(path, mode=query_mode(path))) as db,
    ):
        try:
            rows = db.execute("SELECT source, start_at FROM source_start").fetchall()
            old.starts = {s: at for s, at in rows if isinstance(s, str) and isinstance(at, int)}
            old.ours, old.unknown = _uncertain(db)
            old.is_sound &= db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            (old.entries,) = db.execute("SELECT count(*) FROM entry").fetchone()
        except sqlite3.Error as error:
            if is_out_of_room(error, path.parent):
                raise ledger_disk_full(path) from error
            old.is_sound = False
            raise
    return old


def _uncertain(db: sqlite3.Connection) -> tuple[list[str], list[str]]:
    """Return the sources with a moment of our clock, and those perhaps tried without a moment."""
    if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'unknown_start'").fetchone():
        ours = db.execute("SELECT source FROM source_start WHERE clock = 'ours'").fetchall()
        unknown = db.execute("SELECT source FROM unknown_start").fetchall()
    else:
        ours, unknown = [], db.execute(starts.NEVER_LISTED).fetchall()
    return [row[0] for row in ours], [row[0] for row in unknown]


def starts_from(
    old: OldLedger, sources_from_now: Sequence[str], *, now_ms: int
) -> list[SourceStart]:
    """Return what `start = "now"` means in the new ledger.

    The moments of the old ledger stay. Other sources start at `now_ms`.
    """
    carried = [
        SourceStart(source, at, "ours" if source in old.ours else "oss")
        for source, at in old.starts.items()
    ]
    later = [each for each in sources_from_now if not starts.covered(each, old.starts)]
    return [*carried, *starts.from_now(later, now_ms=now_ms)]


def is_there(path: Path) -> bool:
    """Return whether there is a ledger to replace, or a replacement that did not finish."""
    return os.path.lexists(path) or os.path.lexists(stub_of(path))


def _read_stub(file: Path, path: Path) -> OldLedger | None:
    """Return what a stub holds; None if the file is no stub of the ledger at `path`."""
    refuse_no_file(file, file.lstat())
    with file.open("rb") as opened:
        if opened.read(len(STUB)) != STUB:
            return None
        try:
            old = OldLedger(**json.loads(opened.read()))
        except (ValueError, TypeError):
            return None
    is_ours = old.kept_as.startswith(path.name + _KEPT) and "/" not in old.kept_as
    return old if is_ours or not old.kept_as else None


def refuse_lost_starts(path: Path, old: OldLedger, sources_from_now: Sequence[str]) -> None:
    """Refuse to lose the moment of `start = "now"`: files since then would be left out.

    Raises:
        LedgerUntrusted: the moment of one of those sources cannot be read.
    """
    lost = [source for source in sources_from_now if not starts.covered(source, old.starts)]
    tried = [each for each in old.unknown if not starts.covered(each, old.starts)]
    lost = [
        each
        for each in lost
        if not old.is_sound or any(starts.overlap(each, other) for other in tried)
    ]
    if lost:
        raise LedgerUntrusted(
            f'the moment of start = "now" for {", ".join(lost)} cannot be read from the ledger '
            f"{path}, and files that came since would be left out",
            hint=(
                "Restore a backup of the ledger, or set `start` of that watch to an instant not "
                'after the first scan with "now", e.g. "2026-01-31T08:00:00Z", and run the '
                "command again."
            ),
        )


def replace(
    path: Path, lock: ProcessLock, old: OldLedger, *, stamp: str, starts: Sequence[SourceStart] = ()
) -> Path:
    """Put a new ledger in the place of `old`, and return where the old one is kept.

    Args:
        path: the ledger's name.
        lock: the registering lock, which the caller holds.
        old: what `read_old` returned.
        stamp: part of the name under which the old ledger is kept.
        starts: what `start = "now"` means in the new ledger.

    Raises:
        AlreadyRunning: another process has the old ledger open.
        LocalFailure: the folder cannot be written, or the disk is full. The old ledger is as it
            was.
    """
    try:
        if not path.exists():
            stub_of(path).rename(path)  # an earlier process was killed between two renames
        with (
            draft_of(path, starts, old.unknown) as draft,
            _exclusive(path),
            contextlib.ExitStack() as undo,
        ):
            if old.kept_as:
                kept = path.with_name(old.kept_as)
            else:
                kept = _set_aside(path, old, stamp, undo)
            for suffix in LOGS:
                log, kept_log = beside(path, suffix), beside(kept, suffix)
                with contextlib.suppress(FileNotFoundError):
                    rename_new(log, kept_log)
                    undo.callback(kept_log.rename, log)
            fsync_folder(path.parent)
            draft.replace(path)
            undo.pop_all()
            fsync_folder(path.parent)
    except OSError as error:
        raise cannot_create(path, error) from error
    lock.trust()
    return kept


def _set_aside(path: Path, old: OldLedger, stamp: str, undo: contextlib.ExitStack) -> Path:
    """Rename the old ledger, put a stub in its place, and return the new name.

    The stub holds all that a later command needs to resume after a crash. `undo` gets the steps
    that restore the old ledger.
    """
    stub, kept = stub_of(path), _unused_name(path, stamp)
    stub.unlink(missing_ok=True)  # left by a crash before the first rename
    content = asdict(old) | {"kept_as": kept.name}
    undo.callback(stub.unlink, missing_ok=True)
    with os.fdopen(file_owner.create(stub, file_owner.Owner.of(path)), "wb") as file:
        file.write(STUB + json.dumps(content).encode())
        file.flush()
        os.fsync(file.fileno())
    fsync_folder(path.parent)
    rename_new(path, kept)
    undo.callback(kept.replace, path)
    stub.rename(path)
    fsync_folder(path.parent)
    old.kept_as = kept.name
    return kept


def _unused_name(path: Path, stamp: str) -> Path:
    for n in range(100):
        kept = beside(path, f"{_KEPT}{stamp}{f'-{n}' if n else ''}")
        if not any(os.path.lexists(beside(kept, suffix)) for suffix in ("", *LOGS)):
            return kept
    raise LocalFailure(
        f"cannot keep {path}: too many old ledgers are kept already",
        hint="Move some of them away.",
    )


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Keep other processes from opening the old ledger inside the block.

    On closing it they would remove the log of the new ledger, which has the same name.

    Raises:
        AlreadyRunning: another process has the old ledger open.
    """
    with path.open("r+b") as file:
        start, length = _SHARED
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
        except OSError as error:
            wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
            pid = struct.unpack("hhqqi", fcntl.fcntl(file, fcntl.F_GETLK, wanted))[4]
            raise AlreadyRunning(
                f"process {pid} has the ledger {path} open",
                hint="Stop that process, and run the command again. Nothing was touched.",
            ) from error
        yield

"""Put a new ledger in the place of one that is lost to damage, and keep the old one aside.

At every instant there is the old ledger with its log, or a stub that nothing takes for a ledger (or for none),
or the new one: a stale log never lies beside a new ledger, and a crash on the way never looks like a first run.
No file ever has two names: a ledger that has is refused.  What fails, other than by a crash, is undone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import stat
import struct
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from watcher.errors import AlreadyRunning, LedgerUntrusted, MachineFailed
from watcher.ledger import owner, starts
from watcher.ledger.creating import cannot_create, draft_of, fsync_folder
from watcher.ledger.disk import full
from watcher.ledger.names import refuse_other_names
from watcher.ledger.opening import is_out_of_room, open_as_it_is, reading_mode, refuse_without_room
from watcher.ledger.owner import LOGS, refuse_planted
from watcher.ledger.recognising import STUB, recognise, stub_of, unreadable
from watcher.ledger.renaming import rename_new
from watcher.ledger.starts import SourceStart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from watcher.ledger.lock import ProcessLock

_KEPT = ".replaced-"
_SHARED = (0x4000_0002, 510)  # the bytes on which every connection of SQLite holds a lock


@dataclass(slots=True, kw_only=True)
class OldLedger:
    """What could be read of the ledger that is to be replaced."""

    entries: int | None = None  # None: they cannot be counted
    starts: dict[str, int] = field(default_factory=dict)  # what `start = "now"` came to mean, by source
    ours: list[str] = field(default_factory=list)  # sources whose moment is still one of our clock
    unknown: list[str] = field(default_factory=list)  # sources that may have been tried, without a moment
    is_sound: bool = False
    kept_as: str = ""  # the name it has already, if a replacement did not finish


def look_at(path: Path) -> OldLedger:
    """Return what can be read of the ledger, however damaged; its bytes stay as they are.

    Raises:
        LedgerUntrusted: it has another name, or is no file.
        MachineFailed: the disk is full, which says nothing of the ledger.
    """
    refuse_other_names(path)
    refuse_planted(path)
    try:
        if stub := _read_stub(path if path.exists() else stub_of(path), path):
            return stub
        refuse_without_room(path)
    except OSError as error:
        raise unreadable(path, error) from error
    old = OldLedger()
    with contextlib.suppress(LedgerUntrusted):
        recognise(path)
        old.is_sound = True
    with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(open_as_it_is(path, reading_mode(path))) as db:
        try:
            rows = db.execute("SELECT source, start_at FROM source_start").fetchall()
            old.starts = {s: at for s, at in rows if isinstance(s, str) and isinstance(at, int)}
            old.ours, old.unknown = _uncertain(db)
            old.is_sound &= db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            (old.entries,) = db.execute("SELECT count(*) FROM entry").fetchone()
        except sqlite3.Error as error:
            if is_out_of_room(error, path.parent):
                raise full(f"the disk of the ledger {path} is full", path.parent) from error
            old.is_sound = False
            raise
    return old


def _uncertain(db: sqlite3.Connection) -> tuple[list[str], list[str]]:
    """Return the sources whose moment is one of our clock, and those without one that may have been tried."""
    if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'unknown_start'").fetchone():
        ours = db.execute("SELECT source FROM source_start WHERE clock = 'ours'").fetchall()
        unknown = db.execute("SELECT source FROM unknown_start").fetchall()
    else:
        ours, unknown = [], db.execute(starts.NEVER_LISTED).fetchall()
    return [row[0] for row in ours], [row[0] for row in unknown]


def starts_from(old: OldLedger, sources_from_now: Sequence[str], *, now_ms: int) -> list[SourceStart]:
    """Return what `start = "now"` means in the new ledger: what it came to mean, and for other sources this moment."""
    carried = [SourceStart(source, at, "ours" if source in old.ours else "oss") for source, at in old.starts.items()]
    later = [each for each in sources_from_now if not starts.covered(each, old.starts)]
    return [*carried, *starts.from_now(later, now_ms=now_ms)]


def is_there(path: Path) -> bool:
    """Return whether there is something to replace, or a replacement that did not finish."""
    return os.path.lexists(path) or os.path.lexists(stub_of(path))


def _read_stub(file: Path, path: Path) -> OldLedger | None:
    """Return what a stub holds; None if the file is none."""
    if not stat.S_ISREG(file.lstat().st_mode):
        raise LedgerUntrusted(f"{file} is not a file", hint="Set [ledger] path to the ledger.")
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
    """Refuse to forget what `start = "now"` came to mean: files since then would be left out.

    Raises:
        LedgerUntrusted: it cannot be told for one of those sources.
    """
    lost = [source for source in sources_from_now if not starts.covered(source, old.starts)]
    tried = [each for each in old.unknown if not starts.covered(each, old.starts)]
    lost = [each for each in lost if not old.is_sound or any(starts.overlap(each, other) for other in tried)]
    if lost:
        raise LedgerUntrusted(
            f'what start = "now" came to mean for {", ".join(lost)} cannot be read from the ledger {path}, and files '
            "that came since would be left out",
            hint="Restore a backup of the ledger, or set `start` of that watch to an instant not after the first scan "
            'with "now", e.g. "2026-01-31T08:00:00Z", and run the command again.',
        )


def replace(path: Path, lock: ProcessLock, old: OldLedger, *, stamp: str, starts: Sequence[SourceStart] = ()) -> Path:
    """Put a new ledger in the place of `old`, whose lock is held; return where the old one is kept.

    `starts` is what `start = "now"` means in the new one.

    Raises:
        AlreadyRunning: another process has the old one open.
        MachineFailed: the folder cannot be written, or the disk is full; the old one is as it was.
    """
    try:
        if not path.exists():
            stub_of(path).rename(path)  # killed in between
        with (
            draft_of(path, starts, old.unknown) as draft,
            _nobody_else_has(path),
            contextlib.ExitStack() as undo,
        ):
            kept = path.with_name(old.kept_as) if old.kept_as else _set_aside(path, old, stamp, undo)
            for suffix in LOGS:
                beside, its_kept = (each.with_name(each.name + suffix) for each in (path, kept))
                with contextlib.suppress(FileNotFoundError):
                    rename_new(beside, its_kept)
                    undo.callback(its_kept.rename, beside)
            fsync_folder(path.parent)
            draft.replace(path)
            undo.pop_all()
            fsync_folder(path.parent)
    except OSError as error:
        raise cannot_create(path, error) from error
    lock.trust()
    return kept


def _set_aside(path: Path, old: OldLedger, stamp: str, undo: contextlib.ExitStack) -> Path:
    """Give the old ledger a name that nothing has, and leave in its place what is needed to go on after a crash.

    `undo` puts it back.
    """
    stub, kept = stub_of(path), _unused_name(path, stamp)
    stub.unlink(missing_ok=True)  # left by a crash before anything was renamed
    words = asdict(old) | {"kept_as": kept.name}
    undo.callback(stub.unlink, missing_ok=True)
    with os.fdopen(owner.create(stub, owner.Owner.of(path)), "wb") as file:
        file.write(STUB + json.dumps(words).encode())
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
        kept = path.with_name(f"{path.name}{_KEPT}{stamp}{f'-{n}' if n else ''}")
        if not any(os.path.lexists(kept.with_name(kept.name + suffix)) for suffix in ("", *LOGS)):
            return kept
    raise MachineFailed(f"cannot keep {path}: too many were kept already", hint="Move some of them away.")


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

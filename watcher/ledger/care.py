"""Check the whole ledger, and back it up, while other processes use it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watcher.errors import LedgerUntrusted, MachineFailed, UsageError, WatcherError
from watcher.ledger import owner
from watcher.ledger.creating import draft_name, fsync_folder, remove_database
from watcher.ledger.disk import failed, full
from watcher.ledger.lock import ProcessLock
from watcher.ledger.migrations import MIGRATIONS
from watcher.ledger.opening import (
    is_out_of_room,
    open_for_writing,
    open_read_only,
    refuse_damaged,
    sentence,
    translated,
)
from watcher.ledger.patience import patiently
from watcher.ledger.recognising import RESTORE
from watcher.ledger.renaming import rename_new
from watcher.ledger.transactions import Transactions
from watcher.model import Failure, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MOST_FOUND = 100  # lines told of one check
_RANGES_SINCE = "0003"  # the schema that has them
_PAGES_A_STEP = 4096  # of a backup; Ctrl-C is heard between two
_NOT_SO = {
    "entries claimed by a call that is not known": """
        state = 'claimed' AND (batch_id IS NULL OR NOT EXISTS (SELECT 1 FROM batch WHERE id = entry.batch_id))
        """,
    "entries with a reason that is not known": f"""
        state = 'failed' AND reason NOT IN ({", ".join(f"'{reason}'" for reason in Failure)})
        """,
    "entries marked as changed that are not registered": "changed = 1 AND state <> 'registered'",
    "claimed entries with a time to be claimed": "state = 'claimed' AND due_at IS NOT NULL",
}
_RANGES_NOT_SO = {
    "ranges that end before they begin": "hi <= lo",
    "ranges that overlap the next one": "next IS NOT NULL AND (hi IS NULL OR hi > next)",
    "ranges with a negative count": "listed < 0 OR matched < 0 OR n_bytes < 0",
    "ranges that a scan listed which never began": "scan < 0 OR scan > last_scan",
}
_RANGES = """
    SELECT r.*, l.scan AS last_scan, lead(lo) OVER (PARTITION BY listing_id ORDER BY lo) AS next
      FROM listed_range AS r JOIN listing AS l ON l.id = r.listing_id
"""


@dataclass(slots=True, kw_only=True)
class LedgerCheck:
    """What `ledger check` looked at and found."""

    schema: str = ""  # the last migration
    entries: dict[str, int] = field(default_factory=dict)  # by state, and `changed`
    found: dict[str, list[str]] = field(default_factory=dict)  # by check; no lines = sound
    tally_corrected: bool = False

    @property
    def damaged(self) -> bool:
        """Whether anything was found that cannot be put right by counting."""
        return any(lines for check, lines in self.found.items() if check != "tally")


def check(path: Path, *, wait: Callable[[float], bool]) -> LedgerCheck:
    """Look at everything without changing it; then correct counts that are off, if all else is sound.

    Raises:
        LedgerUntrusted: it cannot be opened.
        MachineFailed: it cannot be read, or the counts cannot be written.
    """
    report = LedgerCheck()
    with contextlib.closing(open_read_only(path, older=True)) as db, translated(path):
        report.schema = MIGRATIONS.applied(db)[-1]
        db.execute("BEGIN")  # all of it is of one moment
        report.found["pages and indexes"] = _lines(lambda: db.execute(f"PRAGMA integrity_check({_MOST_FOUND})"))
        report.found["references"] = _lines(lambda: db.execute("PRAGMA foreign_key_check"))
        report.found["entries"] = [line for name, wrong in _NOT_SO.items() for line in _wrong(db, name, "entry", wrong)]
        if report.schema >= _RANGES_SINCE:
            found = (_wrong(db, name, f"({_RANGES})", wrong) for name, wrong in _RANGES_NOT_SO.items())
            report.found["ranges"] = [line for lines in found for line in lines]
        if not report.damaged:
            counted = _count(db)
            report.entries = _by_state(counted)
            report.found["tally"] = _differences(counted, _tally(db))
        db.execute("ROLLBACK")
    if report.found.get("tally"):
        patiently(lambda: _correct(path, wait), wait=wait)
        report.tally_corrected = True
    return report


def _lines(query: Callable[[], sqlite3.Cursor]) -> list[str]:
    """Return what a check found; SQLite may not even get to the end of it."""
    try:
        rows = [" ".join(map(str, row)) for row in query().fetchmany(_MOST_FOUND)]
    except sqlite3.DatabaseError as error:
        if not getattr(error, "sqlite_errorname", "").startswith("SQLITE_CORRUPT"):
            raise
        return [str(error)]
    return [] if rows == ["ok"] else rows


def _wrong(db: sqlite3.Connection, name: str, rows: str, wrong: str) -> list[str]:
    found = _lines(lambda: db.execute(f"SELECT count(*) FROM {rows} WHERE {wrong}"))  # noqa: S608 (ours)
    return [] if found == ["0"] else [f"{name}: {found[0]}"]


def _count(db: sqlite3.Connection) -> Counter[tuple[int, str]]:
    rows = db.execute("SELECT watch_id, state, count(*), sum(changed) FROM entry GROUP BY watch_id, state").fetchall()
    counted: Counter[tuple[int, str]] = Counter()
    for watch_id, state, n, changed in rows:
        counted[watch_id, state] += n
        counted[watch_id, "changed"] += changed
    return +counted


def _tally(db: sqlite3.Connection) -> dict[tuple[int, str], int]:
    return {(watch_id, state): n for watch_id, state, n in db.execute("SELECT watch_id, state, n FROM tally")}


def _differences(counted: Counter[tuple[int, str]], tally: dict[tuple[int, str], int]) -> list[str]:
    return [
        f"{state} of watch {watch_id}: {tally.get((watch_id, state), 0)} noted, {counted[watch_id, state]} there"
        for watch_id, state in sorted({*counted, *tally})
        if tally.get((watch_id, state), 0) != counted[watch_id, state]
    ]


def _by_state(counted: Counter[tuple[int, str]]) -> dict[str, int]:
    return {
        state: sum(n for (_, counted_state), n in counted.items() if counted_state == state)
        for state in (*State, "changed")
    }


def _correct(path: Path, wait: Callable[[float], bool]) -> None:
    """Count again while nobody can write, and note that."""
    with ProcessLock(path) as lock:
        transactions = Transactions(path, open_for_writing(path, lock, wait), wait=wait)
        try:
            with transactions.begin(durable=True) as db:
                counted = _count(db)
                db.execute("DELETE FROM tally")
                db.executemany(
                    "INSERT INTO tally (watch_id, state, n) VALUES (?, ?, ?)",
                    [(watch_id, state, n) for (watch_id, state), n in counted.items()],
                )
        finally:
            transactions.close()


def backup(path: Path, target: Path) -> int:
    """Write the ledger as it is at this moment to `target`, whole or not at all; return its bytes.

    Other processes go on meanwhile.  The copy is a ledger, checked, and not in WAL mode: put in the place of
    another one it is recognised as a backup, should the log of that one still lie there.

    Raises:
        UsageError: there is a file of that name.
        LedgerUntrusted: the ledger cannot be trusted.
        MachineFailed: the copy cannot be written.
    """
    if target.name in {path.name + suffix for suffix in ("-wal", "-shm", "-journal", ".lock", ".run.lock")}:
        raise UsageError(f"{target} is a name that the ledger itself uses", hint="Name another file.")
    draft = draft_name(target)
    try:
        if target.exists() or target.is_symlink():
            raise _in_the_way(target)
        with contextlib.closing(open_read_only(path, older=True)) as source:
            os.close(owner.create(draft, owner.Owner(uid=os.geteuid(), gid=os.getegid())))
            _copy(path, source, draft)
        _prove(path, draft)
        _fsync(draft)
        n_bytes = draft.stat().st_size
        rename_new(draft, target)
        fsync_folder(target.parent)
    except FileExistsError as error:
        raise _in_the_way(target) from error
    except OSError as error:
        raise failed(f"cannot write the backup {target}", error, target, ledger=None, hint=_check(target)) from error
    finally:
        remove_database(draft)
    return n_bytes


def _copy(path: Path, source: sqlite3.Connection, draft: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            # A transaction that goes on through all steps: one moment, and no beginning anew when others write.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            source.backup(copy, pages=_PAGES_A_STEP)
            source.execute("ROLLBACK")
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise _failed(path, draft, error) from error


def _prove(path: Path, draft: Path) -> None:
    """Look at the copy as it came to lie on its disk: nobody looks at a backup before it is needed."""
    try:
        with contextlib.closing(sqlite3.connect(f"{draft.absolute().as_uri()}?immutable=1", uri=True)) as copy:
            MIGRATIONS.applied(copy)
            refuse_damaged(path, copy)
    except sqlite3.Error as error:
        raise _failed(path, draft, error) from error


def _failed(path: Path, draft: Path, error: sqlite3.Error) -> WatcherError:
    """Return why there is no backup: the ledger is damaged, or the disk of the copy takes no more."""
    if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return sentence(path, error)
    if is_out_of_room(error, draft.parent):
        return full(f"cannot write the backup {draft}: the disk is full", draft.parent)
    return MachineFailed(f"cannot write the backup {draft}: {error}", hint=_check(draft))


def _fsync(draft: Path) -> None:
    with draft.open("rb") as file:
        os.fsync(file.fileno())


def _in_the_way(target: Path) -> WatcherError:
    return UsageError(
        f"there is a file already: {target}", hint="Nothing was touched. Name one that does not exist yet."
    )


def _check(target: Path) -> str:
    return f"Check that the folder {target.parent} exists and is writable for this user; nothing was left there."


def refuse(path: Path, report: LedgerCheck) -> LedgerUntrusted:
    """Return what a damaged ledger is told as."""
    first = next(line for check_name, lines in report.found.items() if check_name != "tally" for line in lines)
    return LedgerUntrusted(f"the ledger {path} is damaged: {first}", hint=RESTORE)

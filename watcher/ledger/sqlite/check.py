"""Check the whole ledger while other processes use it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watcher.errors import LedgerUntrusted
from watcher.ledger.sqlite.busy_retry import retry_busy
from watcher.ledger.sqlite.connection import open_for_writing, open_read_only
from watcher.ledger.sqlite.file_check import RESTORE
from watcher.ledger.sqlite.lock import ProcessLock
from watcher.ledger.sqlite.migrations import MIGRATIONS
from watcher.ledger.sqlite.sqlite_errors import error_name, translated
from watcher.ledger.sqlite.transactions import Transactions
from watcher.model import Failure, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MOST_FOUND = 100  # lines shown of one check
_RANGES_SINCE = "0003"  # the first schema with ranges
_WRONG_ENTRIES = {
    "entries claimed by a call that is not known": """
        state = 'claimed'
        AND (batch_id IS NULL OR NOT EXISTS (SELECT 1 FROM batch WHERE id = entry.batch_id))
        """,
    "entries with a reason that is not known": f"""
        state = 'failed' AND reason NOT IN ({", ".join(f"'{reason}'" for reason in Failure)})
        """,
    "entries marked as changed that are not registered": "changed = 1 AND state <> 'registered'",
    "claimed entries with a time to be claimed": "state = 'claimed' AND due_at IS NOT NULL",
}
_WRONG_RANGES = {
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
    """The findings of `ledger check`."""

    schema: str = ""  # the last migration
    entries: dict[str, int] = field(default_factory=dict)  # by state, and `changed`
    found: dict[str, list[str]] = field(default_factory=dict)  # by check; no lines = sound
    tally_corrected: bool = False

    @property
    def damaged(self) -> bool:
        """Whether the check found anything that a new count cannot correct."""
        return any(lines for name, lines in self.found.items() if name != "tally")


def check(path: Path, *, wait: Callable[[float], bool]) -> LedgerCheck:
    """Check every page, index, reference, entry, range and count; return what was found.

    Only wrong counts are corrected, and only if all else is sound. `wait(seconds)` returns whether
    to stop.

    Raises:
        LedgerUntrusted: the ledger cannot be opened.
        LocalFailure: the ledger cannot be read, or the counts cannot be written.
    """
    report = LedgerCheck()
    with contextlib.closing(open_read_only(path, older=True)) as db, translated(path):
        report.schema = MIGRATIONS.applied(db)[-1]
        db.execute("BEGIN")  # all queries see one moment
        report.found["pages and indexes"] = _lines(db, f"PRAGMA integrity_check({_MOST_FOUND})")
        report.found["references"] = _lines(db, "PRAGMA foreign_key_check")
        report.found["entries"] = _wrong_rows(db, "entry", _WRONG_ENTRIES)
        if report.schema >= _RANGES_SINCE:
            report.found["ranges"] = _wrong_rows(db, f"({_RANGES})", _WRONG_RANGES)
        if not report.damaged:
            counted = _count(db)
            report.entries = _by_state(counted)
            report.found["tally"] = _differences(counted, _tally(db))
        db.execute("ROLLBACK")
    if report.found.get("tally"):
        retry_busy(lambda: _correct_tally(path, wait), wait=wait)
        report.tally_corrected = True
    return report


def damaged_error(path: Path, report: LedgerCheck) -> LedgerUntrusted:
    """Return the error for a ledger that `report` found damaged."""
    lines = [line for name, found in report.found.items() if name != "tally" for line in found]
    return LedgerUntrusted(f"the ledger {path} is damaged: {lines[0]}", hint=RESTORE)


def _lines(db: sqlite3.Connection, sql: str) -> list[str]:
    """Return the lines that a query finds; damage may also end the query itself."""
    try:
        rows = [" ".join(map(str, row)) for row in db.execute(sql).fetchmany(_MOST_FOUND)]
    except sqlite3.DatabaseError as error:
        if not error_name(error).startswith("SQLITE_CORRUPT"):
            raise
        return [str(error)]
    return [] if rows == ["ok"] else rows


def _wrong_rows(db: sqlite3.Connection, rows: str, conditions: dict[str, str]) -> list[str]:
    """Return a line for each condition that any of the rows meets, with their number."""
    lines = []
    for name, condition in conditions.items():
        found = _lines(db, f"SELECT count(*) FROM {rows} WHERE {condition}")  # noqa: S608 (ours)
        if found != ["0"]:
            lines.append(f"{name}: {found[0]}")
    return lines


def _count(db: sqlite3.Connection) -> Counter[tuple[int, str]]:
    rows = db.execute(
        "SELECT watch_id, state, count(*), sum(changed) FROM entry GROUP BY watch_id, state"
    ).fetchall()
    counted: Counter[tuple[int, str]] = Counter()
    for watch_id, state, n, changed in rows:
        counted[watch_id, state] += n
        counted[watch_id, "changed"] += changed
    return +counted


def _tally(db: sqlite3.Connection) -> dict[tuple[int, str], int]:
    return {
        (watch_id, state): n
        for watch_id, state, n in db.execute("SELECT watch_id, state, n FROM tally")
    }


def _differences(counted: Counter[tuple[int, str]], tally: dict[tuple[int, str], int]) -> list[str]:
    return [
        f"{state} of watch {watch_id}: {tally.get((watch_id, state), 0)} noted, "
        f"{counted[watch_id, state]} there"
        for watch_id, state in sorted({*counted, *tally})
        if tally.get((watch_id, state), 0) != counted[watch_id, state]
    ]


def _by_state(counted: Counter[tuple[int, str]]) -> dict[str, int]:
    return {
        state: sum(n for (_, counted_state), n in counted.items() if counted_state == state)
        for state in (*State, "changed")
    }


def _correct_tally(path: Path, wait: Callable[[float], bool]) -> None:
    """Count again while nobody can write, and keep the result."""
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

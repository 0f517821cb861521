"""How listings ended, and which notes were logged: kept for all processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from watcher.ledger.sqlite.transactions import patient
from watcher.ledger.sqlite.watches import has_source
from watcher.model import ScanEnd
from watcher.redaction import redact

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watcher.ledger.sqlite.transactions import Transactions
    from watcher.model import ListingCost

DAY_MS: Final = 86_400_000
_MOST_TEXT: Final = 2000  # characters of one sentence
_COUNT: Final = re.compile(r"\b[\d.]+ (object|more|GB)s?\b")


class ScanEnds:
    """The rows of `last_scan` and `note`."""

    _transactions: Transactions

    @patient()
    def end_scan(self, watch: str, end: ScanEnd, *, source: str) -> None:
        """Remember how a listing of `source` ended.

        Does nothing if another process has the watch with another source.
        """
        with self._transactions.begin(durable=False) as db:
            if has_source(db, watch, source):
                put(db, watch, end)

    def due_notes(self, watch: str, notes: Sequence[str], *, now_ms: int) -> list[str]:
        """Return the `notes` that were not logged within a day, and remember those.

        Notes that differ only in their counts are the same.
        """
        with self._transactions.look() as db:
            due = due_notes(db, watch, notes, now_ms=now_ms)
        if due:
            self._remember_notes(watch, due, now_ms=now_ms)
        return due

    @patient()
    def _remember_notes(self, watch: str, notes: Sequence[str], *, now_ms: int) -> None:
        with self._transactions.begin(durable=False) as db:
            put_notes(db, watch, notes, now_ms=now_ms)


def put(db: sqlite3.Connection, watch: str, end: ScanEnd) -> None:
    """Remember how the last listing of one kind ended, within the caller's transaction."""
    db.execute(
        """
        INSERT INTO last_scan (watch_id, kind, at, complete, listed, matched, covered, error, hint)
        SELECT id, ?, ?, ?, ?, ?, ?, ?, ? FROM watch WHERE name = ?
            ON CONFLICT (watch_id, kind) DO UPDATE
           SET at = excluded.at, complete = excluded.complete, listed = excluded.listed,
               matched = excluded.matched, covered = excluded.covered, error = excluded.error,
               hint = excluded.hint
        """,
        (
            end.kind,
            end.at,
            end.complete,
            end.listed,
            end.matched,
            *map(_kept, (end.covered, end.error, end.hint)),
            watch,
        ),
    )


def _kept(text: str) -> str:
    """Return a sentence as it may be kept: no secret, of limited length, valid UTF-8."""
    return redact(text.encode("utf-8", "backslashreplace").decode())[:_MOST_TEXT]


def read(db: sqlite3.Connection) -> dict[int, list[ScanEnd]]:
    """Return by watch how its last listings ended, one of each kind."""
    found: dict[int, list[ScanEnd]] = {}
    for watch_id, kind, at, complete, *counts, covered, error, hint in db.execute(
        "SELECT watch_id, kind, at, complete, listed, matched, covered, error, hint FROM last_scan"
    ):
        end = ScanEnd(
            kind=kind,
            at=at,
            complete=bool(complete),
            listed=counts[0],
            matched=counts[1],
            covered=covered,
            error=error,
            hint=hint,
        )
        found.setdefault(watch_id, []).append(end)
    return found


def due_notes(
    db: sqlite3.Connection, watch: str, notes: Sequence[str], *, now_ms: int
) -> list[str]:
    """Return the notes that were not logged within a day.

    A note that was logged in the future counts as not logged: the clock was set back since.
    """
    logged = {
        text
        for (text,) in db.execute(
            """
            SELECT text FROM note
             WHERE watch_id = (SELECT id FROM watch WHERE name = ?) AND at > ? AND at <= ?
            """,
            (watch, now_ms - DAY_MS, now_ms),
        )
    }
    return [note for note in notes if _without_counts(note) not in logged]


def put_notes(db: sqlite3.Connection, watch: str, notes: Sequence[str], *, now_ms: int) -> None:
    """Remember that notes were logged, and forget those of more than a day ago."""
    db.execute(
        """
        DELETE FROM note
         WHERE watch_id = (SELECT id FROM watch WHERE name = ?) AND (at <= ? OR at > ?)
        """,
        (watch, now_ms - DAY_MS, now_ms),
    )
    db.executemany(
        """
        INSERT INTO note (watch_id, text, at) SELECT id, ?, ? FROM watch WHERE name = ?
            ON CONFLICT (watch_id, text) DO UPDATE SET at = excluded.at
        """,
        [(_without_counts(note), now_ms, watch) for note in notes],
    )


def _without_counts(note: str) -> str:
    return _kept(_COUNT.sub(r"\1", note))


def put_cost(db: sqlite3.Connection, watch: str, cost: ListingCost) -> None:
    """Remember what a usual scan costs, within the caller's transaction."""
    db.execute(
        """
        UPDATE watch SET complete_list_calls = ?, complete_list_bytes = ?, complete_took_ms = ?
         WHERE name = ?
        """,
        (cost.calls, cost.n_bytes, cost.took_ms, watch),
    )

"""Write what became of claimed entries after their call."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watcher.ledger import entry_record, transitions
from watcher.ledger.sqlite import refusal_streak
from watcher.ledger.sqlite.invalidation import invalidate
from watcher.ledger.sqlite.records import count, read_records, write_changes
from watcher.ledger.sqlite.transactions import add_to_tally
from watcher.model import LONG_STREAK, Accepted, Failure, Refused, Settled

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watcher.ledger.entry_record import EntryRecord
    from watcher.ledger.sqlite.records import Tally
    from watcher.model import Settlement

_Failed = tuple[str, Failure, str]  # key, reason, message


@dataclass(slots=True, kw_only=True)
class _Settling:
    """One call that is being settled, within a transaction."""

    db: sqlite3.Connection
    bucket_id: int
    max_attempts: int
    now_ms: int
    tally: Tally = field(default_factory=Counter)
    updates: list[tuple[EntryRecord, EntryRecord]] = field(default_factory=list)
    decided: int = 0  # registered, refused or failed
    registered: int = 0
    already_registered: int = 0
    failed: list[_Failed] = field(default_factory=list)


def settle(
    db: sqlite3.Connection, settlements: Sequence[Settlement], *, max_attempts: int, now_ms: int
) -> Settled:
    """Write the outcomes of one call, whose entries are of one bucket.

    Runs within the caller's transaction.
    """
    bucket = settlements[0].entry.bucket
    (bucket_id,) = db.execute("SELECT id FROM bucket WHERE name = ?", (bucket,)).fetchone()
    work = _Settling(db=db, bucket_id=bucket_id, max_attempts=max_attempts, now_ms=now_ms)
    before = refusal_streak.length(db, bucket_id)
    after = _follow_streak(work, settlements, before)
    known = read_records(db, bucket_id, [each.entry.key for each in settlements])
    for settlement in settlements:
        _settle_one(work, known[settlement.entry.key], settlement, streak=after)
    write_changes(db, bucket_id, work.updates)
    add_to_tally(db, work.tally)
    if work.decided:
        db.execute("UPDATE decision SET n = n + ?", (work.decided,))
    began = after >= LONG_STREAK > before
    restored = refusal_streak.undo_refusals(db, bucket_id, now_ms=now_ms) if began else ()
    return Settled(
        bucket=bucket,
        registered=work.registered,
        already_registered=work.already_registered,
        failed=tuple(work.failed),
        streak=after,
        streak_began=began,
        streak_ended=before >= LONG_STREAK > after,
        restored=restored,
    )


def _follow_streak(work: _Settling, settlements: Sequence[Settlement], before: int) -> int:
    """Add the refused entries to the streak of their bucket, or end it; return its length now."""
    if any(isinstance(each.outcome, Accepted) for each in settlements):
        _close_streak(work, was_long=before >= LONG_STREAK)
        return 0
    perhaps_bucket, own_reason = [], []
    for each in settlements:
        if isinstance(each.outcome, Refused) and each.outcome.is_its_own:
            own_reason.append(each.entry.key)
        elif isinstance(each.outcome, Refused):
            perhaps_bucket.append((each.entry.key, each.entry.attempts))
    refusal_streak.add(work.db, work.bucket_id, perhaps_bucket)
    refusal_streak.remove(work.db, work.bucket_id, own_reason)
    after = refusal_streak.length(work.db, work.bucket_id)
    if before >= LONG_STREAK > after:
        _close_streak(work, was_long=True)
        return 0
    return after


def _close_streak(work: _Settling, *, was_long: bool) -> None:
    exhausted = refusal_streak.close(
        work.db,
        work.bucket_id,
        now_ms=work.now_ms,
        was_long=was_long,
        max_attempts=work.max_attempts,
    )
    work.failed += [(key, Failure.REFUSED, message) for key, message in exhausted]


def _settle_one(
    work: _Settling, known: EntryRecord, settlement: Settlement, *, streak: int
) -> None:
    outcome = settlement.outcome
    attempts_before = None
    if isinstance(outcome, Refused) and not transitions.refusal_counts(outcome, streak=streak):
        attempts_before = refusal_streak.attempts_before(work.db, work.bucket_id, known.key)
    after = transitions.settled(
        known,
        settlement,
        max_attempts=work.max_attempts,
        now_ms=work.now_ms,
        attempts_before_streak=attempts_before,
    )
    work.updates.append((known, after))
    count(work.tally, known, after)
    work.decided += transitions.is_decision(known, settlement)
    if isinstance(outcome, Accepted):
        work.registered += 1
        work.already_registered += not outcome.new_register
    if isinstance(outcome, Refused) and after.state == entry_record.FAILED:
        work.failed.append((known.key, outcome.reason, outcome.message))
    if after.returns_when_listed:
        # A listing that repeats its bytes must not hide that the object is back.
        invalidate(work.db, work.bucket_id, known.key)

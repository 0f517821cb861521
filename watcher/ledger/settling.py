"""What becomes of claimed entries once their call has come to something."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watcher.ledger import ranges, streaks
from watcher.ledger.transactions import add_to_tally
from watcher.model import LONG_STREAK, NOT_MENTIONED, Accepted, Failure, Refused, Settled, Unknown

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watcher.model import Entry, Settlement


@dataclass(slots=True, kw_only=True)
class _Settling:
    """One settlement under way."""

    db: sqlite3.Connection
    bucket_id: int
    max_attempts: int
    now_ms: int
    counting: bool = True  # whether a refusal counts
    tally: Counter[tuple[int, str]] = field(default_factory=Counter)
    changes: defaultdict[str, list[dict[str, object]]] = field(default_factory=lambda: defaultdict(list))
    decided: int = 0  # registered, refused or failed
    registered: int = 0
    already_registered: int = 0
    failed: list[tuple[str, Failure, str]] = field(default_factory=list)


def settle(db: sqlite3.Connection, settlements: Sequence[Settlement], *, max_attempts: int, now_ms: int) -> Settled:
    """Write down the outcomes of one call, whose entries are of one bucket, within the caller's transaction."""
    (bucket_id,) = db.execute("SELECT id FROM bucket WHERE name = ?", (settlements[0].entry.bucket,)).fetchone()
    work = _Settling(db=db, bucket_id=bucket_id, max_attempts=max_attempts, now_ms=now_ms)
    before = streaks.length(db, bucket_id)
    after = _follow_streak(work, settlements, before)
    work.counting = after < LONG_STREAK
    now = _as_they_are(work, [each.entry.key for each in settlements])
    for settlement in settlements:
        _settle_one(work, settlement, *now[settlement.entry.key])
    for change, rows in work.changes.items():
        db.executemany(
            f"UPDATE entry SET state = :state, {change} WHERE bucket_id = :bucket_id AND key = :key",  # noqa: S608
            rows,
        )
    add_to_tally(db, work.tally)
    if work.decided:
        db.execute("UPDATE decision SET n = n + ?", (work.decided,))
    began = after >= LONG_STREAK > before
    return Settled(
        bucket=settlements[0].entry.bucket,
        registered=work.registered,
        already_registered=work.already_registered,
        failed=tuple(work.failed),
        streak=after,
        streak_began=began,
        streak_ended=before >= LONG_STREAK > after,
        restored=streaks.forgive(db, bucket_id, now_ms=now_ms) if began else (),
    )


def _follow_streak(work: _Settling, settlements: Sequence[Settlement], before: int) -> int:
    """Let the refused join the streak of their bucket, or an accepted one end it; return how long it is now."""
    db, bucket_id = work.db, work.bucket_id
    if any(isinstance(each.outcome, Accepted) for each in settlements):
        _end_streak(work, was_long=before >= LONG_STREAK)
        return 0
    refused = [each for each in settlements if isinstance(each.outcome, Refused)]
    streaks.join(db, bucket_id, [(e.entry.key, e.entry.attempts) for e in refused if not _has_reason(e)])
    streaks.leave(db, bucket_id, [e.entry.key for e in refused if _has_reason(e)])
    after = streaks.length(db, bucket_id)
    if before >= LONG_STREAK > after:
        _end_streak(work, was_long=True)
        return 0
    return after


def _end_streak(work: _Settling, *, was_long: bool) -> None:
    hopeless = streaks.end(
        work.db, work.bucket_id, now_ms=work.now_ms, was_long=was_long, max_attempts=work.max_attempts
    )
    work.failed += [(key, Failure.REFUSED, message) for key, message in hopeless]


def _has_reason(settlement: Settlement) -> bool:
    return isinstance(settlement.outcome, Refused) and settlement.outcome.is_its_own


def _as_they_are(work: _Settling, keys: Sequence[str]) -> dict[str, tuple[int, str, int]]:
    """Return watch, ETag and size of the rows, by key."""
    rows = work.db.execute(
        f"""
        SELECT key, watch_id, etag, size_bytes FROM entry
         WHERE bucket_id = ? AND key IN ({", ".join("?" * len(keys))})
        """,  # noqa: S608 (question marks only)
        (work.bucket_id, *keys),
    )
    return {key: (watch_id, etag, size_bytes) for key, watch_id, etag, size_bytes in rows}


def _settle_one(work: _Settling, settlement: Settlement, watch_id: int, etag: str, size_bytes: int) -> None:
    entry, outcome = settlement.entry, settlement.outcome
    overwritten = (etag, size_bytes) != (entry.etag, entry.size_bytes)
    row: dict[str, object] = {
        "bucket_id": work.bucket_id,
        "key": entry.key,
        "due_at": settlement.due_at,
        "state": "pending",
    }
    work.tally[watch_id, "claimed"] -= 1
    match outcome:
        case Accepted():
            row |= {"state": "registered", "media_id": outcome.media_id, "new_register": int(outcome.new_register)}
            change = "media_id = :media_id, new_register = :new_register, message = NULL, doubts = 0"
            if overwritten:
                row |= {"etag": entry.etag, "size_bytes": entry.size_bytes}
                change += ", changed = 1, registered_etag = :etag, registered_size = :size_bytes"
                work.tally[watch_id, "changed"] += 1
            work.registered += 1
            work.decided += 1
            work.already_registered += not outcome.new_register
        case Refused() if overwritten:
            row |= {"due_at": work.now_ms}
            change = "due_at = :due_at, attempts = 0, doubts = 0, message = NULL"
        case Refused():
            change = _refuse(work, entry, outcome, row)
            work.decided += 1
        case Unknown():
            message = NOT_MENTIONED if outcome.unmentioned else outcome.message
            row |= {"message": message, "doubts": entry.doubts + settlement.sent}
            change = "due_at = :due_at, message = :message, doubts = :doubts"
    work.tally[watch_id, str(row["state"])] += 1
    work.changes[change].append(row)


def _refuse(work: _Settling, entry: Entry, refusal: Refused, row: dict[str, object]) -> str:
    """Count a refusal and complete the row; return what it changes."""
    counts = work.counting or refusal.is_its_own
    attempts = entry.attempts + 1 if counts else _attempts_before(work, entry)
    row |= {"attempts": attempts, "message": refusal.message, "reason": str(refusal.reason)}
    if counts and (refusal.final or attempts >= work.max_attempts):
        row |= {"state": "failed"}
        work.failed.append((entry.key, refusal.reason, refusal.message))
        if refusal.reason in {Failure.GONE, Failure.ARCHIVED}:
            ranges.doubt(work.db, work.bucket_id, entry.key)  # being listed at all brings it back
        return "reason = :reason, message = :message, attempts = :attempts, doubts = 0"
    return "due_at = :due_at, message = :message, attempts = :attempts, doubts = 0"


def _attempts_before(work: _Settling, entry: Entry) -> int:
    (attempts,) = work.db.execute(
        "SELECT attempts FROM refusal_streak WHERE bucket_id = ? AND key = ?", (work.bucket_id, entry.key)
    ).fetchone()
    return int(attempts)

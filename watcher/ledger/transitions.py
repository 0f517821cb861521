"""The transitions of an entry, as pure functions: every ledger shares these rules.

An adapter reads an `EntryRecord`, applies one function, and writes the result.  Where one SQL
statement changes many rows, it mirrors the function of the same name.  A property test holds both
against each other.

| event                            | pending        | claimed    | registered | failed      |
|----------------------------------|----------------|------------|------------|-------------|
| seen again, the same version     | stays [1]      | stays      | stays      | stays [2]   |
| seen again, touched              | stays [1]      | stays      | stays      | pending     |
| seen again, overwritten          | attempts 0 [1] | stays      | changed    | pending     |
| claimed                          | claimed        |            |            |             |
| recovered                        |                | pending    |            |             |
| settled: accepted                |                | registered |            |             |
| settled: refused                 |                | pending, or failed at last | |          |
| settled: unknown                 |                | pending    |            |             |
| a long streak begins             | refusal undone | refusal undone |        | pending [3] |
| a long streak ends               | one refusal, or failed |    |            |             |
| retried                          |                |            |            | pending     |
| acknowledged                     |                |            | no mark    |             |

[1] It moves to the watch that saw it.  One that no watch selected is due now.
[2] One that is gone or archived becomes pending, unless it failed while it was being listed.
[3] Only one that was refused without a reason of its own.

"Overwritten" means another ETag or size.  "Touched" means that, or another LastModified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from watcher.ledger.entry_record import (
    CLAIMED,
    FAILED,
    PENDING,
    REGISTERED,
    EntryRecord,
    Sighting,
)
from watcher.model import LONG_STREAK, NOT_MENTIONED, Accepted, Failure, Refused, Unknown

if TYPE_CHECKING:
    from watcher.model import Entry, ObjectInfo, Outcome, Settlement

FRESH_MS: Final = 3_600_000  # an object younger than this is fresh whenever it is found
FRESH, BACKFILL = 0, 1  # lanes: a due fresh entry is claimed before a backfill one

_ENDED_BY_STREAK: Final = frozenset({Failure.REFUSED.value, Failure.BAD_REQUEST.value})


# Seen


def discovered(listed: ObjectInfo, *, watch_id: int, fresh_since: int, now_ms: int) -> EntryRecord:
    """Return the entry of an object without one: due now, fresh if modified since `fresh_since`."""
    return EntryRecord(
        key=listed.key,
        watch_id=watch_id,
        state=PENDING,
        lane=FRESH if listed.modified_at >= fresh_since else BACKFILL,
        etag=listed.etag,
        size_bytes=listed.size_bytes,
        modified_at=listed.modified_at,
        due_at=now_ms,
    )


def seen_again(known: EntryRecord, listed: ObjectInfo, sighting: Sighting) -> EntryRecord:
    """Return the entry of an object that is listed again; `known` itself where nothing changes.

    An older version in a snapshot changes nothing.  A registered entry keeps its watch.
    """
    touched = _is_touched(known, listed)
    if touched and sighting.as_of is not None and listed.modified_at <= known.modified_at:
        return known
    latest = _with_latest(known, listed) if touched else known
    match known.state:
        case "failed" if touched or _is_back(known, sighting):
            return _started_afresh(latest, sighting.now_ms)._replace(watch_id=sighting.watch_id)
        case "registered" if is_overwritten(known, latest):
            return _marked_changed(latest, etag=known.etag, size_bytes=known.size_bytes)
        case "pending":
            return _still_pending(latest, sighting, overwritten=is_overwritten(known, latest))
        case _:
            return latest


def is_overwritten(before: EntryRecord, after: EntryRecord) -> bool:
    """Return whether two records of one entry are of different bytes."""
    return (before.etag, before.size_bytes) != (after.etag, after.size_bytes)


def needs_no_look(known: EntryRecord, watch_id: int) -> bool:
    """Return whether seeing the same version again under `watch_id` cannot change the entry."""
    if known.state == PENDING:
        return known.watch_id == watch_id and known.due_at is not None
    return not known.returns_when_listed


def _is_touched(known: EntryRecord, listed: ObjectInfo) -> bool:
    return (listed.etag, listed.size_bytes, listed.modified_at) != (
        known.etag,
        known.size_bytes,
        known.modified_at,
    )


def _with_latest(known: EntryRecord, listed: ObjectInfo) -> EntryRecord:
    return known._replace(
        etag=listed.etag, size_bytes=listed.size_bytes, modified_at=listed.modified_at
    )


def _is_back(known: EntryRecord, sighting: Sighting) -> bool:
    """Return whether being listed proves that an object is no longer gone, or archived.

    An answer of before the entry failed proves nothing.  An entry that failed later than now did
    so by a clock that was set back since.
    """
    began_ms = sighting.began_ms if sighting.as_of is None else sighting.as_of
    failed_while_listing = began_ms <= (known.settled_at or 0) <= sighting.now_ms
    return known.returns_when_listed and not failed_while_listing


def _still_pending(latest: EntryRecord, sighting: Sighting, *, overwritten: bool) -> EntryRecord:
    """Forget the refusals of an overwritten object: they were of other bytes."""
    due_at = latest.due_at
    if due_at is None or (overwritten and latest.attempts > 0):
        due_at = sighting.now_ms
    attempts = 0 if overwritten else latest.attempts
    if (latest.watch_id, latest.due_at, latest.attempts) == (sighting.watch_id, due_at, attempts):
        return latest
    return latest._replace(watch_id=sighting.watch_id, due_at=due_at, attempts=attempts)


def _marked_changed(latest: EntryRecord, *, etag: str, size_bytes: int) -> EntryRecord:
    """Mark a registered entry as changed; remember which bytes were registered."""
    return latest._replace(
        changed=1,
        registered_etag=etag if latest.registered_etag is None else latest.registered_etag,
        registered_size=size_bytes if latest.registered_size is None else latest.registered_size,
    )


def _started_afresh(failed: EntryRecord, now_ms: int) -> EntryRecord:
    return failed._replace(
        state=PENDING, lane=FRESH, attempts=0, due_at=now_ms, reason=None, message=None
    )


# Claimed and settled


def claimed(waiting: EntryRecord) -> EntryRecord:
    """Return the entry once a call may carry it."""
    return waiting._replace(state=CLAIMED, due_at=None)


def recovered(in_call: EntryRecord, now_ms: int) -> EntryRecord:
    """Return a claimed entry whose process died: the call may have taken effect, so repeat it."""
    return in_call._replace(
        state=PENDING, due_at=now_ms, unknown_outcomes=in_call.unknown_outcomes + 1
    )


def refusal_counts(outcome: Outcome, *, streak: int) -> bool:
    """Return whether a refusal counts as an attempt.

    In a long streak, only a reason of the entry's own does: the bucket is at fault for the rest.
    """
    return isinstance(outcome, Refused) and (outcome.is_its_own or streak < LONG_STREAK)


def is_decision(known: EntryRecord, settlement: Settlement) -> bool:
    """Return whether a settlement decides anything of the entry as it is now.

    An unknown outcome does not, nor does a refusal of bytes that were overwritten.
    """
    match settlement.outcome:
        case Accepted():
            return True
        case Refused():
            return not _is_overwritten_since(known, settlement.entry)
        case _:
            return False


def _is_overwritten_since(known: EntryRecord, entry: Entry) -> bool:
    return (known.etag, known.size_bytes) != (entry.etag, entry.size_bytes)


def settled(
    known: EntryRecord,
    settlement: Settlement,
    *,
    max_attempts: int,
    now_ms: int,
    attempts_before_streak: int | None = None,
) -> EntryRecord:
    """Return the entry after its call.

    If the object was overwritten since the claim, an accepted entry is registered as claimed and
    marked as changed.  A refused one is queued again: the refusal was of other bytes.

    Args:
        known: the claimed entry, as the ledger has it now.
        settlement: what the call says of the entry as it was claimed.
        max_attempts: how many refusals make it failed.
        now_ms: our clock.
        attempts_before_streak: where the refusal does not count, the attempts to go back to.
    """
    entry, outcome = settlement.entry, settlement.outcome
    overwritten = _is_overwritten_since(known, entry)
    match outcome:
        case Accepted():
            return _accepted(known, entry, outcome, overwritten=overwritten)
        case Refused() if overwritten:
            return known._replace(
                state=PENDING, due_at=now_ms, attempts=0, unknown_outcomes=0, message=None
            )
        case Refused():
            refused = known._replace(
                state=PENDING, due_at=settlement.due_at, unknown_outcomes=0, message=outcome.message
            )
            if attempts_before_streak is not None:
                return refused._replace(attempts=attempts_before_streak)
            return _counted(refused, outcome, max_attempts=max_attempts)
        case Unknown():
            return known._replace(
                state=PENDING,
                due_at=settlement.due_at,
                unknown_outcomes=entry.unknown_outcomes + settlement.sent,
                message=NOT_MENTIONED if outcome.unmentioned else outcome.message,
            )
        case never:
            assert_never(never)


def _accepted(
    known: EntryRecord, entry: Entry, outcome: Accepted, *, overwritten: bool
) -> EntryRecord:
    registered = known._replace(
        state=REGISTERED,
        media_id=outcome.media_id,
        new_register=int(outcome.new_register),
        message=None,
        unknown_outcomes=0,
    )
    if not overwritten:
        return registered
    return registered._replace(
        changed=1, registered_etag=entry.etag, registered_size=entry.size_bytes
    )


def _counted(refused: EntryRecord, outcome: Refused, *, max_attempts: int) -> EntryRecord:
    counted = refused._replace(attempts=refused.attempts + 1)
    is_last = outcome.final or counted.attempts >= max_attempts
    return _failed(counted, outcome.reason) if is_last else counted


def _failed(refused: EntryRecord, reason: Failure) -> EntryRecord:
    return refused._replace(state=FAILED, reason=reason.value, due_at=None)


# Streaks of refusals


def refusal_undone(known: EntryRecord, *, attempts_before: int, now_ms: int) -> EntryRecord:
    """Return a member of a streak that turns out to be its bucket's fault.

    One that waits, or failed without a reason of its own, is queued as before its refusal.  One in
    a call loses its refusal too: that call may be suppressed, and then nothing else takes it back.
    """
    if known.state == CLAIMED:
        return known._replace(attempts=attempts_before)
    failed_by_streak = known.state == FAILED and known.reason in _ENDED_BY_STREAK
    if not (failed_by_streak or known.is_waiting):
        return known
    return known._replace(state=PENDING, reason=None, attempts=attempts_before, due_at=now_ms)


def streak_ended(
    known: EntryRecord, *, attempts_before: int, max_attempts: int, now_ms: int
) -> EntryRecord:
    """Return a member of a long streak that has ended: one that waits has one refusal now.

    One that had all its refusals before, and was asked once more, is exhausted and fails: files
    that VOD never takes would otherwise make one streak after the other.
    """
    if not known.is_waiting:
        return known
    refused = known._replace(attempts=attempts_before + 1, due_at=now_ms)
    if min(attempts_before, known.attempts) >= max_attempts:
        return _failed(refused, Failure.REFUSED)
    return refused


# Asked for by a person


def retried(failed: EntryRecord, now_ms: int) -> EntryRecord:
    """Return a failed entry that is queued again, ahead of a backfill."""
    return _started_afresh(failed, now_ms)


def acknowledged(registered: EntryRecord) -> EntryRecord:
    """Return a registered entry whose change a person has seen to."""
    return registered._replace(changed=0, registered_etag=None, registered_size=None)


# Reassigned


class Assignment(NamedTuple):
    """Whose a pending entry is, and when it is due; None = no watch selects it."""

    watch_id: int
    due_at: int | None


def reassigned(now: Assignment, owner_id: int | None, *, now_ms: int) -> Assignment:
    """Return whose a pending entry becomes if `owner_id` selects it; None = no watch does.

    One that no watch selects waits under its old watch, and is never due.
    """
    if owner_id is None:
        return Assignment(now.watch_id, None)
    return Assignment(owner_id, now_ms if now.due_at is None else now.due_at)

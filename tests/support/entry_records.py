"""Entries as the ledger has them, and what listings and calls make of them."""

from __future__ import annotations

from watcher.ledger import transitions
from watcher.ledger.entry_record import EntryRecord, Sighting
from watcher.model import (
    Accepted,
    Entry,
    Failure,
    ObjectInfo,
    Outcome,
    Refused,
    Settlement,
)

NOW = 1_800_000_000_000
EARLIER = NOW - 5_000
WAITING = EntryRecord(
    key="a",
    watch_id=1,
    state="pending",
    lane=1,
    etag="E1",
    size_bytes=5,
    modified_at=100,
    due_at=EARLIER,
)
CLAIMED = transitions.claimed(WAITING)
REGISTERED = CLAIMED._replace(state="registered", media_id="M", new_register=1)
ACCEPTED = Accepted(media_id="M", new_register=True)
REFUSED = Refused(reason=Failure.REFUSED, message="no")
GONE = Refused(reason=Failure.GONE, message="not there", final=True)


def failed(reason: Failure, *, settled_at: int = EARLIER, attempts: int = 3) -> EntryRecord:
    return WAITING._replace(
        state="failed",
        due_at=None,
        reason=reason.value,
        message="no",
        attempts=attempts,
        settled_at=settled_at,
    )


def listed(*, etag: str = "E1", size_bytes: int = 5, modified_at: int = 100) -> ObjectInfo:
    return ObjectInfo("a", etag, size_bytes, modified_at)


TOUCHED = listed(modified_at=101)
OVERWRITTEN = [listed(etag="E2"), listed(size_bytes=6)]


def see(
    known: EntryRecord, found: ObjectInfo, *, watch_id: int = 1, as_of: int | None = None
) -> EntryRecord:
    sighting = Sighting(watch_id=watch_id, now_ms=NOW, began_ms=NOW - 1_000, as_of=as_of)
    return transitions.seen_again(known, found, sighting)


def settle(
    known: EntryRecord,
    outcome: Outcome,
    *,
    attempts: int = 0,
    unknown_outcomes: int = 0,
    sent: bool = True,
    attempts_before_streak: int | None = None,
) -> EntryRecord:
    entry = Entry(
        bucket="b",
        key="a",
        watch="w",
        etag="E1",
        size_bytes=5,
        modified_at=100,
        attempts=attempts,
        unknown_outcomes=unknown_outcomes,
    )
    return transitions.settled(
        known,
        Settlement(entry=entry, outcome=outcome, due_at=NOW + 7, sent=sent),
        max_attempts=3,
        now_ms=NOW,
        attempts_before_streak=attempts_before_streak,
    )

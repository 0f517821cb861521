"""The transitions of an entry: seen again, claimed, settled, retried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.entry_records import (
    ACCEPTED,
    CLAIMED,
    EARLIER,
    GONE,
    NOW,
    OVERWRITTEN,
    REFUSED,
    REGISTERED,
    TOUCHED,
    WAITING,
    failed,
    listed,
    see,
    settle,
)
from watcher.ledger import transitions
from watcher.ledger.transitions import Assignment
from watcher.model import (
    Entry,
    Failure,
    ObjectInfo,
    Outcome,
    Settlement,
    Unknown,
)

if TYPE_CHECKING:
    from watcher.ledger.entry_record import EntryRecord


@pytest.mark.parametrize(("modified_at", "lane"), [(100, 0), (99, 1)])
def test_a_new_object_is_due_at_once_and_fresh_only_if_modified_lately(
    modified_at: int, lane: int
) -> None:
    found = listed(modified_at=modified_at)
    new = transitions.discovered(found, watch_id=2, fresh_since=100, now_ms=NOW)
    assert (new.state, new.lane, new.due_at, new.watch_id) == ("pending", lane, NOW, 2)


@pytest.mark.parametrize("known", [WAITING, CLAIMED, REGISTERED, failed(Failure.REFUSED)])
def test_the_same_version_seen_again_changes_nothing(known: EntryRecord) -> None:
    assert see(known, listed()) is known


def test_a_pending_entry_moves_to_the_watch_that_sees_it() -> None:
    assert see(WAITING, listed(), watch_id=2) == WAITING._replace(watch_id=2)


def test_an_entry_that_no_watch_selected_is_due_when_seen() -> None:
    assert see(WAITING._replace(due_at=None), listed()) == WAITING._replace(due_at=NOW)


@pytest.mark.parametrize("found", OVERWRITTEN)
def test_the_refusals_of_overwritten_bytes_are_forgotten(found: ObjectInfo) -> None:
    after = see(WAITING._replace(attempts=2), found)
    assert (after.attempts, after.due_at, after.etag, after.size_bytes) == (
        *(0, NOW),
        *(found.etag, found.size_bytes),
    )


def test_a_touched_pending_entry_keeps_its_refusals_and_its_place() -> None:
    before = WAITING._replace(attempts=2)
    assert see(before, TOUCHED) == before._replace(modified_at=101)


@pytest.mark.parametrize("found", OVERWRITTEN)
def test_a_registered_entry_is_marked_changed_and_keeps_its_watch(found: ObjectInfo) -> None:
    after = see(REGISTERED, found, watch_id=2)
    assert (after.state, after.changed, after.watch_id) == ("registered", 1, 1)
    assert (after.registered_etag, after.registered_size) == ("E1", 5)
    assert transitions.is_overwritten(REGISTERED, after)


def test_a_second_overwrite_does_not_replace_what_was_registered() -> None:
    after = see(see(REGISTERED, listed(etag="E2")), listed(etag="E3"))
    assert (after.etag, after.registered_etag) == ("E3", "E1")


def test_a_touched_registered_entry_is_not_marked() -> None:
    assert see(REGISTERED, TOUCHED) == REGISTERED._replace(modified_at=101)


@pytest.mark.parametrize("found", [TOUCHED, *OVERWRITTEN])
def test_a_failed_entry_starts_afresh_with_another_version(found: ObjectInfo) -> None:
    after = see(failed(Failure.REFUSED), found, watch_id=2)
    assert (after.state, after.reason, after.message) == ("pending", None, None)
    assert (after.attempts, after.due_at, after.lane, after.watch_id) == (0, NOW, 0, 2)


@pytest.mark.parametrize("reason", [Failure.GONE, Failure.ARCHIVED])
def test_a_gone_or_archived_entry_is_back_once_a_later_listing_shows_it(reason: Failure) -> None:
    assert see(failed(reason), listed()).state == "pending"


@pytest.mark.parametrize("settled_at", [NOW - 1_000, NOW])
def test_an_entry_that_failed_while_it_was_listed_stays_failed(settled_at: int) -> None:
    known = failed(Failure.GONE, settled_at=settled_at)
    assert see(known, listed()) is known


def test_an_entry_that_failed_in_the_future_is_back() -> None:
    """The clock was set back since."""
    assert see(failed(Failure.GONE, settled_at=NOW + 1), listed()).state == "pending"


@pytest.mark.parametrize("modified_at", [99, 100])
def test_a_snapshot_of_an_older_version_changes_nothing(modified_at: int) -> None:
    assert see(REGISTERED, listed(etag="E2", modified_at=modified_at), as_of=50) is REGISTERED


def test_a_snapshot_of_a_later_version_counts() -> None:
    assert see(REGISTERED, listed(etag="E2", modified_at=101), as_of=50).changed


def test_a_snapshot_shows_nothing_of_what_failed_after_it() -> None:
    assert see(failed(Failure.GONE), listed(), as_of=EARLIER - 1).state == "failed"
    assert see(failed(Failure.GONE), listed(), as_of=EARLIER + 1).state == "pending"


def test_a_recovered_claim_is_due_now_and_its_outcome_unknown() -> None:
    after = transitions.recovered(CLAIMED, NOW)
    assert after == WAITING._replace(due_at=NOW, unknown_outcomes=1)


def test_an_accepted_entry_is_registered() -> None:
    after = settle(CLAIMED._replace(message="?", unknown_outcomes=2), ACCEPTED)
    assert after == REGISTERED


def test_an_accepted_entry_that_was_overwritten_since_is_marked_changed() -> None:
    after = settle(CLAIMED._replace(etag="E2"), ACCEPTED)
    assert (after.state, after.changed, after.registered_etag) == ("registered", 1, "E1")


@pytest.mark.parametrize(("attempts", "state"), [(0, "pending"), (1, "pending"), (2, "failed")])
def test_refusals_are_counted_until_the_last_makes_it_failed(attempts: int, state: str) -> None:
    after = settle(CLAIMED._replace(attempts=attempts), REFUSED, attempts=attempts)
    assert (after.state, after.attempts, after.message) == (state, attempts + 1, "no")
    assert after.due_at == (NOW + 7 if state == "pending" else None)


def test_a_final_refusal_fails_at_once() -> None:
    after = settle(CLAIMED, GONE)
    assert (after.state, after.reason, after.due_at) == ("failed", "gone", None)
    assert after.returns_when_listed


def test_a_refusal_of_overwritten_bytes_counts_nothing() -> None:
    known = CLAIMED._replace(size_bytes=6, attempts=2)
    after = settle(known, GONE, attempts=2)
    assert (after.state, after.attempts, after.due_at) == ("pending", 0, NOW)


@pytest.mark.parametrize(("sent", "unknown_outcomes"), [(True, 2), (False, 1)])
def test_an_unknown_outcome_is_asked_again_and_counts_no_attempt(
    *, sent: bool, unknown_outcomes: int
) -> None:
    known = CLAIMED._replace(attempts=1)
    after = settle(known, Unknown(message="?"), attempts=1, unknown_outcomes=1, sent=sent)
    assert (after.state, after.attempts, after.unknown_outcomes) == ("pending", 1, unknown_outcomes)
    assert (after.due_at, after.message) == (NOW + 7, "?")


@pytest.mark.parametrize(
    ("known", "outcome", "decides"),
    [
        (CLAIMED, ACCEPTED, True),
        (CLAIMED, REFUSED, True),
        (CLAIMED._replace(etag="E2"), REFUSED, False),
        (CLAIMED._replace(etag="E2"), ACCEPTED, True),
        (CLAIMED, Unknown(message="?"), False),
    ],
)
def test_only_a_verdict_on_the_present_bytes_is_a_decision(
    known: EntryRecord, outcome: Outcome, *, decides: bool
) -> None:
    entry = Entry(
        bucket="b", key="a", watch="w", etag="E1", size_bytes=5, modified_at=100, attempts=0
    )
    settlement = Settlement(entry=entry, outcome=outcome, due_at=NOW)
    assert transitions.is_decision(known, settlement) == decides


def test_a_retried_entry_starts_afresh_ahead_of_a_backfill() -> None:
    after = transitions.retried(failed(Failure.REFUSED), NOW)
    assert (after.state, after.lane, after.attempts, after.due_at) == ("pending", 0, 0, NOW)
    assert (after.reason, after.message) == (None, None)


def test_an_acknowledged_change_leaves_no_mark() -> None:
    changed = see(REGISTERED, listed(etag="E2"))
    assert transitions.acknowledged(changed) == REGISTERED._replace(etag="E2")


@pytest.mark.parametrize(
    ("now", "owner_id", "becomes"),
    [
        (Assignment(1, 5), 1, Assignment(1, 5)),
        (Assignment(1, 5), 2, Assignment(2, 5)),
        (Assignment(1, 5), None, Assignment(1, None)),
        (Assignment(1, None), None, Assignment(1, None)),
        (Assignment(1, None), 2, Assignment(2, NOW)),
    ],
)
def test_a_pending_entry_follows_the_watch_that_selects_it(
    now: Assignment, owner_id: int | None, becomes: Assignment
) -> None:
    assert transitions.reassigned(now, owner_id, now_ms=NOW) == becomes

"""The transitions of the entries of a long streak of refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.entry_records import (
    ACCEPTED,
    CLAIMED,
    GONE,
    NOW,
    REFUSED,
    REGISTERED,
    WAITING,
    failed,
    settle,
)
from watcher.ledger import transitions
from watcher.model import (
    LONG_STREAK,
    NOT_MENTIONED,
    Failure,
    Outcome,
    Unknown,
)

if TYPE_CHECKING:
    from watcher.ledger.entry_record import EntryRecord


def test_a_refusal_in_a_long_streak_does_not_count() -> None:
    after = settle(CLAIMED, REFUSED, attempts=2, attempts_before_streak=1)
    assert (after.state, after.attempts, after.due_at) == ("pending", 1, NOW + 7)


@pytest.mark.parametrize(
    ("outcome", "streak", "counts"),
    [
        (REFUSED, LONG_STREAK - 1, True),
        (REFUSED, LONG_STREAK, False),
        (GONE, LONG_STREAK, True),
        (ACCEPTED, 0, False),
    ],
)
def test_in_a_long_streak_only_a_reason_of_its_own_counts(
    outcome: Outcome, streak: int, *, counts: bool
) -> None:
    assert transitions.refusal_counts(outcome, streak=streak) == counts


def test_an_unmentioned_entry_is_remembered_as_such() -> None:
    assert settle(CLAIMED, Unknown(message="?", unmentioned=True)).message == NOT_MENTIONED


@pytest.mark.parametrize("reason", [Failure.REFUSED, Failure.BAD_REQUEST])
def test_a_streak_that_is_the_buckets_fault_undoes_its_refusals(reason: Failure) -> None:
    after = transitions.refusal_undone(failed(reason), attempts_before=2, now_ms=NOW)
    assert (after.state, after.reason, after.attempts, after.due_at) == ("pending", None, 2, NOW)


def test_a_waiting_member_of_a_long_streak_loses_its_refusal() -> None:
    known = WAITING._replace(attempts=1)
    after = transitions.refusal_undone(known, attempts_before=0, now_ms=NOW)
    assert after == WAITING._replace(due_at=NOW)


@pytest.mark.parametrize("known", [failed(Failure.GONE), REGISTERED, WAITING._replace(due_at=None)])
def test_no_other_member_of_a_streak_changes(known: EntryRecord) -> None:
    assert transitions.refusal_undone(known, attempts_before=2, now_ms=NOW) is known


def test_a_member_in_a_call_loses_its_refusal_and_stays_claimed() -> None:
    """The breaker that opens now may suppress the call, whose outcome is then unknown."""
    in_call = CLAIMED._replace(attempts=1)
    after = transitions.refusal_undone(in_call, attempts_before=0, now_ms=NOW)
    assert after == in_call._replace(attempts=0)

    back = settle(after, Unknown(message="suppressed"), attempts=1, sent=False)
    assert (back.state, back.attempts) == ("pending", 0)


def test_a_streak_that_ends_leaves_each_waiting_member_one_refusal() -> None:
    after = transitions.streak_ended(WAITING, attempts_before=1, max_attempts=3, now_ms=NOW)
    assert after == WAITING._replace(attempts=2, due_at=NOW)


@pytest.mark.parametrize(("attempts", "state"), [(3, "failed"), (2, "pending")])
def test_an_exhausted_member_fails_when_the_streak_ends(attempts: int, state: str) -> None:
    known = WAITING._replace(attempts=attempts)
    after = transitions.streak_ended(known, attempts_before=3, max_attempts=3, now_ms=NOW)
    assert after.state == state
    assert (after.reason, after.due_at) == (("refused", None) if state == "failed" else (None, NOW))

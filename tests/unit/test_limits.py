"""Pace and bisection, on a clock that only moves when it is waited on."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.errors import AccountRefused, CallRefused, CallSuppressed, Throttled
from watcher.model import (
    Accepted,
    BatchResult,
    CallOptions,
    Failure,
    Media,
    Outcome,
    Refused,
    Unknown,
)
from watcher.pace import Pace
from watcher.registration.bisect import Bisecting
from watcher.registration.gate import CallCounter, Gate
from watcher.registration.ticket import Admission, CallTicket

if TYPE_CHECKING:
    from collections.abc import Sequence


class SteppedClock:
    """Moves when waited on, and by `late_s` more, as real wake-ups do."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.at = 0.0
        self.late_s = late_s

    def now_ms(self) -> int:
        return int(self.at * 1000)

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> bool:
        self.at += seconds + (self.late_s if seconds > 0 else 0.0)
        return False


def media(*keys: str) -> list[Media]:
    return [Media(bucket="b", key=key, file_url=f"https://b/{key}", title=key) for key in keys]


@given(rate=st.integers(1, 60), late_s=st.floats(0, 0.01))
def test_no_sliding_second_holds_more_than_the_rate_and_95_percent_are_used(
    rate: int, late_s: float
) -> None:
    clock = SteppedClock(late_s)
    pace = Pace(rate, clock)
    passed_at = []
    for _ in range(rate * 10):
        pace.wait()
        passed_at.append(clock.at)

    assert max(sum(1 for at in passed_at if start <= at < start + 1) for start in passed_at) <= rate
    assert len(passed_at) / (passed_at[-1] - passed_at[0] + 1 / rate) >= 0.95 * rate


def test_the_first_slot_is_free_and_a_rest_puts_off_the_next_one() -> None:
    clock = SteppedClock()
    pace = Pace(10, clock)
    pace.wait()
    assert clock.at == 0
    pace.wait(5.0)
    assert clock.at == 5.0
    pace.wait()
    assert 5.1 <= clock.at < 5.2


def test_a_sliding_second_is_full_however_late_the_wake_ups_are() -> None:
    """One a second: a wake-up that was late is no reason to hurry the next beyond it."""
    clock = SteppedClock()
    pace = Pace(1, clock)
    passed_at = []
    for late_s in (0.0, 0.9, 0.0, 0.0):
        clock.late_s = late_s
        pace.wait()
        passed_at.append(clock.at)
    assert all(b - a >= 1.0 for a, b in itertools.pairwise(passed_at))


class Stopping(SteppedClock):
    """A process that was asked to stop."""

    def wait(self, seconds: float) -> bool:  # noqa: ARG002 (the port's)
        return True


def test_a_stopping_process_takes_no_slot() -> None:
    assert Pace(1, Stopping()).wait() is False


class Scripted:
    """A registrar that refuses calls with a bad item, or does as its script says."""

    def __init__(
        self, bad: frozenset[str] = frozenset(), script: Sequence[Exception | None] = ()
    ) -> None:
        self.bad = bad
        self.script = list(script)
        self.calls: list[list[str]] = []

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        assert isinstance(options, CallOptions)
        keys = [item.key for item in batch]
        self.calls.append(keys)
        if self.script and (error := self.script.pop(0)):
            raise error
        if self.bad & set(keys):
            raise CallRefused("no", code="InvalidParameter", request_id="R")
        outcomes: dict[str, Outcome] = {
            key: Accepted(media_id=key, new_register=True) for key in keys
        }
        return BatchResult(outcomes=outcomes, request_id=f"R{len(self.calls)}")


@pytest.mark.parametrize("bad", range(10))
def test_one_bad_item_of_ten_costs_at_most_eight_extra_calls(bad: int) -> None:
    inner = Scripted(frozenset({f"k{bad}"}))

    result = Bisecting(inner).register(media(*(f"k{n}" for n in range(10))), CallOptions())

    refused = {key for key, outcome in result.outcomes.items() if isinstance(outcome, Refused)}
    assert refused == {f"k{bad}"}
    assert len(result.outcomes) == 10
    assert len(inner.calls) <= 9
    assert result.request_id.startswith("R")
    outcome = result.outcomes[f"k{bad}"]
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.final) == (Failure.BAD_REQUEST, True)


def test_illegal_characters_keep_their_own_reason() -> None:
    inner = Scripted(script=[CallRefused("no", code="IllegalCharacters", request_id="R0")])
    result = Bisecting(inner).register(media("a"), CallOptions())
    assert result.request_id == "R0"
    assert result.outcomes["a"] == Refused(
        reason=Failure.ILLEGAL_CHARACTERS, message="no", final=True
    )


def test_a_fault_in_one_half_does_not_lose_the_answer_of_the_other() -> None:
    inner = Scripted(script=[CallRefused("no"), None, AccountRefused("stop")])
    result = Bisecting(inner).register(media("a", "b"), CallOptions())
    assert result.outcomes == {
        "a": Accepted(media_id="a", new_register=True),
        "b": Unknown(message="stop"),
    }
    assert isinstance(result.error, AccountRefused)
    assert result.request_id == "R2"


def test_the_halves_after_an_error_keep_the_outcomes_of_those_before() -> None:
    inner = Scripted(script=[CallRefused("no"), CallRefused("no"), None, Throttled("slow")])
    result = Bisecting(inner).register(media("a", "b", "c", "d"), CallOptions())
    assert result.outcomes["a"] == Accepted(media_id="a", new_register=True)
    assert {result.outcomes[key] for key in "bcd"} == {Unknown(message="slow")}


def test_an_error_that_stops_the_account_stops_the_halving() -> None:
    inner = Scripted(script=[CallRefused("no"), AccountRefused("stop")])
    result = Bisecting(inner).register(media("a", "b", "c", "d"), CallOptions())
    assert len(inner.calls) == 2
    assert set(result.outcomes.values()) == {Unknown(message="stop")}


def test_a_call_that_waited_while_a_breaker_opened_is_suppressed_and_not_counted() -> None:
    inner = Scripted()

    def closed(ticket: CallTicket) -> None:
        raise CallSuppressed(ticket.bucket)

    counter, ticket = (
        CallCounter(inner),
        CallTicket(bucket="b", admission=Admission.CALL, admitted_at=0.0),
    )
    with pytest.raises(CallSuppressed):
        Gate(counter, ticket, check=closed).register(media("a"), CallOptions())
    assert (counter.calls, inner.calls) == (0, [])
    asked: list[CallTicket] = []
    gate = Gate(counter, ticket, check=asked.append)
    for key in "abc":
        assert set(gate.register(media(key), CallOptions()).outcomes) == {key}
    assert (counter.calls, asked) == (3, [ticket] * 3)


def test_slots_are_shared_by_threads() -> None:
    """Eight threads together take no more slots than one would."""
    clock = SteppedClock()
    pace = Pace(10, clock)
    threads = [threading.Thread(target=lambda: [pace.wait() for _ in range(5)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.at >= 3.9

"""The effect of one call: when entries are due again, and what the breakers learn."""

from __future__ import annotations

import pytest

from tests.support.scripted_calls import (
    ACCEPTED,
    GROUP,
    OPTIONS,
    REFUSED,
    UNANSWERED,
    UNMENTIONED,
    World,
    breakers,
    call,
    calling,
    claim,
)
from watcher.errors import (
    AccountRefused,
    BucketRefused,
    CallSuppressed,
    CloudError,
    Throttled,
    Unanswered,
    Unreachable,
)
from watcher.model import (
    BatchResult,
    Breaker,
    BreakerKind,
    Failure,
    Refused,
    Settled,
    Unknown,
)
from watcher.registration.breaker import Admission
from watcher.registration.call import Group


def test_a_first_refusal_is_due_at_once_and_later_ones_wait_twice_as_long_each() -> None:
    world = World(BatchResult(outcomes={"k": REFUSED}))
    caller = calling(world)
    waits = []
    for attempts in range(5):
        caller.run(GROUP, claim(attempts), world.at)
        waits.append(round(world.due_in_s()))
    assert waits == [0, 2, 4, 8, 16]


def test_an_entry_that_no_answer_mentions_waits_longer_each_time_and_stops_nobody_else() -> None:
    world = World(UNMENTIONED)
    caller = calling(world)
    waits = []
    for doubts in range(5):
        caller.run(GROUP, claim(doubts=doubts), world.at)
        waits.append(round(world.due_in_s()))
    assert waits == [2, 4, 8, 16, 32]
    assert caller.breakers.admit("b") is Admission.CALL


def test_retry_after_is_honoured_and_capped() -> None:
    world = World(Throttled("slow", retry_after_s=20))
    caller = calling(world)
    caller.run(GROUP, claim(), world.at)
    assert world.due_in_s() == 20
    world.answer = Throttled("slow", retry_after_s=99_999)
    caller.run(GROUP, claim(), world.at)
    assert world.due_in_s() == 3600


@pytest.mark.parametrize("answer", [Unreachable("no"), UNANSWERED, Unanswered("?")])
def test_three_unanswered_calls_in_a_row_open_the_account(answer: BatchResult | CloudError) -> None:
    """From then on one probe at a time, at most a minute apart; any answer closes it."""
    world = World(answer)
    world.give_up.begin()
    caller = calling(world)
    for n in range(3):
        assert caller.breakers.admit("b") is Admission.CALL, n
        call(caller, world)
    assert (caller.breakers.admit("b"), caller.breakers.is_open) == (Admission.NONE, True)
    assert world.emitted == ["breaker.opened"]
    rests = []
    for _ in range(8):
        rests.append(round(caller.breakers.rest_s("b")))
        world.at += caller.breakers.rest_s("b")
        call(caller, world)
    assert rests == [
        2,
        4,
        8,
        15,
        32,
        60,
        60,
        60,
    ]  # the fourth was brought forward: the run gives up a second later
    assert world.remembered[""].probes == 8
    world.decided += 1
    call(caller, world, ACCEPTED)
    assert (caller.breakers.admit("b"), world.remembered) == (Admission.CALL, {})
    assert world.emitted == ["breaker.opened", "breaker.closed"]


def test_two_unanswered_calls_and_an_answer_open_nothing() -> None:
    world = World(UNANSWERED)
    caller = calling(world)
    for answer in [UNANSWERED, UNANSWERED, ACCEPTED, UNANSWERED, UNANSWERED]:
        call(caller, world, answer)
    assert world.remembered == {}


def test_a_silent_service_is_given_up_after_the_patience_and_a_throttling_one_too() -> None:
    for answer in (Unreachable("no"), Throttled("slow")):
        world = World(answer)
        world.give_up.begin()
        caller = calling(world)
        for _ in range(3):
            call(caller, world)
        assert caller.breakers.may_call("b")
        world.at += 31
        assert not caller.breakers.may_call("b")
        assert caller.breakers.error(["b"], waiting=True) is answer
        assert caller.breakers.error(["b"], waiting=False) is None


def test_throttling_is_an_answer_and_opens_nothing() -> None:
    world = World(Throttled("slow"))
    caller = calling(world)
    for _ in range(10):
        call(caller, world)
    assert (caller.breakers.admit("b"), world.remembered) == (Admission.CALL, {})


def test_a_fault_of_the_account_stops_all_and_one_of_a_bucket_that_bucket() -> None:
    world = World(BucketRefused("not added"))
    caller = calling(world)
    call(caller, world)
    assert (caller.breakers.admit("b"), caller.breakers.admit("other")) == (
        Admission.NONE,
        Admission.CALL,
    )
    call(caller, world, AccountRefused("arrears"))
    assert caller.breakers.admit("other") is Admission.NONE
    assert str(caller.breakers.error(["b"], waiting=True)) == "arrears"
    assert {type(settlement.outcome) for settlement in world.settled} == {Unknown}
    assert {settlement.due_at <= world.now_ms() for settlement in world.settled} == {True}


def test_a_fault_met_while_halving_stops_calls_too() -> None:
    world = World(
        BatchResult(outcomes={"k": Unknown(message="stop")}, error=AccountRefused("stop"))
    )
    caller = calling(world)
    call(caller, world)
    assert caller.breakers.admit("b") is Admission.NONE


def test_a_remembered_breaker_is_probed_at_once_by_one_call_and_an_answer_closes_it() -> None:
    world = World(AccountRefused("arrears", hint="pay"))
    call(calling(world), world)
    assert world.remembered[""].reason == "arrears"

    later = calling(world)
    assert later.breakers.admit("b") is Admission.PROBE
    later.breakers.call_claimed("b")
    assert later.breakers.admit("b") is Admission.NONE
    call(later, world)
    assert (later.breakers.admit("b"), later.breakers.may_call("b")) == (Admission.NONE, False)
    assert world.remembered[""].probes == 1
    assert world.remembered[""].next_probe_at > world.now_ms()

    last = calling(world)
    call(last, world, ACCEPTED)
    assert (last.breakers.admit("b"), world.remembered) == (Admission.CALL, {})


def test_an_answer_to_a_call_from_before_the_breaker_opened_does_not_close_it() -> None:
    world = World(ACCEPTED)
    first, second = calling(world), Group(bucket="c", watches=("w",), options=OPTIONS)
    began = world.at
    call(first, world, AccountRefused("revoked"))
    first.breakers.carry_out(began)
    first.breakers.answered(second.bucket)
    assert "" in world.remembered


def test_a_call_held_back_is_no_verdict_and_the_probe_may_be_made_again() -> None:
    world = World(AccountRefused("arrears"))
    call(calling(world), world)
    later = calling(world)
    call(later, world, CallSuppressed("stopping"))
    assert (later.breakers.admit("b"), world.remembered[""].probes) == (Admission.PROBE, 0)


def test_a_streak_of_refusals_stops_its_bucket_until_one_is_accepted() -> None:
    world = World(BatchResult(outcomes={"k": REFUSED}))
    caller = calling(world)
    world.came_to = Settled(streak=50, streak_began=True)
    call(caller, world)
    assert caller.breakers.admit("b") is Admission.NONE
    assert "50 different files" in str(caller.breakers.error(["b"], waiting=True))

    later = calling(world)
    assert later.breakers.admit("b") is Admission.PROBE_ALONE
    gone = Refused(reason=Failure.GONE, message="gone", final=True)
    call(later, world, BatchResult(outcomes={"k": gone}))
    assert later.breakers.admit("b") is Admission.PROBE_ALONE, (
        "a file's own reason is no verdict on the bucket"
    )
    world.came_to = Settled(registered=1, streak_ended=True)
    call(later, world, ACCEPTED)
    assert (later.breakers.admit("b"), world.remembered) == (Admission.CALL, {})


def test_a_refused_probe_of_an_account_does_not_wait_beyond_the_longest_delay() -> None:
    world = World(AccountRefused("arrears"))
    world.remembered[""] = Breaker(
        bucket="", kind=BreakerKind.REFUSED, reason="r", hint="", opened_at=0, probes=40
    )
    found = breakers(world, max_delay_ms=10_000)
    found.call_claimed("b")
    found.carry_out(world.at)
    found.failed("b", AccountRefused("arrears", retry_after_s=9999))
    assert round(found.rest_s("b")) == 10

"""The effect of one call: when entries are due again, and what the breakers learn."""

from __future__ import annotations

import pytest

from tests.support.scripted_calls import (
    ACCEPTED,
    REFUSED,
    UNANSWERED,
    UNMENTIONED,
    Process,
    World,
    claim,
    ticket,
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
from watcher.registration.ticket import Admission


def test_a_first_refusal_is_due_at_once_and_later_ones_wait_twice_as_long_each() -> None:
    world = World(BatchResult(outcomes={"k": REFUSED}))
    process = Process(world)
    waits = []
    for attempts in range(5):
        process.settle(claim(attempts))
        waits.append(round(world.due_in_s()))
    assert waits == [0, 2, 4, 8, 16]


def test_an_entry_that_no_answer_mentions_waits_longer_each_time_and_stops_nobody_else() -> None:
    world = World(UNMENTIONED)
    process = Process(world)
    waits = []
    for unknown_outcomes in range(5):
        process.settle(claim(unknown_outcomes=unknown_outcomes))
        waits.append(round(world.due_in_s()))
    assert waits == [2, 4, 8, 16, 32]
    assert process.admits() is Admission.CALL


def test_retry_after_is_honoured_and_capped() -> None:
    world = World(Throttled("slow", retry_after_s=20))
    process = Process(world)
    process.settle(claim())
    assert world.due_in_s() == 20
    world.answer = Throttled("slow", retry_after_s=99_999)
    process.settle(claim())
    assert world.due_in_s() == 3600


@pytest.mark.parametrize("answer", [Unreachable("no"), UNANSWERED, Unanswered("?")])
def test_three_unanswered_calls_in_a_row_open_the_account(answer: BatchResult | CloudError) -> None:
    """From then on one probe at a time, at most a minute apart; any answer closes it."""
    world = World(answer)
    world.give_up.begin()
    process = Process(world)
    for n in range(3):
        assert process.admits() is Admission.CALL, n
        process.call()
    assert (process.admits(), process.admissions.one_at_a_time) == (None, True)
    assert world.emitted == ["breaker.opened"]
    rests = []
    for _ in range(8):
        rests.append(round(process.admissions.rest_s("b")))
        world.at += process.admissions.rest_s("b")
        process.call()
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
    process.call(ACCEPTED)
    assert (process.admits(), world.remembered) == (Admission.CALL, {})
    assert world.emitted == ["breaker.opened", "breaker.closed"]


def test_two_unanswered_calls_and_an_answer_open_nothing() -> None:
    world = World(UNANSWERED)
    process = Process(world)
    for answer in [UNANSWERED, UNANSWERED, ACCEPTED, UNANSWERED, UNANSWERED]:
        process.call(answer)
    assert world.remembered == {}


def test_a_silent_service_is_given_up_after_the_patience_and_a_throttling_one_too() -> None:
    for answer in (Unreachable("no"), Throttled("slow")):
        world = World(answer)
        world.give_up.begin()
        process = Process(world)
        for _ in range(3):
            process.call()
        assert process.admissions.may_call("b")
        world.at += 31
        assert not process.admissions.may_call("b")
        assert process.verdicts.error(["b"]) is answer
        assert process.verdicts.error([]) is None


def test_throttling_is_an_answer_and_opens_nothing() -> None:
    world = World(Throttled("slow"))
    process = Process(world)
    for _ in range(10):
        process.call()
    assert (process.admits(), world.remembered) == (Admission.CALL, {})


def test_a_fault_of_the_account_stops_all_and_one_of_a_bucket_that_bucket() -> None:
    world = World(BucketRefused("not added"))
    process = Process(world)
    process.call()
    assert (process.admits(), process.admits("other")) == (
        None,
        Admission.CALL,
    )
    process.call(AccountRefused("arrears"))
    assert process.admits("other") is None
    assert str(process.verdicts.error(["b"])) == "arrears"
    assert {type(settlement.outcome) for settlement in world.settled} == {Unknown}
    assert {settlement.due_at <= world.now_ms() for settlement in world.settled} == {True}


def test_a_fault_met_while_halving_stops_calls_too() -> None:
    world = World(
        BatchResult(outcomes={"k": Unknown(message="stop")}, error=AccountRefused("stop"))
    )
    process = Process(world)
    process.call()
    assert process.admits() is None


def test_a_remembered_breaker_is_probed_at_once_by_one_call_and_an_answer_closes_it() -> None:
    world = World(AccountRefused("arrears", hint="pay"))
    Process(world).call()
    assert world.remembered[""].reason == "arrears"

    later = Process(world)
    assert later.admits() is Admission.PROBE
    later.admissions.claimed(ticket(world))
    assert later.admits() is None
    later.call()
    assert (later.admits(), later.admissions.may_call("b")) == (None, False)
    assert world.remembered[""].probes == 1
    assert world.remembered[""].next_probe_at > world.now_ms()

    last = Process(world)
    last.call(ACCEPTED)
    assert (last.admits(), world.remembered) == (Admission.CALL, {})


def test_an_answer_to_a_call_from_before_the_breaker_opened_does_not_close_it() -> None:
    world = World(ACCEPTED)
    process = Process(world)
    earlier = ticket(world, "c")
    process.call(AccountRefused("revoked"))
    process.verdicts.answered(earlier)
    assert "" in world.remembered


def test_a_call_from_before_a_breaker_opened_is_suppressed_and_one_from_after_is_made() -> None:
    world = World(ACCEPTED)
    process = Process(world)
    earlier, other = ticket(world), ticket(world, "c")
    process.call(BucketRefused("not added"))
    with pytest.raises(CallSuppressed, match="not added"):
        process.admissions.check(earlier)
    process.admissions.check(ticket(world))
    process.admissions.check(other)


def test_a_suppressed_call_is_no_verdict_and_the_probe_may_be_made_again() -> None:
    world = World(AccountRefused("arrears"))
    Process(world).call()
    later = Process(world)
    later.call(CallSuppressed("stopping"))
    assert (later.admits(), world.remembered[""].probes) == (Admission.PROBE, 0)


def test_a_streak_of_refusals_stops_its_bucket_until_one_is_accepted() -> None:
    world = World(BatchResult(outcomes={"k": REFUSED}))
    process = Process(world)
    world.came_to = Settled(streak=50, streak_began=True)
    process.call()
    assert process.admits() is None
    assert "50 different files" in str(process.verdicts.error(["b"]))

    later = Process(world)
    assert later.admits() is Admission.PROBE_ALONE
    gone = Refused(reason=Failure.GONE, message="gone", final=True)
    later.call(BatchResult(outcomes={"k": gone}))
    assert later.admits() is Admission.PROBE_ALONE, (
        "a file's own reason is no verdict on the bucket"
    )
    world.came_to = Settled(registered=1, streak_ended=True)
    later.call(ACCEPTED)
    assert (later.admits(), world.remembered) == (Admission.CALL, {})


def test_a_refused_probe_of_an_account_does_not_wait_beyond_the_longest_delay() -> None:
    world = World(AccountRefused("arrears"))
    world.remembered[""] = Breaker(
        bucket="", kind=BreakerKind.REFUSED, reason="r", hint="", opened_at=0, probes=40
    )
    process = Process(world, max_delay_ms=10_000)
    process.admissions.claimed(ticket(world))
    process.verdicts.failed(ticket(world), AccountRefused("arrears", retry_after_s=9999))
    assert round(process.admissions.rest_s("b")) == 10

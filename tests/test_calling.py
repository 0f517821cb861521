"""What one call comes to: when each entry is due again, and what the breakers learn of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from watcher.breaker import Admission, Breakers, Patience
from watcher.calling import Calling, Group, Policy
from watcher.errors import AccountRefused, BucketRefused, CloudError, HeldBack, NotSent, Throttled, Unanswered
from watcher.giving_up import GiveUp
from watcher.model import (
    Accepted,
    BatchResult,
    Breaker,
    BreakerKind,
    CallOptions,
    Claim,
    Entry,
    Failure,
    Media,
    ObjectInfo,
    Refused,
    Settled,
    Settlement,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTIONS = CallOptions()
GROUP = Group(bucket="b", watches=("w",), options=OPTIONS)
REFUSED = Refused(reason=Failure.REFUSED, message="no")
UNMENTIONED = BatchResult(outcomes={"k": Unknown(message="?", unmentioned=True)})
UNANSWERED = BatchResult(outcomes={"k": Unknown(message="?")}, error=Unanswered("?"))
ACCEPTED = BatchResult(outcomes={"k": Accepted(media_id="m", new_register=True)})


class World:
    """A clock that moves when told, a ledger that remembers what was settled, a registrar that does as told."""

    def __init__(self, answer: BatchResult | CloudError) -> None:
        self.answer = answer
        self.at = 1000.0
        self.settled: list[Settlement] = []
        self.came_to = Settled()
        self.remembered: dict[str, Breaker] = {}
        self.emitted: list[str] = []
        self.decided = 0
        self.give_up = GiveUp(self, after_s=30, decisions=lambda: self.decided)

    def now_ms(self) -> int:
        return int(self.at * 1000)

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> bool:
        self.at += seconds
        return False

    def register(self, batch: Sequence[Media], options: CallOptions) -> BatchResult:
        assert options is OPTIONS
        assert batch
        if isinstance(self.answer, CloudError):
            raise self.answer
        return self.answer

    def settle(
        self, claim: Claim, settlements: Sequence[Settlement], *, request_id: str, max_attempts: int, now_ms: int
    ) -> Settled:
        assert (claim.batch_id, request_id, max_attempts, now_ms) == (1, "", 9, self.now_ms())
        self.settled += settlements
        return self.came_to

    def all(self) -> Sequence[Breaker]:
        return list(self.remembered.values())

    def put(self, breaker: Breaker) -> None:
        self.remembered[breaker.bucket] = breaker

    def remove(self, bucket: str) -> None:
        del self.remembered[bucket]

    def due_in_s(self) -> float:
        """Return how far ahead the last entry is due again."""
        return (self.settled[-1].due_at - self.now_ms()) / 1000


def breakers(world: World, max_delay_ms: int = 3_600_000) -> Breakers:
    patience = Patience(first_delay_ms=2_000, max_delay_ms=max_delay_ms)
    return Breakers(
        world,
        clock=world,
        jitter=lambda: 0.999,
        patience=patience,
        give_up=world.give_up,
        emit=lambda event, **_fields: world.emitted.append(event),
    )


def calling(world: World) -> Calling:
    policy = Policy(
        max_attempts=9,
        first_delay_ms=2_000,
        max_delay_ms=3_600_000,
        concurrent_calls=8,
        patience_s=30,
    )
    return Calling(
        world,
        world,
        breakers=breakers(world),
        describe=lambda entry: Media(bucket="b", key=entry.key, file_url=f"https://b/{entry.key}", title="t"),
        head=lambda _bucket, key: ObjectInfo(key, "E", 1, 0),
        clock=world,
        jitter=lambda: 0.999,
        policy=policy,
        emit=lambda *_args, **_fields: None,
    )


def claim(attempts: int = 0, doubts: int = 0) -> Claim:
    entry = Entry(
        bucket="b", key="k", watch="w", etag="E", size_bytes=1, modified_at=0, attempts=attempts, doubts=doubts
    )
    return Claim(batch_id=1, entries=(entry,))


def call(caller: Calling, world: World, answer: BatchResult | CloudError | None = None) -> None:
    """Make one call as the loop does, a moment later than the last."""
    world.at += 0.01
    world.answer = answer or world.answer
    caller.breakers.begin("b")
    caller.carry_out(GROUP, claim(), world.at)


def test_a_first_refusal_is_due_at_once_and_later_ones_wait_twice_as_long_each() -> None:
    world = World(BatchResult(outcomes={"k": REFUSED}))
    caller = calling(world)
    waits = []
    for attempts in range(5):
        caller.carry_out(GROUP, claim(attempts), world.at)
        waits.append(round(world.due_in_s()))
    assert waits == [0, 2, 4, 8, 16]


def test_an_entry_that_no_answer_mentions_waits_longer_each_time_and_stops_nobody_else() -> None:
    world = World(UNMENTIONED)
    caller = calling(world)
    waits = []
    for doubts in range(5):
        caller.carry_out(GROUP, claim(doubts=doubts), world.at)
        waits.append(round(world.due_in_s()))
    assert waits == [2, 4, 8, 16, 32]
    assert caller.breakers.admit("b") is Admission.CALL


def test_retry_after_is_honoured_and_capped() -> None:
    world = World(Throttled("slow", retry_after_s=20))
    caller = calling(world)
    caller.carry_out(GROUP, claim(), world.at)
    assert world.due_in_s() == 20
    world.answer = Throttled("slow", retry_after_s=99_999)
    caller.carry_out(GROUP, claim(), world.at)
    assert world.due_in_s() == 3600


@pytest.mark.parametrize("answer", [NotSent("no"), UNANSWERED, Unanswered("?")])
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
    assert rests == [2, 4, 8, 15, 32, 60, 60, 60]  # the fourth was brought forward: the run gives up a second later
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
    for answer in (NotSent("no"), Throttled("slow")):
        world = World(answer)
        world.give_up.begin()
        caller = calling(world)
        for _ in range(3):
            call(caller, world)
        assert caller.breakers.worthwhile("b")
        world.at += 31
        assert not caller.breakers.worthwhile("b")
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
    assert (caller.breakers.admit("b"), caller.breakers.admit("other")) == (Admission.NONE, Admission.CALL)
    call(caller, world, AccountRefused("arrears"))
    assert caller.breakers.admit("other") is Admission.NONE
    assert str(caller.breakers.error(["b"], waiting=True)) == "arrears"
    assert {type(settlement.outcome) for settlement in world.settled} == {Unknown}
    assert {settlement.due_at <= world.now_ms() for settlement in world.settled} == {True}


def test_a_fault_met_while_halving_stops_calls_too() -> None:
    world = World(BatchResult(outcomes={"k": Unknown(message="stop")}, error=AccountRefused("stop")))
    caller = calling(world)
    call(caller, world)
    assert caller.breakers.admit("b") is Admission.NONE


def test_a_remembered_breaker_is_probed_at_once_by_one_call_and_an_answer_closes_it() -> None:
    world = World(AccountRefused("arrears", hint="pay"))
    call(calling(world), world)
    assert world.remembered[""].reason == "arrears"

    later = calling(world)
    assert later.breakers.admit("b") is Admission.PROBE
    later.breakers.begin("b")
    assert later.breakers.admit("b") is Admission.NONE
    call(later, world)
    assert (later.breakers.admit("b"), later.breakers.worthwhile("b")) == (Admission.NONE, False)
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
    first.breakers.enter(began)
    first.breakers.answered(second.bucket)
    assert "" in world.remembered


def test_a_call_held_back_is_no_verdict_and_the_probe_may_be_made_again() -> None:
    world = World(AccountRefused("arrears"))
    call(calling(world), world)
    later = calling(world)
    call(later, world, HeldBack("stopping"))
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
    assert later.breakers.admit("b") is Admission.PROBE_ALONE, "a file's own reason is no verdict on the bucket"
    world.came_to = Settled(registered=1, streak_ended=True)
    call(later, world, ACCEPTED)
    assert (later.breakers.admit("b"), world.remembered) == (Admission.CALL, {})


def test_a_refused_probe_of_an_account_does_not_wait_beyond_the_longest_delay() -> None:
    world = World(AccountRefused("arrears"))
    world.remembered[""] = Breaker(bucket="", kind=BreakerKind.REFUSED, reason="r", hint="", opened_at=0, probes=40)
    found = breakers(world, max_delay_ms=10_000)
    found.begin("b")
    found.enter(world.at)
    found.failed("b", AccountRefused("arrears", retry_after_s=9999))
    assert round(found.rest_s("b")) == 10

"""What one call comes to: when each entry is due again, and what the answer says of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from watcher.calling import Calling, Group, Policy
from watcher.errors import AccountRefused, BucketRefused, CloudError, NotSent, Throttled
from watcher.model import (
    BatchResult,
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


class World:
    """A clock that moves when told, a ledger that remembers what was settled, a registrar that does as told."""

    def __init__(self, answer: BatchResult | CloudError) -> None:
        self.answer = answer
        self.at = 1000.0
        self.settled: list[Settlement] = []

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
        return Settled()

    def due_in_s(self) -> float:
        """Return how far ahead the last entry is due again."""
        return (self.settled[-1].due_at - self.now_ms()) / 1000


def calling(world: World) -> Calling:
    policy = Policy(
        max_attempts=9,
        first_delay_ms=2_000,
        max_delay_ms=3_600_000,
        max_bytes=None,
        concurrent_calls=8,
        patience_s=30,
    )
    return Calling(
        world,
        world,
        describe=lambda entry: Media(bucket="b", key=entry.key, file_url=f"https://b/{entry.key}", title="t"),
        head=lambda _bucket, key: ObjectInfo(key, "E", 1, 0),
        clock=world,
        jitter=lambda: 0.999,
        policy=policy,
        emit=lambda *_args, **_fields: None,
    )


def claim(attempts: int = 0) -> Claim:
    entry = Entry(bucket="b", key="k", watch="w", etag="E", size_bytes=1, modified_at=0, attempts=attempts)
    return Claim(batch_id=1, entries=(entry,))


def test_a_first_refusal_is_due_at_once_and_later_ones_wait_twice_as_long_each() -> None:
    world = World(BatchResult(outcomes={"k": Refused(reason=Failure.REFUSED, message="no")}))
    caller = calling(world)
    waits = []
    for attempts in range(5):
        caller.carry_out(GROUP, claim(attempts))
        waits.append(round(world.due_in_s()))
    assert waits == [0, 2, 4, 8, 16]


def test_retry_after_is_honoured_and_capped() -> None:
    world = World(Throttled("slow", retry_after_s=20))
    caller = calling(world)
    caller.carry_out(GROUP, claim())
    assert world.due_in_s() == 20
    world.answer = Throttled("slow", retry_after_s=99_999)
    caller.carry_out(GROUP, claim())
    assert world.due_in_s() == 3600


@pytest.mark.parametrize("answer", [NotSent("no"), BatchResult(outcomes={"k": Unknown(message="?")})])
def test_three_unanswered_calls_in_a_row_make_it_unreachable(answer: BatchResult | CloudError) -> None:
    world = World(answer)
    caller = calling(world)
    for n in range(3):
        assert caller.unreachable is False, n
        caller.carry_out(GROUP, claim())
        world.at += 1
    assert (caller.unreachable, caller.resting, caller.open_to("b")) == (True, True, True)
    world.at += 60
    assert (caller.resting, caller.open_to("b")) == (False, False)


def test_throttling_is_an_answer_and_never_unreachable_but_given_up_when_nothing_else_comes() -> None:
    world = World(Throttled("slow"))
    caller = calling(world)
    for _ in range(10):
        caller.carry_out(GROUP, claim())
        world.at += 2
    assert (caller.unreachable, caller.resting, caller.open_to("b")) == (False, False, True)
    world.at += 20
    assert caller.open_to("b") is False


def test_a_fault_of_the_account_stops_all_and_one_of_a_bucket_that_bucket() -> None:
    world = World(BucketRefused("not added"))
    caller = calling(world)
    caller.carry_out(GROUP, claim())
    assert (caller.halted, caller.open_to("b"), caller.open_to("other")) == (True, False, True)
    world.answer = AccountRefused("arrears")
    caller.carry_out(GROUP, claim())
    assert caller.open_to("other") is False
    assert str(caller.error) == "arrears"
    assert {type(settlement.outcome) for settlement in world.settled} == {Unknown}


def test_a_fault_met_while_halving_stops_calls_too() -> None:
    world = World(BatchResult(outcomes={"k": Unknown(message="stop")}, error=AccountRefused("stop")))
    caller = calling(world)
    caller.carry_out(GROUP, claim())
    assert caller.open_to("b") is False

"""One call of a claim, with a ledger and a VOD that follow a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.errors import (
    CloudError,
    Unanswered,
)
from watcher.model import (
    Accepted,
    BatchResult,
    Breaker,
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
from watcher.registration.admission import Admissions
from watcher.registration.breaker import OpenBreakers, ProbeIntervals
from watcher.registration.call import BatchCaller, Group, Policy
from watcher.registration.give_up import GiveUp
from watcher.registration.ticket import Admission, CallTicket
from watcher.registration.verdict import Verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTIONS = CallOptions()
GROUP = Group(bucket="b", watches=("w",), options=OPTIONS)
REFUSED = Refused(reason=Failure.REFUSED, message="no")
UNMENTIONED = BatchResult(outcomes={"k": Unknown(message="?", unmentioned=True)})
UNANSWERED = BatchResult(outcomes={"k": Unknown(message="?")}, error=Unanswered("?"))
ACCEPTED = BatchResult(outcomes={"k": Accepted(media_id="m", new_register=True)})


class World:
    """A clock moved by hand, a ledger that keeps settlements, a registrar with a set answer."""

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
        self,
        claim: Claim,
        settlements: Sequence[Settlement],
        *,
        request_id: str,
        max_attempts: int,
        now_ms: int,
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


class Process:
    """A process that makes calls, and knows the breakers that an earlier one left open."""

    def __init__(self, world: World, max_delay_ms: int = 3_600_000) -> None:
        self.world = world
        breakers = OpenBreakers(
            world,
            clock=world,
            jitter=lambda: 0.999,
            intervals=ProbeIntervals(first_delay_ms=2_000, max_delay_ms=max_delay_ms),
            emit=lambda event, **_fields: world.emitted.append(event),
        )
        self.admissions = Admissions(
            breakers, clock=world, give_up=world.give_up, ends_on_refusal=True
        )
        self.verdicts = Verdicts(breakers, clock=world)
        self._caller = caller(world, self.verdicts)

    def admits(self, bucket: str = "b") -> Admission | None:
        """Return which call may be made now."""
        admitted = self.admissions.admit(bucket)
        return admitted.admission if admitted else None

    def call(self, answer: BatchResult | CloudError | None = None) -> None:
        """Make one call as the loop does, a moment later than the last."""
        self.world.at += 0.01
        self.world.answer = answer or self.world.answer
        self.admissions.claimed(ticket(self.world))
        self.settle(claim())

    def settle(self, claimed: Claim) -> None:
        """Make the call of a claim."""
        self._caller.run(GROUP, claimed, ticket(self.world))


def ticket(world: World, bucket: str = "b") -> CallTicket:
    """Return the leave to call now, whatever the breakers say."""
    return CallTicket(bucket=bucket, admission=Admission.CALL, admitted_at=world.at)


def caller(world: World, verdicts: Verdicts) -> BatchCaller:
    policy = Policy(
        max_attempts=9,
        first_delay_ms=2_000,
        max_delay_ms=3_600_000,
        concurrent_calls=8,
        patience_s=30,
        give_up_after_s=30,
    )
    return BatchCaller(
        world,
        lambda _ticket: world,
        verdicts=verdicts,
        describe=lambda entry: Media(
            bucket="b", key=entry.key, file_url=f"https://b/{entry.key}", title="t"
        ),
        head=lambda _bucket, key: ObjectInfo(key, "E", 1, 0),
        clock=world,
        jitter=lambda: 0.999,
        policy=policy,
        emit=lambda *_args, **_fields: None,
    )


def claim(attempts: int = 0, unknown_outcomes: int = 0) -> Claim:
    entry = Entry(
        bucket="b",
        key="k",
        watch="w",
        etag="E",
        size_bytes=1,
        modified_at=0,
        attempts=attempts,
        unknown_outcomes=unknown_outcomes,
    )
    return Claim(batch_id=1, entries=(entry,))

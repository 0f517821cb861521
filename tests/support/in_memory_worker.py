"""The registration worker of an in-memory world, with the fakes in place of the clouds."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from watcher.registration.call import BatchCaller
from watcher.registration.gate import Gate
from watcher.registration.give_up import LimitedClock
from watcher.registration.placement import Placed, Placement
from watcher.registration.rate_limit import RateLimit
from watcher.registration.worker import RegistrationWorker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.in_memory_app import World
    from watcher.registration.breaker import Breakers
    from watcher.registration.give_up import GiveUp


@contextlib.contextmanager
def worker_of(world: World, breakers: Breakers, give_up: GiveUp) -> Iterator[RegistrationWorker]:
    """Yield a worker as `wiring.factory` builds it, with the fakes of a world."""
    memory, terms = world._ledger.breakers, world.terms
    patience_s = terms.policy.patience_s if world._backfill else world._patience_s
    policy = replace(terms.policy, concurrent_calls=world._concurrent_calls, patience_s=patience_s)
    gate = Gate(world.vod, check=breakers.check)
    limit = RateLimit(
        gate,
        calls_per_second=25,
        given=memory.calls_per_second(),
        clock=LimitedClock(world.clock, give_up),
        changed=mute,
        remember=memory.remember_calls_per_second,
    )
    placement = Placement(
        terms.config.vod.parameters_in,
        world._ledger.body_refusal,
        version="1",
        clock=world.clock,
        emit=mute,
    )
    calling = BatchCaller(
        world._ledger.queue,
        Placed(limit, placement),
        breakers=breakers,
        describe=terms.describe,
        head=lambda _bucket, key: world.bucket.below("").head(key),
        clock=world.clock,
        jitter=half,
        policy=policy,
        emit=mute,
    )
    yield RegistrationWorker(
        world._ledger.queue,
        calling,
        groups=terms.groups(),
        describe=terms.describe,
        clock=world.clock,
        policy=policy,
        give_up=give_up,
        max_bytes=placement.max_bytes,
        progress=mute,
        calls=lambda: gate.calls,
    )
    limit.write_down()


def half() -> float:
    """Return the same jitter each time."""
    return 0.5


def mute(*_: object, **__: object) -> None:
    """Report nothing."""

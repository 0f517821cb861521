"""The registration of an in-memory world, with the fakes in place of the clouds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watcher.wiring.registration import Registration

if TYPE_CHECKING:
    from tests.support.in_memory_app import World


def registration_of(world: World) -> Registration:
    """Return what registers, as `wiring.factory` builds it, with the fakes of a world."""
    resolved = world.resolved
    policy = replace(resolved.policy, concurrent_calls=world._concurrent_calls)
    if not world._backfill:
        policy = replace(policy, patience_s=world._patience_s, give_up_after_s=world._patience_s)
    return Registration(
        resolved,
        policy=policy,
        ledger=world._ledger,
        registrar=world.vod,
        head=lambda _bucket, key: world.bucket.below("").head(key),
        clock=world.clock,
        jitter=half,
        emit=mute,
    )


def half() -> float:
    """Return the same jitter each time."""
    return 0.5


def mute(*_: object, **__: object) -> None:
    """Report nothing."""

"""Where the objects of a watch come from: its bucket, a list of keys or an inventory."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from watcher.discovery.key_list import KeyListSource
from watcher.discovery.key_lookup import KeyLookup
from watcher.discovery.listing.bucket import BucketListing
from watcher.discovery.listing.snapshot import SnapshotPieces
from watcher.observe import logs
from watcher.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.discovery.pieces import PieceSource
    from watcher.ports import Clock, Snapshot
    from watcher.wiring.clients import Cloud
    from watcher.wiring.resolved import ResolvedConfig


def piece_source(
    name: str,
    resolved: ResolvedConfig,
    cloud: Cloud,
    clock: Clock,
    *,
    emit: Callable[..., None],
    snapshot: Snapshot | None,
    gone: Callable[[str, str], None],
) -> PieceSource:
    """Return the source of a watch's objects.

    `snapshot` is the inventory in place of the listing. `gone` is called with (bucket, key) of each
    given key that is not there.
    """
    target, watch = resolved.target(name), resolved.watches[name]
    if snapshot is not None:
        return SnapshotPieces(snapshot, above=target.above, upto=target.upto)
    if resolved.backfill is not None and resolved.backfill.keys is not None:
        lookup = KeyLookup(
            cloud.sources[name],
            clock=clock,
            jitter=random.random,
            concurrency=watch.list_concurrency,
            pace=Pace(watch.list_calls_per_second, clock).wait,
        )
        return KeyListSource(
            lookup,
            resolved.backfill.keys[name],
            gone=gone,
            above=target.above,
            upto=target.upto,
        )
    return BucketListing(
        cloud.sources[name],
        pace=cloud.paces[name].wait,
        clock=clock,
        jitter=random.random,
        concurrency=watch.list_concurrency,
        lowered=lambda n: emit(logs.THROTTLE_LOWERED, watch=name, list_concurrency=n),
        above=target.above,
        upto=target.upto,
    )

"""The parts that only a backfill needs: where its objects come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.keylist import KeyList
from watcher.limits import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.ports import Clock, Source
    from watcher.wiring.cloud import Cloud
    from watcher.wiring.terms import Terms


def source_of(name: str, terms: Terms, cloud: Cloud, clock: Clock, *, gone: Callable[[str, str], None]) -> Source:
    """Return where the objects of a watch come from: its bucket, or a list of keys."""
    source: Source = cloud.sources[name]
    if terms.backfill is None:
        return source
    filters, keys = terms.backfill.filters, terms.backfill.keys
    if keys is None:
        return source
    watch = terms.watches[name]
    inside = (
        key for key in keys[name] if key > filters.start_after and (not filters.end_with or key <= filters.end_with)
    )
    return KeyList(
        source,
        inside,
        clock=clock,
        concurrency=watch.list_concurrency,
        pace=Pace(watch.list_calls_per_second, clock).wait,
        gone=gone,
    )

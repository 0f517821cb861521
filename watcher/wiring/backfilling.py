"""The parts that only a backfill needs: where its objects come from, and registering by another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.backfill import Beside, wait_for_owner
from watcher.errors import CloudError
from watcher.keylist import KeyList
from watcher.limits import Pace
from watcher.wiring.owning import take_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.ledger import Ledger, ProcessLock
    from watcher.model import Standing
    from watcher.ports import Clock, Progress, Source
    from watcher.turn import TurnReport
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


def await_owner(
    report: TurnReport,
    *,
    ledger: Ledger,
    lock: ProcessLock,
    terms: Terms,
    clock: Clock,
    progress: Progress,
    before: Standing,
) -> bool:
    """Wait for the process that registers, and count in `report` what it did; return whether the lock is now ours.

    `before` is how the chosen watches stood when this process began.  What stopped calls is the report's error.
    """
    done = report.registered

    def in_line() -> bool:
        now = ledger.backlog.standing(terms.chosen)
        done.registered = max(0, now.registered - before.registered)
        done.failed = max(0, now.failed - before.failed)
        progress.registered(done)
        waiting = any(ledger.queue.next_due_at(group.bucket, group.watches) is not None for group in terms.groups())
        return waiting or now.claimed > 0

    def stopped() -> CloudError | None:
        scopes = {"", *(group.bucket for group in terms.groups())}
        return next(
            (CloudError(b.reason, hint=b.hint) for b in ledger.breakers.all() if b.bucket in scopes),
            None,
        )

    try:
        ended = wait_for_owner(
            in_line=in_line, try_acquire=lambda: take_lock(lock, clock.wait), stopped=stopped, clock=clock
        )
    except CloudError as error:
        report.error = error
        return False
    in_line()  # nobody else registers now: the last count is final
    return ended is Beside.TAKEN_OVER
